// Load: clicks are sent at an even rate, each with the time of its sending; a continuous query counts them by second. Each result is timed
// from the end of its window. Runs in a load process; the app is another one.
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../../harness/connect.ts'
import { type HistogramText, LatencyRecorder } from '../../harness/latency.ts'
import { deferred } from '../../harness/deferred.ts'
import { queryKinds, type QueryReport } from '../../../protocol/index.ts'
import type { LoadControl } from '../job.ts'
import { runOpenLoop } from '../../../cli/load-test/pacing/open-loop.ts'
import { doorOf, queryDefinitions } from './analytics-app.ts'
import { click, clickColumns } from './clicks.ts'

export interface QueryLatencySettings {
  readonly url: string
  readonly stream: string
  readonly target: string
  readonly perSecond: number
  readonly seconds: number
}

const NAME = 'timed'
const WINDOW_MS = 1000
/** Clicks behind the last window. */
const CLOSING = 1000
const LOOK_EVERY_MS = 100
/** Seconds in which what is compiled late gets warm. */
const WARM_UP_SECONDS = 3

/** From the end of a window, by the clock that clicks are timed with, to when its result is read. */
export async function runQueryLatency(
  { url, stream, target, perSecond, seconds }: QueryLatencySettings,
  control: LoadControl,
): Promise<HistogramText> {
  const { createQuery, deleteQuery } = await queryDefinitions()
  await using client = await connect(url)
  await client.createStream(target, { shards: 1 })
  const sql = `INSERT INTO ${target} SELECT window_end, page, count(*) AS n FROM TUMBLE(TABLE ${stream}, DESCRIPTOR(ts), INTERVAL '1' SECOND) GROUP BY window_start, window_end, page`
  await createQuery(doorOf(client), NAME, {
    sql,
    columns: { [stream]: clickColumns },
    time: { outOfOrderMs: 0, idleMs: 5000 },
  })
  const reports = client.documents<QueryReport>(queryKinds.reports)
  while ((await reports.get(NAME))?.value.state !== 'running') await delay(LOOK_EVERY_MS)
  await using reader = await connect(url)
  const reading = reader.read(target, { follow: true })
  await reading.started
  const recorder = new LatencyRecorder()
  const countsFrom = Date.now() + WARM_UP_SECONDS * 1000
  const last = deferred<void>()
  let until = Infinity
  let latest = 0
  const follow = async (): Promise<void> => {
    for await (const { bytes } of reading) {
      const { window_end: text } = JSON.parse(Buffer.from(bytes).toString()) as { window_end: string }
      const end = Date.parse(text)
      if (end >= countsFrom && end <= until) recorder.record(Date.now() - end)
      latest = Math.max(latest, end)
      if (latest >= until) last.resolve()
    }
  }
  const following = follow()
  const producer = await client.producer(stream)
  const failed = deferred<never>()
  control.ready()
  let sent = 0
  const send = (): void => {
    producer.send(click(sent++, Date.now())).catch(failed.reject)
  }
  const sending = runOpenLoop({ perSecond, seconds: WARM_UP_SECONDS + seconds, send })
  await Promise.race([sending, failed.promise, following])
  until = Math.floor(Date.now() / WINDOW_MS) * WINDOW_MS
  if (latest >= until) last.resolve()
  // Of every shard one comes after the last window.
  for (let closing = 0; closing < CLOSING; closing++) send()
  await Promise.race([last.promise, failed.promise, following])
  await reading.close()
  await following
  await deleteQuery(doorOf(client), NAME)
  return recorder.toText()
}
