// What every record has beside the fields of its payload, as columns: one table. Pure. A field of the payload with one of these names is
// not seen.
import type { StreamRecord } from 'millrace'

/** A record as a row. */
export interface RowRecord extends StreamRecord {
  /** The sequence number that is shown, of a record that was forwarded: its own one is where it stands now. */
  readonly originNumber?: number
}

/** A column that a record has by itself. */
interface RecordColumn {
  /** One sentence for the documentation. */
  readonly doc: string
  /** Type of DuckDB. */
  readonly type: string
  /** What the spool has of it: JSON without control characters, read as a type of DuckDB; undefined where the spool has it in any case. */
  readonly spool:
    { readonly json: (record: RowRecord) => string; readonly type: 'VARCHAR' | 'JSON' | 'BIGINT' } | undefined
  /** SQL over it, in the column of this name, and over `spoolColumns`. */
  readonly sql: string
}

/** Columns that the spool has of every row: where it came from, and when. */
export const spoolColumns = {
  millrace_shard: 'INTEGER',
  millrace_sequence: 'BIGINT',
  millrace_arrival: 'BIGINT',
} as const

/** Key of the numbers of `spoolColumns` in a line of the spool: shard, arrival, sequence. */
export const ROW_KEY = '~row'

/** Key of a record's column in a line of the spool: none that a payload is likely to have. */
export function spoolKeyOf(name: RecordColumnName): string {
  return `~${name}`
}

export const recordColumns = {
  arrival_time: {
    doc: 'When the broker took the record, in UTC, to the millisecond.',
    type: 'TIMESTAMP',
    spool: undefined,
    sql: 'epoch_ms(millrace_arrival)',
  },
  partition_key: {
    doc: 'The partition key.',
    type: 'VARCHAR',
    spool: { json: ({ partitionKey }) => JSON.stringify(partitionKey), type: 'VARCHAR' },
    sql: 'partition_key',
  },
  sequence_number: {
    doc: 'The sequence number, which rises within a shard.',
    type: 'BIGINT',
    spool: { json: (record) => String(numberOf(record)), type: 'BIGINT' },
    sql: 'sequence_number',
  },
  shard_id: {
    doc: 'The shard, as `shardId-000000000003`.',
    type: 'VARCHAR',
    spool: { json: ({ shardId }) => JSON.stringify(shardId), type: 'VARCHAR' },
    sql: 'shard_id',
  },
  headers: {
    doc: 'The headers, as a JSON object of texts; bytes that are no text stand in base64.',
    type: 'JSON',
    spool: { json: ({ headers }) => headersJson(headers), type: 'JSON' },
    sql: 'headers',
  },
  data: {
    doc: 'The payload as it was stored.',
    type: 'BLOB',
    spool: {
      json: ({ bytes }) =>
        `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}"`,
      type: 'VARCHAR',
    },
    sql: 'from_base64(data)',
  },
} as const satisfies Record<string, RecordColumn>

export type RecordColumnName = keyof typeof recordColumns

/** Whether each record has a column of this name. */
export function isRecordColumn(name: string): name is RecordColumnName {
  return Object.hasOwn(recordColumns, name)
}

/** Returns the sequence number of a record that people know it by. */
export function numberOf({ originNumber, sequenceNumber }: RowRecord): number {
  return originNumber ?? sequenceNumber
}

function headersJson(headers: StreamRecord['headers']): string {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
    const text = bytes.toString('utf8')
    texts[name] = Buffer.from(text, 'utf8').equals(bytes) ? text : bytes.toString('base64')
  }
  return JSON.stringify(texts)
}
