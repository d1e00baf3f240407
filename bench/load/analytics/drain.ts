// Load: a continuous query over all that a stream holds. Runs in a load process; the app is another one.
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import type { LoadControl } from '../job.ts'
import { doorOf, queryDefinitions } from './analytics-app.ts'
import { clickColumns } from './clicks.ts'

export interface QueryDrainSettings {
  readonly url: string
  readonly name: string
  readonly stream: string
  readonly target: string
  readonly sql: string
  /** What the column `n` of all results is together. */
  readonly expected: number
}

export interface QueryDrainResult {
  readonly seconds: number
  readonly results: number
}

/** From the creation of the query until its last result is read. Rejects where it gives more than is expected. */
export async function runQueryDrain(
  settings: QueryDrainSettings,
  control: LoadControl,
): Promise<QueryDrainResult> {
  const { url, name, stream, target, sql, expected } = settings
  const { createQuery, deleteQuery } = await queryDefinitions()
  await using client = await connect(url)
  const door = doorOf(client)
  await client.createStream(target, { shards: 1 })
  control.ready()
  const startedAt = monotonicMs()
  await createQuery(door, name, { sql, columns: { [stream]: clickColumns } })
  let results = 0
  let rows = 0
  let seconds = 0
  for await (const batch of client.read(target, { follow: true }).batches()) {
    for (const { bytes } of batch) rows += (JSON.parse(Buffer.from(bytes).toString()) as { n: number }).n
    results += batch.length
    if (rows > expected) throw new Error(`Results stand for ${rows} rows, and there are ${expected}.`)
    if (rows < expected) continue
    seconds = (monotonicMs() - startedAt) / 1000
    break
  }
  await deleteQuery(door, name)
  return { seconds, results }
}
