// Sends timed records at an even rate to a stream from which an app takes them, and beside it a plain member of a group. Runs in load processes.
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { deferred } from '../../harness/deferred.ts'
import { type HistogramText, LatencyRecorder } from '../../harness/latency.ts'
import type { LoadControl } from '../job.ts'
import { runOpenLoop } from '../../../cli/load-test/pacing/open-loop.ts'
import { untilOwned } from './group-state.ts'

const KEYS = 1024

export interface AppLatencySettings {
  readonly url: string
  readonly stream: string
  /** Where files may be made. */
  readonly directory: string
  readonly recordBytes: number
  readonly perSecond: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface AppLatencyResult {
  /** From the intended send time to where the app brings it. */
  readonly through: HistogramText
  /** From the intended send time to the handler of a plain member of a group. */
  readonly plain: HistogramText
}

/** How records come back from an app. */
export interface AppLatencySource {
  /** Fulfils when the app takes records. */
  readonly ready: () => Promise<void>
  /** Calls `take` with the intended send time of each record, and when it came. Returns how to end it. */
  readonly follow: (take: (intendedAt: number, at: number) => void) => () => void
}

/** Sends records to an app and to a plain member of a group, until each has had all of them. */
export async function timeBoth(
  { url, stream, recordBytes, perSecond, warmUpSeconds, ...settings }: AppLatencySettings,
  control: LoadControl,
  { ready, follow }: AppLatencySource,
): Promise<AppLatencyResult> {
  const seconds = warmUpSeconds + settings.seconds
  const expected = Math.round(perSecond * seconds)
  let countsFrom = Infinity
  const recorderOf = () => {
    const recorder = new LatencyRecorder()
    const all = deferred<void>()
    let received = 0
    const take = (intendedAt: number, at: number): void => {
      if (intendedAt >= countsFrom) recorder.record(at - intendedAt)
      if (++received === expected) all.resolve()
    }
    return { recorder, all: all.promise, take }
  }
  const [through, plain] = [recorderOf(), recorderOf()]
  await using reading = await connect(url)
  const name = `plain-${stream}`
  const group = reading.group({ stream, name })
  const running = group.run((records) => {
    const now = monotonicMs()
    for (const record of records) plain.take(Number.parseFloat(Buffer.from(record.bytes).toString()), now)
  })
  const end = follow(through.take)
  await Promise.race([Promise.all([untilOwned(reading, name), ready()]), running])
  await using client = await connect(url)
  const producer = await client.producer(stream)
  const failed = deferred<never>()
  control.ready()
  let sent = 0
  await runOpenLoop({
    perSecond,
    seconds,
    send(intendedAt) {
      if (sent === 0) countsFrom = intendedAt + warmUpSeconds * 1000
      const data = `${intendedAt.toFixed(3)} `.padEnd(recordBytes, 'x')
      producer.send({ partitionKey: `key-${sent++ % KEYS}`, data }).catch(failed.reject)
    },
  })
  await Promise.race([Promise.all([through.all, plain.all]), failed.promise, running])
  end()
  await group.stop()
  await running
  return { through: through.recorder.toText(), plain: plain.recorder.toText() }
}
