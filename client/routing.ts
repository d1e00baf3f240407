// Where the shards of a stream are: asked of the controller, kept per stream, asked again when a host says that it is
// out of date. Runs in the client. However many callers find a routing stale, one request refreshes it.
import { hashKeyFromBytes } from '../protocol/hash-key.ts'
import { invariant } from '../protocol/invariant.ts'
import { MillraceError } from '../protocol/millrace-error.ts'
import type { ResponseOf, RoutedShard } from '../protocol/operations.ts'
import { ShardMap } from '../protocol/shard-map.ts'
import type { Address } from './address.ts'
import type { ControlPlane } from './control-plane.ts'
import { clientLimits } from './settings.ts'
import { unlessAborted } from './waiting.ts'

/** One answer of describeRouting, ready to be asked. Immutable: a refresh makes another. */
export class Routing {
  readonly streamId: number
  readonly epoch: number
  /** All shards that can be read, open and closed. */
  readonly shards: readonly RoutedShard[]
  /** The open shards: where records go. */
  readonly map: ShardMap
  readonly #byIndex: ReadonlyMap<number, RoutedShard>
  readonly #hosts: ReadonlyMap<number, Address>

  /** `controller` is where the answer came from: a host without an address of its own listens there too. */
  constructor(answer: ResponseOf<'describeRouting'>, controller: Address) {
    this.streamId = answer.streamId
    this.epoch = answer.epoch
    this.shards = answer.shards
    this.#byIndex = new Map(answer.shards.map((shard) => [shard.index, shard]))
    this.#hosts = new Map(
      answer.hosts.map(({ hostId, host, port }) => [hostId, { host: host || controller.host, port }]),
    )
    for (const { hostId } of answer.shards) {
      invariant(
        this.#hosts.has(hostId),
        `describeRouting tells the address of host ${hostId}, which it names`,
      )
    }
    const open = answer.shards.filter((shard) => shard.state === 'OPEN')
    this.map = new ShardMap(
      open.map((shard) => ({
        index: shard.index,
        range: {
          start: hashKeyFromBytes(shard.startingHashKey),
          end: hashKeyFromBytes(shard.endingHashKey),
        },
      })),
    )
  }

  shard(index: number): RoutedShard | undefined {
    return this.#byIndex.get(index)
  }

  /** Where the host of a shard listens; undefined for a shard that is gone. */
  addressOf(index: number): Address | undefined {
    const shard = this.#byIndex.get(index)
    return shard === undefined ? undefined : this.#hosts.get(shard.hostId)
  }
}

export class RoutingCache {
  readonly #control: ControlPlane
  /** In the order of use, oldest first. */
  readonly #known = new Map<string, Routing>()
  readonly #asking = new Map<string, Promise<Routing>>()

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
    let asking = this.#asking.get(stream)
    if (asking === undefined) {
      asking = this.#describe(stream).finally(() => this.#asking.delete(stream))
      this.#asking.set(stream, asking)
    }
    return unlessAborted(asking, signal)
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
    this.#known.delete(stream)
    this.#known.set(stream, routing)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= clientLimits.streamsKept) break
      this.#known.delete(oldest)
    }
    return routing
  }
}
