// ListShards. Runs in the endpoint.
import type { Shard } from 'millrace'
import type { Call } from '../call.ts'
import type { EndpointParts } from '../parts.ts'
import { openToken, sealToken } from '../book/page-tokens.ts'
import { hidesShards, placeOf, type StreamView } from '../book/stream-view.ts'
import { shardsOf } from '../book/shard-cache.ts'
import { KinesisError } from '../model/errors.ts'
import type { OutputOf } from '../model/operations.ts'
import { streamNotFound, translated } from '../native-errors.ts'
import { createdAtOf } from '../streams/descriptions.ts'
import { selectShards, type ShardSelection } from './shard-filter.ts'
import { requireShardIndex, shardIndexOf } from './shard-names.ts'
import { shardOutput } from './shard-output.ts'

/** Shards in one answer, however many are asked for, and where none are asked for. */
const SHARDS_MAX = 1000

type ListShardsCall = Call<'ListShards'>
type ListShardsInput = ListShardsCall['input']
type ShardsToken = readonly [
  listing: 'shards',
  stream: string,
  streamId: number,
  /** Index of the last shard that was listed; -1 before the first. */
  after: number,
  selection: ShardSelection,
]

/** Lists the shards that can be read, or those that a filter selects, by index, a page at a time. */
export async function listShards(
  parts: EndpointParts,
  call: ListShardsCall,
): Promise<OutputOf<'ListShards'>> {
  checkNaming(call.input)
  const { NextToken: token, MaxResults: asked = SHARDS_MAX } = call.input
  const limit = Math.min(asked, SHARDS_MAX)
  if (token !== undefined) {
    const [, name, streamId, after, selection] = openToken<ShardsToken>(parts, token, 'shards')
    const view = await parts.book.find(call, name)
    // The token is about a stream that was deleted: this one was made under its name since.
    if (view.id !== streamId) throw streamNotFound(placeOf(call, parts.settings.account, name))
    return pageOf(parts, { view, after, selection, limit, shards: await readable(parts, call, view) })
  }
  const { ExclusiveStartShardId: exclusive, ShardFilter: filter } = call.input
  checkFilter(filter)
  const starts = [exclusive, filter?.ShardId].filter((id) => id !== undefined)
  const after = Math.max(-1, ...starts.map(requireShardIndex))
  const view = await parts.book.resolve(call)
  checkCreation(parts, call, view)
  const shards = await readable(parts, call, view)
  const selection = selectionOf(filter, shards)
  return pageOf(parts, { view, after, selection, limit, shards })
}

function checkNaming(input: ListShardsInput): void {
  const { NextToken: token, StreamName: name, StreamARN: arn } = input
  const refuse = (message: string): never => {
    throw new KinesisError('InvalidArgumentException', message)
  }
  if (token === undefined) {
    if (name === undefined && arn === undefined) refuse('Either NextToken or StreamName should be provided.')
    return
  }
  // An ARN beside it is taken: KCL sends both.
  if (name !== undefined) refuse('NextToken and StreamName cannot be provided together.')
  if (input.StreamCreationTimestamp !== undefined)
    refuse('NextToken and StreamCreationTimestamp cannot be provided together.')
  if (input.ExclusiveStartShardId !== undefined)
    refuse('NextToken and ExclusiveStartShardId cannot be provided together.')
}

function checkFilter(filter: ListShardsInput['ShardFilter']): void {
  if (filter === undefined) return
  const { Type: type, ShardId: shardId, Timestamp: time } = filter
  const refuse = (message: string): never => {
    throw new KinesisError('InvalidArgumentException', message)
  }
  const wantsShard = type === 'AFTER_SHARD_ID'
  const wantsTime = type === 'AT_TIMESTAMP' || type === 'FROM_TIMESTAMP'
  if (wantsShard && shardId === undefined)
    refuse(`ShardId must be provided for the ShardFilter type ${type}.`)
  if (wantsTime && time === undefined) refuse(`Timestamp must be provided for the ShardFilter type ${type}.`)
  if (!wantsShard && shardId !== undefined)
    refuse(`ShardId cannot be provided for the ShardFilter type ${type}.`)
  if (!wantsTime && time !== undefined)
    refuse(`Timestamp cannot be provided for the ShardFilter type ${type}.`)
}

/** A stream that was made at another time than the request says is not the one that it means. */
function checkCreation(parts: EndpointParts, call: ListShardsCall, { name, stream }: StreamView): void {
  const asked = call.input.StreamCreationTimestamp
  if (asked === undefined) return
  const seconds = createdAtOf(stream).getTime() / 1000
  if (Math.floor(asked.getTime() / 1000) === seconds) return
  throw streamNotFound(placeOf(call, parts.settings.account, name))
}

/** There are none while the stream is being created. */
async function readable(
  parts: EndpointParts,
  call: ListShardsCall,
  view: StreamView,
): Promise<readonly Shard[]> {
  if (hidesShards(view)) return []
  const place = placeOf(call, parts.settings.account, view.name)
  return translated(place, () => shardsOf(call.caller.client, view.name))
}

function selectionOf(filter: ListShardsInput['ShardFilter'], shards: readonly Shard[]): ShardSelection {
  const time = filter?.Timestamp?.getTime() ?? 0
  switch (filter?.Type) {
    case 'AT_LATEST':
      // Pinned, so that shards that are made between two pages leave no hole.
      return { type: 'latest', lastIndex: shards.length === 0 ? -1 : indexOf(shards.at(-1)!) }
    case 'AT_TRIM_HORIZON':
      return { type: 'at-horizon' }
    case 'AT_TIMESTAMP':
      return { type: 'at', time }
    case 'FROM_TIMESTAMP':
      return { type: 'from', time }
    case 'FROM_TRIM_HORIZON':
    case 'AFTER_SHARD_ID':
    case undefined:
      return { type: 'all' }
  }
}

interface ShardsPage {
  readonly view: StreamView
  readonly after: number
  readonly selection: ShardSelection
  readonly limit: number
  readonly shards: readonly Shard[]
}

function pageOf(
  parts: EndpointParts,
  { view, after, selection, limit, shards }: ShardsPage,
): OutputOf<'ListShards'> {
  const rest = selectShards(shards, selection).filter((shard) => indexOf(shard) > after)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const content: ShardsToken | undefined =
    rest.length > page.length && last !== undefined
      ? ['shards', view.name, view.id, indexOf(last), selection]
      : undefined
  return {
    Shards: page.map(shardOutput),
    ...(content === undefined ? {} : { NextToken: sealToken(parts, content) }),
  }
}

function indexOf({ shardId }: Shard): number {
  return shardIndexOf(shardId) ?? -1
}
