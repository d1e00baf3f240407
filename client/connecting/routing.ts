// Where the shards of a stream are: asked of the controller, kept per stream, asked again when a host says that it is
// out of date. Runs in the client. However many callers find a routing stale, one request refreshes it.
import { hashKeyFromBytes } from '../../protocol/shards/hash-key.ts'
import { invariant } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { ResponseOf, RoutedShard } from '../../protocol/operations.ts'
import { ShardMap, type HashKeyRange } from '../../protocol/shards/shard-map.ts'
import type { Address, Endpoint } from './address.ts'
import type { ControlPlane } from './control-plane.ts'
import { clientLimits } from '../settings.ts'
import { Gate, throwIfAborted, unlessAborted } from '../waiting.ts'

/** One answer of describeRouting, ready to be asked. Immutable: a refresh makes another. */
export class Routing {
  readonly streamId: number
  readonly epoch: number
  /** All shards that can be read, open and closed. */
  readonly shards: readonly RoutedShard[]
  /** The open shards: where records go. */
  readonly map: ShardMap
  readonly #byIndex: ReadonlyMap<number, RoutedShard>
  readonly #hosts: ReadonlyMap<number, Endpoint>

  /** `controller` is where the answer came from: a host without an address of its own listens there too. */
  constructor(answer: ResponseOf<'describeRouting'>, controller: Address) {
    this.streamId = answer.streamId
    this.epoch = answer.epoch
    this.shards = answer.shards
    this.#byIndex = new Map(answer.shards.map((shard) => [shard.index, shard]))
    this.#hosts = new Map(
      answer.hosts.map(({ hostId, host, port }) => [hostId, { hostId, host: host || controller.host, port }]),
    )
    for (const { hostId } of answer.shards) {
      invariant(
        this.#hosts.has(hostId),
        `describeRouting tells the address of host ${hostId}, which it names`,
      )
    }
    const open = answer.shards.filter((shard) => shard.state === 'OPEN')
    this.map = new ShardMap(open.map((shard) => ({ index: shard.index, range: rangeOf(shard) })))
  }

  shard(index: number): RoutedShard | undefined {
    return this.#byIndex.get(index)
  }

  /** The hash keys of a shard; undefined for one that is gone. */
  rangeOf(index: number): HashKeyRange | undefined {
    const shard = this.#byIndex.get(index)
    return shard === undefined ? undefined : rangeOf(shard)
  }

  /** The shards that took the place of this one. */
  childrenOf(index: number): number[] {
    return this.shards.filter(({ parents }) => parents.includes(index)).map((shard) => shard.index)
  }

  /** The host of a shard; undefined for a shard that is gone. */
  hostOf(index: number): Endpoint | undefined {
    const shard = this.#byIndex.get(index)
    return shard === undefined ? undefined : this.#hosts.get(shard.hostId)
  }
}

function rangeOf(shard: RoutedShard): HashKeyRange {
  return { start: hashKeyFromBytes(shard.startingHashKey), end: hashKeyFromBytes(shard.endingHashKey) }
}

export class RoutingCache {
  readonly #control: ControlPlane
  /** In the order of use, oldest first. */
  readonly #known = new Map<string, Routing>()
  readonly #asking = new Map<string, Promise<Routing>>()
  readonly #gate = new Gate(clientLimits.routingsInFlight)

  constructor(control: ControlPlane) {
    this.#control = control
  }

  /** What is known of the stream, or a fresh answer. Rejects with `streamNotFound` and what any request may. */
  get(stream: string, signal?: AbortSignal): Promise<Routing> {
    const known = this.#known.get(stream)
    if (known === undefined) return this.#ask(stream, signal)
    this.#known.delete(stream)
    this.#known.set(stream, known)
    return Promise.resolve(known)
  }

  /** An answer to a request made now: it knows every shard that had taken a record before. */
  fresh(stream: string, signal?: AbortSignal): Promise<Routing> {
    throwIfAborted(signal)
    return unlessAborted(this.#request(stream), signal)
  }

  /** A routing newer than the one that was found stale: fresh, or the one that somebody else got meanwhile. */
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
    this.#known.delete(stream)
    // Two requests at a time may be answered in any order: what is known never becomes older.
    if (known !== undefined && isNewer(known, routing)) routing = known
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
