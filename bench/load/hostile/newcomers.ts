// Load: honest clients, one after the other, each of which connects, creates a stream, puts a record and reads it. Runs in a
// load process. A client that gets no answer is counted as failed when its deadline has passed.
import { connect } from '../../harness/connect.ts'
import { monotonicMs } from '../../harness/clock.ts'
import { within } from '../../harness/deadline.ts'
import { type HistogramText, LatencyRecorder } from '../../harness/latency.ts'
import type { LoadControl } from '../job.ts'

export interface NewcomersSettings {
  readonly url: string
  /** The names of their streams begin with this. */
  readonly streams: string
  /** How many come, unless it is stopped before. */
  readonly clients: number
  /** A client that is not done by then has failed. */
  readonly deadlineMs: number
}

export interface NewcomersResult {
  readonly came: number
  readonly served: number
  /** From the dial to the first answer to a request, and to the end of the client's work. A failure counts as its deadline. */
  readonly firstAnswers: HistogramText
  readonly wholes: HistogramText
  readonly failures: readonly string[]
}

const FAILURES_KEPT = 5

export async function runNewcomers(
  settings: NewcomersSettings,
  control: LoadControl,
): Promise<NewcomersResult> {
  const firstAnswers = new LatencyRecorder()
  const wholes = new LatencyRecorder()
  const failures: string[] = []
  let came = 0
  let served = 0
  while (came < settings.clients && !control.stopped.aborted) {
    const startedAt = monotonicMs()
    let answeredAt: number | undefined
    const stream = `${settings.streams}-${came++}`
    const onAnswer = () => (answeredAt = monotonicMs())
    try {
      const signal = AbortSignal.timeout(settings.deadlineMs)
      // The signal ends every wait of the client; a second bound holds if the client does not heed it.
      await within(
        2 * settings.deadlineMs,
        'a new client',
        beServed({ ...settings, stream, signal, onAnswer }),
      )
      served++
      wholes.record(monotonicMs() - startedAt)
    } catch (error) {
      if (failures.length < FAILURES_KEPT)
        failures.push(error instanceof Error ? error.message : String(error))
      wholes.record(settings.deadlineMs)
    }
    firstAnswers.record(answeredAt === undefined ? settings.deadlineMs : answeredAt - startedAt)
  }
  return { came, served, firstAnswers: firstAnswers.toText(), wholes: wholes.toText(), failures }
}

interface Visit {
  readonly url: string
  readonly stream: string
  readonly signal: AbortSignal
  readonly onAnswer: () => void
}

async function beServed({ url, stream, signal, onAnswer }: Visit): Promise<void> {
  await using client = await connect(url, { signal })
  await client.createStream(stream)
  onAnswer()
  await client.put(stream, { partitionKey: 'newcomer', data: Buffer.from('hello') })
  let records = 0
  for await (const _record of client.read(stream)) records++
  if (records !== 1) throw new Error(`${records} records were read of 1`)
}
