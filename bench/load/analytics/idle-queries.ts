// Load: not a load, but queries over a stream to which nothing comes. They are deleted when it is stopped. Runs in a load process.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../../harness/connect.ts'
import { queryKinds, type QueryReport } from '../../../protocol/index.ts'
import type { LoadControl } from '../job.ts'
import { doorOf, queryDefinitions } from './analytics-app.ts'
import { clickColumns } from './clicks.ts'

export interface IdleQueriesSettings {
  readonly url: string
  readonly stream: string
  readonly target: string
  readonly queries: number
}

const LOOK_EVERY_MS = 200

/** Is ready when all of them run. */
export async function runIdleQueries(
  { url, stream, target, queries }: IdleQueriesSettings,
  control: LoadControl,
): Promise<null> {
  const { createQuery, deleteQuery } = await queryDefinitions()
  await using client = await connect(url)
  await client.createStream(target, { shards: 1 })
  const sql = `INSERT INTO ${target} SELECT window_start, page, count(*) AS n FROM TUMBLE(TABLE ${stream}, DESCRIPTOR(arrival_time), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`
  const names = Array.from({ length: queries }, (_, i) => `idle-${i}`)
  for (const name of names)
    await createQuery(doorOf(client), name, { sql, columns: { [stream]: clickColumns } })
  const reports = client.documents<QueryReport>(queryKinds.reports)
  for (const name of names)
    while ((await reports.get(name))?.value.state !== 'running') await delay(LOOK_EVERY_MS)
  control.ready()
  if (!control.stopped.aborted) await once(control.stopped, 'abort')
  for (const name of names) await deleteQuery(doorOf(client), name)
  return null
}
