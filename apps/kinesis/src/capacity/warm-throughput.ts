// Warm throughput: an on-demand stream keeps shards for so much throughput, whatever its load. Runs in the endpoint. To the
// broker it is the fewest shards of the stream: one for each MiB a second, which is what a shard of the service takes.
import { limits } from 'millrace/protocol'
import type { Stream } from 'millrace'
import type { Call } from '../call.ts'
import { changeFacts, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import type { StreamFacts } from '../book/stream-facts.ts'
import { placeOf, type StreamView } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import type { OutputOf } from '../model/operations.ts'
import { translated } from '../native-errors.ts'
import { isCommitted } from './account-settings.ts'

/** The most that a stream can be kept warm for: the service stops at 10 GiB/s, the broker at its number of shards. */
const MIB_PER_SECOND_MAX = Math.min(10_240, limits.shardsPerStreamMax)

/** UpdateStreamWarmThroughput. */
export async function updateWarmThroughput(
  parts: EndpointParts,
  call: Call<'UpdateStreamWarmThroughput'>,
): Promise<OutputOf<'UpdateStreamWarmThroughput'>> {
  const { WarmThroughputMiBps: mibPerSecond } = call.input
  const view = await streamToChange(parts, call)
  await checkWarmThroughput(parts, { mode: view.stream.mode, mibPerSecond })
  const place = placeOf(call, parts.settings.account, view.name)
  const stream = await translated(place, () =>
    call.caller.client.updateStream(view.name, { scaling: warmScaling(mibPerSecond) }),
  )
  const facts = await changeFacts(parts, view, (before) => ({
    ...before,
    warmThroughputMiBps: mibPerSecond,
  }))
  return { StreamARN: view.arn, StreamName: view.name, WarmThroughput: warmThroughputOf(stream, facts) }
}

/** Keeps a stream warm that has just been made on-demand. */
export async function keepWarm(
  parts: EndpointParts,
  call: Call<'UpdateStreamMode'>,
  { view, mibPerSecond }: { readonly view: StreamView; readonly mibPerSecond: number },
): Promise<void> {
  await translated(placeOf(call, parts.settings.account, view.name), () =>
    call.caller.client.updateStream(view.name, { scaling: warmScaling(mibPerSecond) }),
  )
}

/** Refuses warm throughput for a provisioned stream, without a commitment, and beyond what a stream can have. */
export async function checkWarmThroughput(
  parts: Pick<EndpointParts, 'own' | 'now'>,
  { mode, mibPerSecond }: { readonly mode: Stream['mode']; readonly mibPerSecond: number },
): Promise<void> {
  if (mode !== 'on-demand') {
    const message = 'WarmThroughputMiBps is only supported for streams in ON_DEMAND mode.'
    throw new KinesisError('ValidationException', message)
  }
  if (!(await isCommitted(parts))) {
    const message =
      'WarmThroughputMiBps is only supported for accounts that have MinimumThroughputBillingCommitment enabled.'
    throw new KinesisError('ValidationException', message)
  }
  if (mibPerSecond <= MIB_PER_SECOND_MAX) return
  const message = `WarmThroughputMiBps ${mibPerSecond} is above the limit of ${MIB_PER_SECOND_MAX} for a stream.`
  throw new KinesisError('LimitExceededException', message)
}

/** What the stream is kept warm for, and what its shards take now. */
export function warmThroughputOf({ openShardCount }: Stream, { warmThroughputMiBps: target }: StreamFacts) {
  return { TargetMiBps: target ?? openShardCount, CurrentMiBps: openShardCount }
}

function warmScaling(mibPerSecond: number) {
  return { shardsMin: Math.max(1, mibPerSecond) }
}
