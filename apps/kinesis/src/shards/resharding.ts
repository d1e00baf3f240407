// SplitShard and MergeShards. Runs in the endpoint. The rules of the service are stricter than those of the broker: by the
// setting `rules` they hold, or only those of the broker do.
import type { Shard } from 'millrace'
import { limits } from 'millrace/protocol'
import type { Call } from '../call.ts'
import { changeFacts, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { carryOut, type ReshardChange } from '../book/reshard-change.ts'
import { shardsOf } from '../book/shard-cache.ts'
import { placeOf, type StreamView } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import type { OperationName } from '../model/operations.ts'
import { translated } from '../native-errors.ts'
import { accountShards, shardLimitError } from './shard-limit.ts'
import { shardIdOf, shardIndexOf, shardNotFound } from './shard-names.ts'

type ReshardCall = Call<'SplitShard' | 'MergeShards'>

/** Splits a shard at a hash key; without a delay it is answered when the children take records. */
export async function splitShard(
  parts: EndpointParts,
  call: Call<'SplitShard'>,
): Promise<Record<string, never>> {
  const { ShardToSplit: asked, NewStartingHashKey: at } = call.input
  const { view, shards } = await namedShards(parts, call, [asked])
  const shard = shards[0]!
  if (parts.settings.rules === 'aws') {
    checkPoint(parts, { view, shard, at })
    requireOpen(parts, view, shards)
  }
  await reshard(parts, call, {
    view,
    change: { type: 'split', shardId: shard.shardId, at },
  })
  return {}
}

/** Merges two shards; without a delay it is answered when the child takes records. */
export async function mergeShards(
  parts: EndpointParts,
  call: Call<'MergeShards'>,
): Promise<Record<string, never>> {
  const { ShardToMerge: first, AdjacentShardToMerge: second } = call.input
  const { view, shards } = await namedShards(parts, call, [first, second])
  const [shard, adjacent] = shards as readonly [Shard, Shard]
  if (parts.settings.rules === 'aws') {
    checkAdjacent(parts, view, [shard, adjacent])
    requireOpen(parts, view, shards)
  }
  await reshard(parts, call, {
    view,
    more: 0,
    change: { type: 'merge', shardId: shard.shardId, adjacentShardId: adjacent.shardId },
  })
  return {}
}

/** Refuses where only the broker may change the shards. */
export function requireProvisioned({ settings }: EndpointParts, { name, stream }: StreamView): void {
  if (stream.mode !== 'on-demand') return
  const message = `Request is invalid. Stream ${name} under account ${settings.account} is in On-Demand mode.`
  throw new KinesisError('ValidationException', message)
}

/** The shards that a request names, in its order. Ids that can name none are refused before the stream is looked for. */
async function namedShards(
  parts: EndpointParts,
  call: ReshardCall,
  asked: readonly string[],
): Promise<{ readonly view: StreamView; readonly shards: readonly Shard[] }> {
  const { account } = parts.settings
  const name = parts.book.nameOf(call)
  const ids = asked.map((text) => {
    const index = shardIndexOf(text)
    if (index === undefined) throw shardNotFound(text, name, account)
    return shardIdOf(index)
  })
  const view = await streamToChange(parts, call)
  if (parts.settings.rules === 'aws') requireProvisioned(parts, view)
  const place = placeOf(call, account, name)
  const all = await translated(place, () => shardsOf(call.caller.client, name))
  const byId = new Map(all.map((shard) => [shard.shardId, shard]))
  const shards = ids.map((id) => {
    const shard = byId.get(id)
    if (shard === undefined) throw shardNotFound(id, name, account)
    return shard
  })
  return { view, shards }
}

/** Carries a change out at once, or with a delay when the stream has been UPDATING for so long. */
export async function reshard(
  parts: EndpointParts,
  call: Pick<Call<OperationName>, 'operation' | 'region' | 'caller' | 'signal'>,
  {
    view,
    change,
    more = 1,
  }: { readonly view: StreamView; readonly change: ReshardChange; readonly more?: number },
): Promise<void> {
  const place = placeOf(call, parts.settings.account, view.name)
  const refuse = async (): Promise<never> => {
    throw shardLimitError(place, { current: await accountShards(parts.own), more })
  }
  if (more > 0 && view.stream.openShardCount + more > limits.shardsPerStreamMax) await refuse()
  if (parts.settings.stateDelayMs > 0) {
    await changeFacts(parts, view, (facts) => ({ ...facts, pending: change }))
    return
  }
  try {
    await translated(place, () => carryOut(call.caller.client, view.name, change, call.signal))
  } catch (error) {
    if (error instanceof KinesisError && error.code === 'LimitExceededException') await refuse()
    throw error
  }
}

function checkPoint(
  { settings }: EndpointParts,
  { view, shard, at }: { readonly view: StreamView; readonly shard: Shard; readonly at: string },
): void {
  const { startingHashKey: start, endingHashKey: end } = shard.hashKeyRange
  const point = BigInt(at)
  if (point > BigInt(start) + 1n && point < BigInt(end)) return
  const message =
    `NewStartingHashKey ${at} used in SplitShard() on shard ${shard.shardId} in stream ${view.name} under account ` +
    `${settings.account} is not both greater than one plus the shard's StartingHashKey ${start} and less than the shard's ` +
    `EndingHashKey ${end}.`
  throw new KinesisError('InvalidArgumentException', message)
}

function checkAdjacent(
  { settings }: EndpointParts,
  { name }: StreamView,
  [first, second]: readonly [Shard, Shard],
): void {
  if (BigInt(first.hashKeyRange.endingHashKey) + 1n === BigInt(second.hashKeyRange.startingHashKey)) return
  const message =
    `Shards ${first.shardId} and ${second.shardId} in stream ${name} under account ${settings.account} are not an adjacent ` +
    'pair of shards eligible for merging'
  throw new KinesisError('InvalidArgumentException', message)
}

function requireOpen({ settings }: EndpointParts, { name }: StreamView, shards: readonly Shard[]): void {
  const closed = shards.find(({ state }) => state !== 'OPEN')
  if (closed === undefined) return
  const message =
    `Shard ${closed.shardId} in stream ${name} under account ${settings.account} has already been merged or split, and thus ` +
    'is not eligible for merging or splitting.'
  throw new KinesisError('InvalidArgumentException', message)
}
