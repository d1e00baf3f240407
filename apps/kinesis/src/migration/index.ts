// Migration between Kinesis streams and Millrace streams: what `import … from '@millrace/kinesis/migration'` gives.
export type { AwsSide } from './aws-client.ts'
export { exportToAws, type ExportTally, type ExportTask } from './export/export-stream.ts'
export { originHeaders } from './import/copied-record.ts'
export { ImportDisplaced } from './import/import-progress.ts'
export { importFromAws, type ImportTally, type ImportTask } from './import/import-stream.ts'
export type { ImportStart } from './import/source.ts'
export type { MigrationWorld } from './world.ts'
