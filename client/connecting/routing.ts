// The routing of each stream: which host serves which shard. Runs in the client. The controller gives it; the client keeps it, and
// asks again when a host says that it is out of date. One request refreshes a routing for any number of callers.
import { hashKeyFromBytes } from '../../protocol/shards/hash-key.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { ResponseOf, RoutedShard } from '../../protocol/operations.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import { ShardMap, type HashKeyRange } from '../../protocol/shards/shard-map.ts'
import type { Address, Endpoint } from './address.ts'
import type { ControlPlane } from './control-plane.ts'
import { endSentence, errorFrom, invalidAnswer } from '../errors.ts'
import { clientLimits } from '../settings.ts'
import { Gate, throwIfAborted, unlessAborted } from '../waiting.ts'

/** One answer of describeRouting, with indexes. It is immutable: a refresh makes another. */
export class Routing {
  readonly streamId: number
  readonly epoch: number
  /** All shards that can be read, open and closed. */
  readonly shards: readonly RoutedShard[]
  /** The open shards, by hash key: the shards that take appends. */
  readonly map: ShardMap
  readonly #byIndex: ReadonlyMap<number, RoutedShard>
  readonly #hosts: ReadonlyMap<number, Endpoint>

  /**
   * `controller` is the address that answered; a host without an address of its own listens there too. Throws
   * `invalidAnswer` for an answer with which records would be lost or readers would wait for ever.
   */
  constructor(answer: ResponseOf<'describeRouting'>, controller: Address) {
    this.streamId = answer.streamId
    this.epoch = answer.epoch
    this.shards = answer.shards
    this.#byIndex = new Map(answer.shards.map((shard) => [shard.index, shard]))
    this.#hosts = new Map(
      answer.hosts.map(({ hostId, host, port }) => [hostId, { hostId, host: host || controller.host, port }]),
    )
    if (this.#byIndex.size < answer.shards.length) throw unusable('it names a shard twice')
    for (const { index, parents, hostId } of answer.shards) {
      if (!this.#hosts.has(hostId)) throw unusable(`it does not tell the address of host ${hostId}`)
      // A child has a higher index than its parents, so that a lineage cannot be a circle.
      const parent = parents.find((other) => other >= index)
      if (parent !== undefined)
        throw unusable(`${shardIdOf(parent)} cannot be a parent of ${shardIdOf(index)}`)
    }
    this.map = mapOf(answer.shards)
  }

  /** Throws `invalidAnswer` where this routing of the same stream cannot have come after the other one. */
  checkSuccessorOf(before: Routing): void {
    if (before.streamId !== this.streamId) return
    // What moved to its children would move back, and so on without end.
    const reopened = this.shards.find(
      ({ index, state }) => state === 'OPEN' && before.shard(index)?.state === 'CLOSED',
    )
    if (reopened !== undefined)
      throw unusable(`${shardIdOf(reopened.index)}, which was closed, is open again`)
  }

  shard(index: number): RoutedShard | undefined {
    return this.#byIndex.get(index)
  }

  /** Returns the hash key range of a shard; undefined if the shard is gone. */
  rangeOf(index: number): HashKeyRange | undefined {
    const shard = this.#byIndex.get(index)
    return shard === undefined ? undefined : rangeOf(shard)
  }

  /** Returns the children of a shard. */
  childrenOf(index: number): number[] {
    return this.shards.filter(({ parents }) => parents.includes(index)).map((shard) => shard.index)
  }

  /** Returns the host of a shard; undefined if the shard is gone. */
  hostOf(index: number): Endpoint | undefined {
    const shard = this.#byIndex.get(index)
    return shard === undefined ? undefined : this.#hosts.get(shard.hostId)
  }
}

function mapOf(shards: readonly RoutedShard[]): ShardMap {
  const open = shards.filter((shard) => shard.state === 'OPEN')
  try {
    return new ShardMap(open.map((shard) => ({ index: shard.index, range: rangeOf(shard) })))
  } catch (error) {
    throw unusable(errorFrom(error).message, error)
  }
}

function unusable(reason: string, cause?: unknown): MillraceError {
  return invalidAnswer(endSentence(`The answer to describeRouting cannot be used: ${reason}`), cause)
}

function rangeOf(shard: RoutedShard): HashKeyRange {
  return { start: hashKeyFromBytes(shard.startingHashKey), end: hashKeyFromBytes(shard.endingHashKey) }
}

export class RoutingCache {
  readonly #control: ControlPlane
  /** Routings in the order of their last use, oldest first. */
  readonly #known = new Map<string, Routing>()
  readonly #asking = new Map<string, Promise<Routing>>()
  readonly #gate = new Gate(clientLimits.routingsInFlight)

  constructor(control: ControlPlane) {
    this.#control = control
  }

  /** Returns the known routing, or requests one. Rejects with `streamNotFound`, or any error of a request. */
  get(stream: string, signal?: AbortSignal): Promise<Routing> {
    const known = this.#known.get(stream)
    if (known === undefined) return this.#ask(stream, signal)
    this.#known.delete(stream)
    this.#known.set(stream, known)
    return Promise.resolve(known)
  }

  /** Requests the routing now, so that it has every shard in which records were stored before. */
  fresh(stream: string, signal?: AbortSignal): Promise<Routing> {
    throwIfAborted(signal)
    return unlessAborted(this.#request(stream), signal)
  }

  /** Returns a newer routing than the stale one: a new answer, or one that another caller got meanwhile. */
  refresh(stream: string, stale: Routing, signal?: AbortSignal): Promise<Routing> {
    const known = this.#known.get(stream)
    return known === undefined || known === stale
      ? this.#ask(stream, signal)
      : unlessAborted(Promise.resolve(known), signal)
  }

  forget(stream: string): void {
    this.#known.delete(stream)
  }

  #ask(stream: string, signal: AbortSignal | undefined): Promise<Routing> {
    return unlessAborted(this.#asking.get(stream) ?? this.#request(stream), signal)
  }

  #request(stream: string): Promise<Routing> {
    const asking: Promise<Routing> = this.#gate
      .run(() => this.#describe(stream))
      .finally(() => {
        if (this.#asking.get(stream) === asking) this.#asking.delete(stream)
      })
    this.#asking.set(stream, asking)
    return asking
  }

  async #describe(stream: string): Promise<Routing> {
    let routing: Routing
    try {
      const { response, from } = await this.#control.ask('describeRouting', { name: stream })
      routing = new Routing(response, from)
    } catch (error) {
      if (MillraceError.is(error, 'streamNotFound')) this.#known.delete(stream)
      throw error
    }
    const known = this.#known.get(stream)
    // Concurrent requests may be answered in any order; an older answer must not replace a newer one.
    if (known !== undefined && isNewer(known, routing)) routing = known
    else if (known !== undefined) routing.checkSuccessorOf(known)
    this.#known.delete(stream)
    this.#known.set(stream, routing)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= clientLimits.streamsKept) break
      this.#known.delete(oldest)
    }
    return routing
  }
}

function isNewer(a: Routing, b: Routing): boolean {
  return a.streamId > b.streamId || (a.streamId === b.streamId && a.epoch > b.epoch)
}
