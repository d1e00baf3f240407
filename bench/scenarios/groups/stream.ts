// The stream that a part of the scenario reads. Runs in the bench's main process.
import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError, type Client, type GroupDescription } from '../../../client/index.ts'
import { connect } from '../../harness/connect.ts'
import type { RunningDaemon } from '../../harness/daemon.ts'
import { within } from '../../harness/deadline.ts'
import { monotonicMs } from '../../harness/clock.ts'
import type { Bench } from '../../scenario.ts'

export interface FilledStream {
  readonly stream: string
  readonly shards: number
  readonly recordBytes: number
  readonly records: number
}

const FILL_DEADLINE_MS = 600_000
const LOOK_EVERY_MS = 250

/** Creates a stream and stores records in it. */
export async function fillStream(
  bench: Bench,
  { url }: RunningDaemon,
  { stream, shards, recordBytes, records }: FilledStream,
): Promise<void> {
  bench.say(`storing ${records.toLocaleString('en-US')} records in ${shards} shards`)
  {
    await using client = await connect(url)
    await client.createStream(stream, { shards })
  }
  const filling = bench.load('fill', { url, stream, recordBytes, records })
  await within(FILL_DEADLINE_MS, 'filling the stream', filling.result)
}

/** Fulfils when a group exists and is as it should be; rejects at the deadline. */
export async function untilGroup(
  client: Client,
  name: string,
  what: string,
  deadlineMs: number,
  holds: (group: GroupDescription) => boolean,
): Promise<void> {
  const endsAt = monotonicMs() + deadlineMs
  for (;;) {
    const group = await within(deadlineMs, what, describedGroup(client, name))
    if (group !== undefined && holds(group)) return
    if (monotonicMs() > endsAt) throw new Error(`${what}: not so within ${deadlineMs} ms`)
    await delay(LOOK_EVERY_MS)
  }
}

/** Undefined before the first member has joined. */
async function describedGroup(client: Client, name: string): Promise<GroupDescription | undefined> {
  try {
    return await client.describeGroup(name)
  } catch (error) {
    if (MillraceError.is(error, 'groupNotFound')) return undefined
    throw error
  }
}
