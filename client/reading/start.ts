// Turns the positions of a reading into sequence numbers of each shard, before the first record is read. Runs in the client.
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Position as WirePosition, RequestOf, ResponseOf } from '../../protocol/operations.ts'
import { parseShardId, shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { Endpoint } from '../connecting/address.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import { invalidAnswer } from '../errors.ts'
import {
  isShardPosition,
  isStreamPosition,
  numberOf,
  toWirePosition,
  type Position,
  type StreamPosition,
} from './position.ts'
import { retrying } from '../retry.ts'
import { clientLimits, type Settings } from '../settings.ts'
import { unlessAborted } from '../waiting.ts'
import { wasRead } from './lineage.ts'
import type { ReadRouting, Routings } from './plan.ts'
import { ShardCursor } from './shard-cursor.ts'

export interface StartOptions {
  readonly from: Position | StreamPosition
  readonly until: Position | undefined
  readonly shardIndex: number | undefined
  readonly onTrimmed: 'fail' | 'horizon'
}

export interface StartDependencies<R extends ReadRouting = ReadRouting> {
  readonly stream: string
  readonly routings: Routings<R>
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly signal: AbortSignal | undefined
}

/** Returns the routing with which a reading starts, and a cursor for each shard that it reads. */
export async function resolveStart(
  options: StartOptions,
  dependencies: StartDependencies,
): Promise<{ routing: ReadRouting; cursors: ShardCursor[] }> {
  const until = options.until === undefined ? undefined : toWirePosition(options.until)
  // A routing from before may lack shards whose records were acknowledged before this reading began.
  const routing = await dependencies.routings.fresh(dependencies.stream, dependencies.signal)
  const { onTrimmed, shardIndex } = options
  if (isStreamPosition(options.from)) {
    const places = placesIn(options.from, routing, { shardIndex, onTrimmed })
    return { routing, cursors: await resolveAll(places, { until, onTrimmed }, routing, dependencies) }
  }
  const from = toWirePosition(options.from)
  const indexes = wantedShards(routing, from, shardIndex)
  if (indexes.length > 1 && (isShardPosition(from) || (until !== undefined && isShardPosition(until)))) {
    throw ofManyShards(dependencies.stream, indexes.length, routing)
  }
  const places = new Map(indexes.map((index) => [index, from]))
  return { routing, cursors: await resolveAll(places, { until, onTrimmed }, routing, dependencies) }
}

/** The error about a sequence number where several shards are read. */
function ofManyShards(stream: string, count: number, { whole }: ReadRouting): MillraceError {
  const shards =
    whole === undefined
      ? `has ${count}: name one by the option shard`
      : `has had these keys in ${count}: give a time, or the position of a reading`
  return new MillraceError(
    'invalidArgument',
    `A sequence number is a place in one shard, and ${JSON.stringify(stream)} ${shards}.`,
  )
}

/**
 * Sets the end of each shard before its first record that arrived at this time or later. Call it once the time has passed by
 * the broker's clock, because until then more records arrive before it.
 */
export async function endAtTime(
  cursors: readonly ShardCursor[],
  time: number,
  routing: ReadRouting,
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
  readonly until: WirePosition | undefined
  readonly onTrimmed: 'fail' | 'horizon'
}

async function resolveAll(
  places: ReadonlyMap<number, WirePosition>,
  range: Range,
  routing: ReadRouting,
  dependencies: StartDependencies,
): Promise<ShardCursor[]> {
  const lookups = new ShardLookups(routing, dependencies)
  const cursors: ShardCursor[] = []
  await eachInTurn([...places], async ([index, from]) => {
    const cursor = await resolveCursor(index, { ...range, from }, lookups)
    if (cursor !== undefined) cursors.push(cursor)
  })
  return cursors
}

/** Handles a bounded number of items at a time. */
async function eachInTurn<T>(items: readonly T[], use: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const work = async () => {
    for (const item of queue) await use(item)
  }
  await Promise.all(Array.from({ length: Math.min(items.length, clientLimits.resolvesInFlight) }, work))
}

function wantedShards(routing: ReadRouting, from: WirePosition, only: number | undefined): number[] {
  if (only !== undefined) {
    if (routing.shard(only) !== undefined) return [only]
    throw new MillraceError('shardNotFound', `The stream has no shard ${shardIdOf(only)} that can be read.`)
  }
  // At LATEST, a closed shard has no records to read.
  const shards =
    from.type === 'LATEST' ? routing.shards.filter((shard) => shard.state === 'OPEN') : routing.shards
  return shards.map((shard) => shard.index)
}

/**
 * Where to begin in each shard that a position leaves to be read. Throws `invalidPosition` for a position in another stream,
 * and `trimmed` for a shard that has expired and was not read to its end.
 */
function placesIn(
  position: StreamPosition,
  routing: ReadRouting,
  { shardIndex, onTrimmed }: Pick<StartOptions, 'shardIndex' | 'onTrimmed'>,
): ReadonlyMap<number, WirePosition> {
  if (position.streamId !== routing.streamId) {
    throw new MillraceError(
      'invalidPosition',
      'The position was taken in another stream of this name: the stream was deleted and made again. ' +
        "Begin at 'TRIM_HORIZON' or 'LATEST'.",
    )
  }
  const listed = new Map(Object.entries(position.shards).map(([id, next]) => [parseShardId(id), next]))
  const places = new Map<number, WirePosition>()
  for (const { index, startingSequenceNumber } of routing.shards) {
    if (shardIndex !== undefined && index !== shardIndex) continue
    const next = listed.get(index) ?? (index >= position.shardsBelow ? startingSequenceNumber : undefined)
    if (next !== undefined) places.set(index, toWirePosition({ atSequenceNumber: next }))
  }
  // A shard that is only left out, because it holds no key that is read, has not expired.
  const whole = routing.whole ?? routing
  for (const [index, next] of listed) {
    const isGone = whole.shard(index) === undefined && (shardIndex === undefined || index === shardIndex)
    if (
      !isGone ||
      onTrimmed === 'horizon' ||
      wasRead(new ShardCursor(index, { next, until: Infinity }), whole)
    ) {
      continue
    }
    throw expiredUnread(shardIdOf(index), `the position is at ${next}`)
  }
  return places
}

/** Resolves the positions in one shard; returns undefined for a shard that has expired meanwhile. */
async function resolveCursor(
  shardIndex: number,
  range: Range & { readonly from: WirePosition },
  lookups: ShardLookups,
): Promise<ShardCursor | undefined> {
  const { from, until, onTrimmed } = range
  const begin = await lookups.resolve(shardIndex, from).catch(async (error: unknown) => {
    if (onTrimmed === 'fail' || !MillraceError.is(error, 'trimmed')) throw error
    const horizon = await lookups.resolve(shardIndex, toWirePosition('TRIM_HORIZON'))
    const asked = numberOf(from) ?? -1
    if (horizon === undefined || horizon.sequenceNumber > asked) return horizon
    throw notTrimmed(shardIdOf(shardIndex), asked, horizon.sequenceNumber)
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

/** A request to the host of a shard; `waitMs` is how long it lets the host wait for data. */
interface ShardRequest<N extends 'resolvePosition' | 'fetch'> {
  readonly operation: N
  readonly shardIndex: number
  readonly of: (streamId: number) => RequestOf<N>
  readonly waitMs?: number
  /** Throws what makes the request come again, or fail. */
  readonly check: (answer: ResponseOf<N>) => void
}

/** Asks the hosts of shards; gets a new routing if the host of a shard does not serve it. */
export class ShardLookups<R extends ReadRouting = ReadRouting> {
  #routing: R
  readonly #dependencies: StartDependencies<R>

  constructor(routing: R, dependencies: StartDependencies<R>) {
    this.#routing = routing
    this.#dependencies = dependencies
  }

  /** The newest routing that was needed. */
  get routing(): R {
    return this.#routing
  }

  /** Resolves a position in a stream that is found right; returns undefined for a shard that is gone, because it has expired. */
  resolve(
    shardIndex: number,
    position: WirePosition,
    checkStream: (streamId: number) => void = () => {},
  ): Promise<Place | undefined> {
    return this.ask({
      operation: 'resolvePosition',
      shardIndex,
      of: (streamId) => {
        checkStream(streamId)
        return { streamId, shardIndex, position }
      },
      check: (place) => checkPlace(place, shardIndex, position),
    })
  }

  /** Returns the answer of the host of a shard; undefined for a shard that is gone, because it has expired. */
  ask<N extends 'resolvePosition' | 'fetch'>({
    operation,
    shardIndex,
    of,
    waitMs = 0,
    check,
  }: ShardRequest<N>): Promise<ResponseOf<N> | undefined> {
    const { settings, signal, pool, routings, stream } = this.#dependencies
    let isStale = false
    const run = async (ending: AbortSignal) => {
      if (isStale) this.#routing = await routings.refresh(stream, this.#routing, ending)
      isStale = true
      const endpoint = this.#routing.hostOf(shardIndex)
      if (endpoint === undefined) return undefined
      const connection = await pool.connect(endpoint, ending)
      const request = connection.request(operation, of(this.#routing.streamId), waitMs)
      const answer = await unlessAborted(request, ending)
      check(answer)
      return answer
    }
    return retrying(run, { settings, idempotent: true, isRouted: true, signal, waitMs, what: operation })
  }
}

/** Throws `invalidAnswer` for another place than was asked for. */
function checkPlace(place: Place, shardIndex: number, position: WirePosition): void {
  const { sequenceNumber, trimHorizon, tail } = place
  const asked = numberOf(position)
  const isAsked = asked === undefined || sequenceNumber === asked
  if (isAsked && trimHorizon <= tail && sequenceNumber <= tail) return
  const wanted = asked === undefined ? position.type : String(asked)
  throw invalidAnswer(
    `The host of ${shardIdOf(shardIndex)}, asked for ${wanted}, answered ${sequenceNumber}, between ${trimHorizon} and ${tail}.`,
  )
}

/** The error about a host that says that a number has expired, and that the shard begins there, or before. */
export function notTrimmed(shardId: string, asked: number, horizon: number): MillraceError {
  return invalidAnswer(
    `${shardId} cannot be read from ${asked} on, its host says, because it has expired; and that it begins at ${horizon}.`,
  )
}

/** Sorts shards by their hosts; `gone` are those that have expired. */
export function byHostOf(
  cursors: readonly ShardCursor[],
  routing: ReadRouting,
): { readonly byHost: ReadonlyMap<Endpoint, readonly ShardCursor[]>; readonly gone: readonly ShardCursor[] } {
  const byHost = new Map<Endpoint, ShardCursor[]>()
  const gone: ShardCursor[] = []
  for (const cursor of cursors) {
    const endpoint = routing.hostOf(cursor.shardIndex)
    if (endpoint === undefined) gone.push(cursor)
    else byHost.set(endpoint, [...(byHost.get(endpoint) ?? []), cursor])
  }
  return { byHost, gone }
}

/** The error about a shard that has expired before it was read to its end; `place` says how far that was. */
export function expiredUnread(shardId: string, place: string): MillraceError {
  return new MillraceError('trimmed', `${shardId} expired before it was read to its end: ${place}.`)
}

/** The error about a stream that is another one than that which was read. */
export function madeAgain(stream: string): MillraceError {
  return new MillraceError('streamNotFound', `${JSON.stringify(stream)} was deleted and made again.`)
}
