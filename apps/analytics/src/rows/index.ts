// Records as rows, as the rest of the app uses them.
export { foundColumns } from './found-columns.ts'
export {
  isRecordColumn,
  numberOf,
  recordColumns,
  spoolColumns,
  type RecordColumnName,
  type RowRecord,
} from './record-columns.ts'
export {
  RowTable,
  type LoadedRows,
  type RefusedRow,
  type RowColumn,
  type RowTableOptions,
  type RowTableShape,
} from './row-table.ts'
export { quotedName, quotedText } from './sql-text.ts'
