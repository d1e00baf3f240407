// A question of the table on a broker: its records in streams, and its definition.
import type { CaseRecord, DialectCase } from './case.ts'
import type { QueryApp } from '../query-app.ts'

export const DAY_MS = 86_400_000

/** A record days behind all others ends what waits for the watermark; nothing comes of it. */
const closing = '2020-04-20T00:00:00Z'

/** The watermark when that has been read, by how much rows may come late. */
export const closedAt = (outOfOrderMs: number): number => Date.parse(closing) - outOfOrderMs

/** Whether results wait for a watermark; others are of each row, the last one too. */
export const isOfMoments = ({ sql }: Pick<DialectCase, 'sql'>): boolean =>
  /descriptor|\bover\b|between|\bstep\b|\.ts [<>]/i.test(sql)

/** Puts the records of a question; returns how many there are, with those that end it. */
export async function putRecords(
  { client }: QueryApp,
  one: Pick<DialectCase, 'sql' | 'streams'>,
): Promise<number> {
  let count = 0
  for (const [stream, { columns, records }] of Object.entries(one.streams)) {
    await client.createStream(stream)
    const times = Object.keys(columns).filter((name) => columns[name] === 'TIMESTAMP')
    const last = Object.fromEntries(times.map((name) => [name, closing]))
    const all = [...records, ...(isOfMoments(one) ? [last] : [])].map((record) => {
      const fields: CaseRecord = { ...record }
      const own = Object.entries(fields).filter(([name]) => name !== 'arrival_time')
      return { partitionKey: 'k', data: JSON.stringify(Object.fromEntries(own)) }
    })
    await client.putMany(stream, all)
    count += all.length
  }
  return count
}

/** Makes the query `q` of a question, and the streams that it writes to. */
export async function createCase(
  app: QueryApp,
  one: Pick<DialectCase, 'sql' | 'streams'>,
  { targets, outOfOrderMs = DAY_MS }: { readonly targets: readonly string[]; readonly outOfOrderMs?: number },
): Promise<void> {
  for (const target of targets) await app.client.createStream(target)
  const columns = Object.fromEntries(
    Object.entries(one.streams).map(([name, stream]) => [name, stream.columns]),
  )
  await app.create('q', one.sql, { columns, time: { outOfOrderMs, idleMs: DAY_MS } })
}
