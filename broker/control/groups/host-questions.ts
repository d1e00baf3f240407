// What only hosts know, for groups: tails of open shards, and how far a checkpoint is behind. Runs in the controller. Where
// a host is down, the answer is missing, never wrong.
import type { Backlog, BacklogRequest } from '../../host-contract.ts'
import { refusal } from '../../../protocol/refusal.ts'
import { withDeadline, type Time } from '../../time.ts'
import { openShardsOf, shardsOf, type CatalogState, type Shard } from '../catalog-state.ts'
import { byHost, type HostFleet } from '../hosts/fleet.ts'
import { liveExtents } from '../descriptions.ts'
import type { Pins } from './machine/messages.ts'

const DEADLINE_MS = 2_000
/** Tails that are remembered: they only rise, so an old one still proves that a checkpoint lies below it. */
const KNOWN_MAX = 100_000

interface Line {
  /** What the next call to the host asks for; undefined if nothing waits. */
  waiting: { readonly shards: Map<string, Shard>; readonly asked: Promise<void> } | undefined
  running: Promise<void> | undefined
}

export class HostQuestions {
  readonly #fleet: HostFleet
  readonly #time: Time
  readonly #known = new Map<string, number>()
  /** By host: one call at a time, and what has come meanwhile goes into the next one. */
  readonly #lines = new Map<number, Line>()

  constructor({ fleet, time }: { readonly fleet: HostFleet; readonly time: Time }) {
    this.#fleet = fleet
    this.#time = time
  }

  /** Returns where LATEST is in the stream now. Throws `unavailable` where a host does not answer. */
  async pinsOf(state: CatalogState, streamId: number): Promise<Pins> {
    const shards = [...openShardsOf(state, streamId).values()]
    const shardsBelow = (shardsOf(state, streamId).lastKey() ?? -1) + 1
    const { extents } = await liveExtents(this.#fleet, shards, this.#time)
    const pinned = shards.map(({ index, ownerId }) => {
      const extent = extents.get(index)
      if (extent !== undefined) return { shardIndex: index, next: extent.tail }
      const { hostId, reason = 'it does not answer' } = this.#fleet.hostOf(ownerId)
      const message = `LATEST is not known while host ${hostId} is down (${reason}); nothing was done, try again.`
      throw refusal('unavailable', message)
    })
    return { streamId, shardsBelow, shards: pinned }
  }

  /**
   * Returns the tail of a shard, or a number at or below it that is not below `next`; undefined if its host does not answer.
   */
  async tailOf(shard: Shard, next: number): Promise<number | undefined> {
    const key = keyOf(shard)
    const known = this.#known.get(key)
    if (known !== undefined && known >= next) return known
    const isAnswered = await this.#ask(shard)
    return isAnswered ? this.#known.get(key) : undefined
  }

  /** Returns the tails of shards, in their order, of all hosts that answer in time. */
  async tailsOf(shards: readonly Shard[]): Promise<readonly (number | undefined)[]> {
    const unique = new Map(shards.map((shard) => [keyOf(shard), shard]))
    const tails = new Map<string, number>()
    await this.#askHosts([...unique.values()], async (hostId, there) => {
      const columns = Float64Array.from(there.flatMap(({ streamId, index }) => [streamId, index]))
      const reply = await this.#fleet.call(hostId, 'shardTails', { shards: columns })
      for (const [place, shard] of there.entries()) {
        const tail = reply.tails[place] ?? -1
        if (tail >= 0) tails.set(keyOf(shard), tail)
      }
    })
    return shards.map((shard) => tails.get(keyOf(shard)))
  }

  /** Returns how far positions are behind, in their order; undefined where the host does not answer. */
  async backlogsOf(
    positions: readonly {
      readonly shard: Shard
      readonly next: number | undefined
      readonly timestamp: number | undefined
    }[],
  ): Promise<readonly (Backlog | undefined)[]> {
    const found: (Backlog | undefined)[] = positions.map(() => undefined)
    const asked = positions.map(
      ({ shard, next = null, timestamp = null }, at): BacklogRequest & { ownerId: number; at: number } => {
        const { streamId, index: shardIndex, ownerId } = shard
        return { streamId, shardIndex, next, timestamp, ownerId, at }
      },
    )
    await this.#askHosts(asked, async (hostId, there) => {
      const { backlogs } = await this.#fleet.call(hostId, 'backlogs', { shards: there })
      for (const backlog of backlogs) found[there[backlog.place]!.at] = backlog
    })
    return found
  }

  /** Asks every host about what it has; one that fails, or takes too long, is left out. */
  async #askHosts<T extends { readonly ownerId: number }>(
    all: readonly T[],
    ask: (hostId: number, there: readonly T[]) => Promise<void>,
  ): Promise<void> {
    const hosts = [...byHost(this.#fleet, all)] as (readonly [number, readonly T[]])[]
    await Promise.allSettled(
      hosts.map(([hostId, there]) => withDeadline(ask(hostId, there), this.#time, DEADLINE_MS)),
    )
  }

  /** Fulfils with false if the host does not answer. */
  async #ask(shard: Shard): Promise<boolean> {
    const { hostId } = this.#fleet.hostOf(shard.ownerId)
    const line = this.#lines.get(hostId) ?? { waiting: undefined, running: undefined }
    this.#lines.set(hostId, line)
    line.waiting ??= this.#next(hostId, line)
    line.waiting.shards.set(keyOf(shard), shard)
    try {
      await line.waiting.asked
      return true
    } catch {
      return false
    }
  }

  #next(hostId: number, line: Line): NonNullable<Line['waiting']> {
    const shards = new Map<string, Shard>()
    const call = async (): Promise<void> => {
      // What comes later in this turn joins the call.
      await (line.running ?? Promise.resolve())
      line.waiting = undefined
      const running = this.#call(hostId, [...shards.values()])
      line.running = running.catch(() => {})
      await running
    }
    return { shards, asked: call() }
  }

  async #call(hostId: number, shards: readonly Shard[]): Promise<void> {
    const columns = Float64Array.from(shards.flatMap(({ streamId, index }) => [streamId, index]))
    const asked = this.#fleet.call(hostId, 'shardTails', { shards: columns })
    const { tails } = await withDeadline(asked, this.#time, DEADLINE_MS)
    if (this.#known.size + shards.length > KNOWN_MAX) this.#known.clear()
    for (const [place, shard] of shards.entries()) {
      const tail = tails[place] ?? -1
      if (tail >= 0) this.#known.set(keyOf(shard), tail)
    }
  }
}

function keyOf({ streamId, index }: Shard): string {
  return `${streamId}/${index}`
}
