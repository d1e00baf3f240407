// UpdateShardCount. Runs in the endpoint. It is answered when the broker has taken the count on, and before it is reached: the
// stream is UPDATING until then.
import { limits } from 'millrace/protocol'
import type { Call } from '../call.ts'
import { countedNow, inLastDay, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import type { StreamView } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import type { OutputOf } from '../model/operations.ts'
import { requireProvisioned, reshard } from './resharding.ts'

/** Updates of one stream in a day. */
const UPDATES_MAX = 10

/** Splits and merges until the stream has so many shards of even ranges. */
export async function updateShardCount(
  parts: EndpointParts,
  call: Call<'UpdateShardCount'>,
): Promise<OutputOf<'UpdateShardCount'>> {
  const { TargetShardCount: target } = call.input
  const { book, now, settings } = parts
  const { rules } = settings
  const view = await streamToChange(parts, call)
  requireProvisioned(parts, view)
  const current = view.stream.openShardCount
  if (rules === 'aws' && target <= limits.shardsPerStreamMax) checkStep(parts, view, { current, target })
  const change = { type: 'count', target } as const
  if (target !== current) await reshard(parts, call, { view, change, more: Math.max(0, target - current) })
  await book.update(view, (facts) => ({
    ...facts,
    shardCountChanges: countedNow(facts.shardCountChanges, now()),
  }))
  return {
    StreamName: view.name,
    CurrentShardCount: current,
    TargetShardCount: target,
    StreamARN: view.arn,
  }
}

function checkStep(
  { now }: EndpointParts,
  { facts }: StreamView,
  { current, target }: { readonly current: number; readonly target: number },
): void {
  const counts = `Current open shard count: ${current} Target shard count: ${target}`
  const refuse = (message: string): never => {
    throw new KinesisError('LimitExceededException', message)
  }
  if (target > current * 2) {
    refuse(`UpdateShardCount cannot scale up over double your current open shard count. ${counts}`)
  }
  if (target * 2 < current) {
    refuse(`UpdateShardCount cannot scale down below half your current open shard count. ${counts}`)
  }
  if (inLastDay(facts.shardCountChanges, now()).length >= UPDATES_MAX) {
    refuse(
      `UpdateShardCount cannot be called more than ${UPDATES_MAX} times per rolling 24-hour period per stream. ${counts}`,
    )
  }
}
