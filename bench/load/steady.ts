// Load: a producer that sends timed records at an even rate, which other processes time, for a time or until it is stopped.
// Runs in a load process.
import { connect } from '../harness/connect.ts'
import type { LoadControl } from './job.ts'
import { runOpenLoop } from '../../cli/load-test/pacing/open-loop.ts'
import { timedPayload } from './timed-record.ts'

export interface SteadySettings {
  readonly url: string
  readonly stream: string
  readonly recordBytes: number
  readonly perSecond: number
  /** Infinity for until it is stopped. */
  readonly seconds: number
}

export interface SteadyResult {
  /** Records that were sent, all of which were acknowledged. */
  readonly sent: number
}

const KEYS = 1024

export async function runSteady(settings: SteadySettings, control: LoadControl): Promise<SteadyResult> {
  await using client = await connect(settings.url)
  const failures: unknown[] = []
  const producer = await client.producer(settings.stream, { onRefused: (error) => failures.push(error) })
  let sent = 0
  await runOpenLoop({
    perSecond: settings.perSecond,
    seconds: settings.seconds,
    stopped: control.stopped,
    send(intendedAt) {
      sent++
      const data = timedPayload(settings.recordBytes, intendedAt)
      void producer.push({ partitionKey: `key-${sent % KEYS}`, data })
    },
  })
  await producer.close()
  if (failures.length > 0) throw failures[0]
  return { sent }
}
