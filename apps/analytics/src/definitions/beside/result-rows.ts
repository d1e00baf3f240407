// Results that lie in a stream, as a table: the columns of a statement, of the payloads. Runs wherever there is a client.
import { parseShardId } from 'millrace/protocol'
import type { Client } from 'millrace'
import type { EngineSession } from '../../engine/index.ts'
import { quotedName, quotedText, RowTable } from '../../rows/index.ts'
import type { ResultColumn } from '../sql-check.ts'
import type { ResultKeys } from './result-keys.ts'

/** Bytes of records that are loaded together. */
const LOAD_BYTES = 8 * 1024 ** 2

/** A column of this name is the partition key of a result, and no part of its payload. */
const KEY_COLUMN = 'partition_key'

/** Types that JSON is read as; others are compared as JSON. */
const plain =
  /^(BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,\d+\)|FLOAT|DOUBLE|VARCHAR|DATE|TIME|TIMESTAMP|UUID)$/

/**
 * Makes a table of the results that a stream holds now, of those since a time of arrival in milliseconds: their columns, and
 * `millrace_moment`. Returns how many records are no results.
 */
export async function readResults(
  {
    client,
    session,
    path,
  }: { readonly client: Client; readonly session: EngineSession; readonly path: string },
  of: {
    readonly stream: string
    readonly keys: ResultKeys
    readonly since: number
    readonly table: string
  },
): Promise<number> {
  const { stream, keys, since, table } = of
  const records = `${table}_records`
  const columns = [
    { name: 'data', type: 'BLOB' },
    { name: KEY_COLUMN, type: 'VARCHAR' },
    { name: 'arrival_time', type: 'TIMESTAMP' },
    { name: 'sequence_number', type: 'BIGINT' },
  ]
  const rows = await RowTable.create(
    session,
    { held: `${records}_held`, relation: records, time: undefined, columns },
    path,
  )
  const from = since === 0 ? 'TRIM_HORIZON' : { atTimestamp: since }
  for await (const batch of client.read(stream, { from, onTrimmed: 'horizon' }).batches()) {
    rows.addBatch(batch, parseShardId(batch[0]!.shardId))
    if (rows.waitingBytes >= LOAD_BYTES) await rows.loadKept()
  }
  await rows.loadKept()
  const shape = Object.fromEntries(
    keys.columns.map(({ name, type }) => [name, plain.test(type) ? type : 'JSON']),
  )
  const payloads = `SELECT *, TRY_CAST(TRY(decode(data)) AS JSON) AS payload FROM ${records}`
  const read = `SELECT *, from_json(payload, ${quotedText(JSON.stringify(shape))}) AS result
    FROM (${payloads}) WHERE json_type(payload) = 'OBJECT'`
  const values = keys.columns.map((column) => `${valueOf(column)} AS ${quotedName(column.name)}`)
  const place = 'arrival_time AS millrace_arrival, sequence_number AS millrace_number'
  const last =
    keys.changes && keys.keys.size > 0
      ? `QUALIFY row_number() OVER (PARTITION BY ${[...keys.keys].map(quotedName).join(', ')} ORDER BY millrace_arrival DESC, millrace_number DESC) = 1`
      : ''
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${table} AS
     SELECT *, (${keys.moment ?? 'NULL'})::TIMESTAMP AS millrace_moment FROM (SELECT ${[...values, place].join(', ')} FROM (${read})) ${last}`,
  )
  const [counts] = (await session.rows(
    `SELECT count(*)::DOUBLE AS unreadable FROM (${payloads}) WHERE json_type(payload) IS DISTINCT FROM 'OBJECT'`,
  )) as readonly { readonly unreadable: number }[]
  await session.run(`DROP VIEW ${records}; DROP TABLE ${quotedName(`${records}_held`)}`)
  return counts!.unreadable
}

/** A sum of numbers with a point is another one in its last digits when they are added in another order. */
function valueOf({ name, type }: ResultColumn): string {
  const value = name === KEY_COLUMN ? KEY_COLUMN : `result.${quotedName(name)}`
  return /^(FLOAT|DOUBLE)$/.test(type) ? `format('{:.12g}', ${value}::DOUBLE)::DOUBLE` : value
}
