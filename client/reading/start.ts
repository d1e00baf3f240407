// Where a reading begins and ends in each shard: positions turned into sequence numbers, all at once, before the first
// record is read. Runs in the client.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Position as WirePosition, ResponseOf } from '../../protocol/operations.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import { isShardPosition, toWirePosition, type Position } from './position.ts'
import { retrying } from '../retry.ts'
import type { Routing, RoutingCache } from '../connecting/routing.ts'
import { clientLimits, type Settings } from '../settings.ts'
import { unlessAborted } from '../waiting.ts'
import { ShardCursor } from './shard-cursor.ts'

export interface StartOptions {
  readonly from: Position
  readonly until: Position | undefined
  readonly shardIndex: number | undefined
  readonly onTrimmed: 'fail' | 'horizon'
}

export interface StartDependencies {
  readonly stream: string
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly signal: AbortSignal
}

/** The routing by which a reading starts, and a cursor for each shard that it is to read. */
export async function resolveStart(
  options: StartOptions,
  dependencies: StartDependencies,
): Promise<{ routing: Routing; cursors: ShardCursor[] }> {
  const from = toWirePosition(options.from)
  const until = options.until === undefined ? undefined : toWirePosition(options.until)
  // What is known from before may lack shards whose records were acknowledged before this reading was begun.
  const routing = await dependencies.routings.fresh(dependencies.stream, dependencies.signal)
  const indexes = wantedShards(routing, from, options.shardIndex)
  if (indexes.length > 1 && (isShardPosition(from) || (until !== undefined && isShardPosition(until)))) {
    throw new MillraceError(
      'invalidArgument',
      `A sequence number is a place in one shard, and ${JSON.stringify(dependencies.stream)} has ` +
        `${indexes.length}: name one by the option shard.`,
    )
  }
  const { onTrimmed } = options
  return { routing, cursors: await resolveAll(indexes, { from, until, onTrimmed }, routing, dependencies) }
}

/**
 * Has each shard end before its first record that arrived then or later. Only once the time is over by the broker's
 * clock: until then such a place moves.
 */
export async function endAtTime(
  cursors: readonly ShardCursor[],
  time: number,
  routing: Routing,
  dependencies: StartDependencies,
): Promise<void> {
  const lookups = new ShardLookups(routing, dependencies)
  const position = toWirePosition({ atTimestamp: time })
  await eachInTurn(cursors, async (cursor) => {
    const place = await lookups.resolve(cursor.shardIndex, position)
    cursor.until = Math.min(cursor.until, place?.sequenceNumber ?? Infinity)
  })
}

interface Range {
  readonly from: WirePosition
  readonly until: WirePosition | undefined
  readonly onTrimmed: 'fail' | 'horizon'
}

async function resolveAll(
  indexes: readonly number[],
  range: Range,
  routing: Routing,
  dependencies: StartDependencies,
): Promise<ShardCursor[]> {
  const lookups = new ShardLookups(routing, dependencies)
  const cursors: ShardCursor[] = []
  await eachInTurn(indexes, async (index) => {
    const cursor = await resolveCursor(index, range, lookups)
    if (cursor !== undefined) cursors.push(cursor)
  })
  return cursors
}

/** A bounded number at a time. */
async function eachInTurn<T>(items: readonly T[], use: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const work = async () => {
    for (const item of queue) await use(item)
  }
  await Promise.all(Array.from({ length: Math.min(items.length, clientLimits.resolvesInFlight) }, work))
}

function wantedShards(routing: Routing, from: WirePosition, only: number | undefined): number[] {
  if (only !== undefined) {
    if (routing.shard(only) !== undefined) return [only]
    throw new MillraceError('shardNotFound', `The stream has no shard ${shardIdOf(only)} that can be read.`)
  }
  // At the latest there is nothing to read in a closed shard.
  const shards =
    from.type === 'LATEST' ? routing.shards.filter((shard) => shard.state === 'OPEN') : routing.shards
  return shards.map((shard) => shard.index)
}

/** Undefined for a shard that has expired meanwhile: nothing is left of it to read. */
async function resolveCursor(
  shardIndex: number,
  range: Range,
  lookups: ShardLookups,
): Promise<ShardCursor | undefined> {
  const { from, until, onTrimmed } = range
  const begin = await lookups.resolve(shardIndex, from).catch((error: unknown) => {
    if (onTrimmed === 'fail' || !MillraceError.is(error, 'trimmed')) throw error
    return lookups.resolve(shardIndex, toWirePosition('TRIM_HORIZON'))
  })
  if (begin === undefined) return undefined
  return new ShardCursor(shardIndex, {
    next: begin.sequenceNumber,
    until: await endOf(shardIndex, until, begin, lookups),
    tail: begin.tail,
  })
}

async function endOf(
  shardIndex: number,
  until: WirePosition | undefined,
  begin: Place,
  lookups: ShardLookups,
): Promise<number> {
  if (until === undefined) return Infinity
  switch (until.type) {
    case 'LATEST':
      return begin.tail
    case 'TRIM_HORIZON':
      return begin.trimHorizon
    case 'AT_SEQUENCE_NUMBER':
      return until.sequenceNumber!
    case 'AFTER_SEQUENCE_NUMBER':
      return until.sequenceNumber! + 1
    case 'AT_TIMESTAMP':
      return (await lookups.resolve(shardIndex, until))?.sequenceNumber ?? begin.sequenceNumber
  }
}

type Place = ResponseOf<'resolvePosition'>

/** Asks the hosts of shards for places in them; asks where a shard is again, where its host does not have it. */
class ShardLookups {
  #routing: Routing
  readonly #dependencies: StartDependencies

  constructor(routing: Routing, dependencies: StartDependencies) {
    this.#routing = routing
    this.#dependencies = dependencies
  }

  /** Undefined for a shard that is gone: it has expired. */
  resolve(shardIndex: number, position: WirePosition): Promise<Place | undefined> {
    const { settings, signal, pool, routings, stream } = this.#dependencies
    let isStale = false
    const run = async (ending: AbortSignal) => {
      if (isStale) this.#routing = await routings.refresh(stream, this.#routing, ending)
      isStale = true
      const endpoint = this.#routing.hostOf(shardIndex)
      if (endpoint === undefined) return undefined
      const connection = await pool.connect(endpoint, ending)
      const { streamId } = this.#routing
      return unlessAborted(connection.request('resolvePosition', { streamId, shardIndex, position }), ending)
    }
    return retrying(run, { settings, idempotent: true, isRouted: true, signal, what: 'resolvePosition' })
  }
}
