// UpdateShardCount. Runs in the endpoint. It is answered when the broker has taken the count on, and before it is reached: the
// stream is UPDATING until then.
import { limits } from 'millrace/protocol'
import type { Call } from '../call.ts'
import { countedNow, inLastDay, stateFor, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { placeOf, type StreamView } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import type { OutputOf } from '../model/operations.ts'
import { translated } from '../native-errors.ts'
import { requireProvisioned } from './resharding.ts'
import { accountShards, shardLimitError } from './shard-limit.ts'

/** Updates of one stream in a day. */
const UPDATES_MAX = 10

/** Splits and merges until the stream has so many shards of even ranges. */
export async function updateShardCount(
  parts: EndpointParts,
  call: Call<'UpdateShardCount'>,
): Promise<OutputOf<'UpdateShardCount'>> {
  const { TargetShardCount: target } = call.input
  const { account, rules } = parts.settings
  const view = await streamToChange(parts, call)
  requireProvisioned(view, call.operation)
  const current = view.stream.openShardCount
  const place = placeOf(call, account, view.name)
  const more = Math.max(0, target - current)
  if (target > limits.shardsPerStreamMax) {
    throw shardLimitError(place, { current: await accountShards(parts.own), more })
  }
  if (rules === 'aws') checkStep(parts, view, { current, target })
  try {
    if (target !== current) await translated(place, () => takenOn(call, view, target))
  } catch (error) {
    if (!(error instanceof KinesisError) || error.code !== 'LimitExceededException') throw error
    throw shardLimitError(place, { current: await accountShards(parts.own), more })
  }
  await count(parts, view)
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

/** Fulfils when the broker works towards the count, or has reached it. A change that the broker took on goes on by itself. */
async function takenOn(call: Call<'UpdateShardCount'>, { name }: StreamView, target: number): Promise<void> {
  const wait = new AbortController()
  const onAbort = (): void => wait.abort()
  call.signal.addEventListener('abort', onAbort, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      call.caller.client
        .updateShardCount(name, target, {
          signal: wait.signal,
          onProgress: ({ targetShardCount }) => {
            if (targetShardCount === target) resolve()
          },
        })
        .then(() => resolve(), reject)
    })
  } finally {
    call.signal.removeEventListener('abort', onAbort)
    wait.abort()
  }
}

async function count(parts: EndpointParts, view: StreamView): Promise<void> {
  const { book, now } = parts
  const statusUntil = stateFor(parts, 'UPDATING')
  await book.update(view, (facts) => ({
    ...facts,
    shardCountChanges: countedNow(facts.shardCountChanges, now()),
    statusUntil,
  }))
}
