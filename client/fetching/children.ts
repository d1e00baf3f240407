// The shards that have replaced a closed one, once the controller tells of them. Runs in the client.
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { RoutedShard } from '../../protocol/operations.ts'
import type { Routing, RoutingCache } from '../connecting/routing.ts'
import { Pace } from '../retry.ts'
import type { Settings } from '../settings.ts'
import { hashKeyRangeOf } from '../streams/descriptions.ts'
import type { ChildShard } from './options.ts'

/**
 * Returns the children of a shard that its host says is closed. Its host knows that first: the routing is asked for until it has
 * them, for as long as a request may take. Then it rejects with `unavailable`.
 */
export async function childrenAfter(
  shardIndex: number,
  known: Routing,
  dependencies: {
    readonly stream: string
    readonly routings: RoutingCache
    readonly settings: Settings
    readonly signal: AbortSignal | undefined
  },
): Promise<ChildShard[]> {
  const { stream, routings, settings, signal } = dependencies
  const deadline = settings.monotonic() + settings.requestTimeoutMs
  const pace = new Pace(settings, { retry: 'reroute' })
  let routing = known
  while (routing.shard(shardIndex)?.state === 'OPEN') {
    if (settings.monotonic() >= deadline) {
      const message = `${shardIdOf(shardIndex)} is closed, and what replaces it is not known yet: fetch again.`
      throw new MillraceError('unavailable', message)
    }
    await pace.next(signal)
    routing = await routings.refresh(stream, routing, signal)
    if (routing.streamId !== known.streamId) {
      throw new MillraceError('streamNotFound', `${JSON.stringify(stream)} was deleted and made again.`)
    }
  }
  return routing.childrenOf(shardIndex).map((index) => childOf(routing.shard(index)!))
}

function childOf(shard: RoutedShard): ChildShard {
  return {
    shardId: shardIdOf(shard.index),
    parentShardIds: shard.parents.map(shardIdOf),
    hashKeyRange: hashKeyRangeOf(shard),
    startingSequenceNumber: shard.startingSequenceNumber,
  }
}
