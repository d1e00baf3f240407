// Chooses the lane of a record: by the known routing, unless records of its key still wait in the lane of a shard that takes no
// more. Then the record goes behind them. Runs in the client, pure. A lane holds back only its own keys, so one slow shard does
// not keep the others from going on under the new routing.
import type { ShardMap } from '../../../protocol/shards/shard-map.ts'
import type { Routing } from '../../connecting/routing.ts'
import type { LaneIdentity } from './identity.ts'
import { Lane } from './lane.ts'

/** A routing, as far as records need one. */
export type LaneRouting = Pick<Routing, 'streamId' | 'map' | 'shard'>

/** The lanes of one routing. Of one that is out of date, only those whose records must go first are left. */
interface Generation {
  readonly map: ShardMap
  readonly lanes: Map<number, Lane>
}

export class Lanes {
  readonly #newIdentity: () => LaneIdentity
  #routing: LaneRouting
  #current: Generation
  /** Oldest first: what was routed there came before what was routed later. */
  #past: Generation[] = []

  constructor(routing: LaneRouting, newIdentity: () => LaneIdentity) {
    this.#routing = routing
    this.#newIdentity = newIdentity
    this.#current = { map: routing.map, lanes: new Map() }
  }

  /** The lane for the hash key at `hashKey[at…at+3]`; for a record that leaves a lane, where it goes from there. */
  of(hashKey: Uint32Array, at: number, leaving?: Lane): Lane {
    if (this.#past.length > 0) {
      const behind = this.#heldBack(hashKey, at, leaving)
      if (behind !== undefined) return behind
    }
    const { map, lanes } = this.#current
    const shardIndex = map.route(hashKey, at)
    let lane = lanes.get(shardIndex)
    if (lane === undefined) {
      lane = new Lane({ streamId: this.#routing.streamId, shardIndex }, this.#newIdentity)
      lanes.set(shardIndex, lane)
    }
    return lane
  }

  /**
   * The one lane for every hash key from `bounds[0…3]` to `bounds[4…7]`, or undefined where they do not all belong to
   * one. A shard's range has no holes, so what holds for both ends holds in between, as long as it does in each routing.
   */
  ofAll(bounds: Uint32Array, leaving?: Lane): Lane | undefined {
    const isSplitBy = ({ map }: Generation) => map.route(bounds, 0) !== map.route(bounds, 4)
    return isSplitBy(this.#current) || this.#past.some(isSplitBy) ? undefined : this.of(bounds, 0, leaving)
  }

  /** Every lane, those that vanish too. */
  all(): Lane[] {
    return [...this.#past, this.#current].flatMap(({ lanes }) => [...lanes.values()])
  }

  /** Returns true if the lane still takes records. Reports about a removed lane are ignored. */
  has(lane: Lane): boolean {
    return this.#generationOf(lane) !== undefined
  }

  /** The records of its keys go where the routing says, from now on. */
  remove(lane: Lane): void {
    this.#generationOf(lane)?.lanes.delete(lane.shardIndex)
    this.#past = this.#past.filter(({ lanes }) => lanes.size > 0)
  }

  /**
   * Routes by a newer routing. Returns the lanes whose shards take no more records in it. They vanish, but take the records of
   * their keys until they are removed.
   */
  adopt(routing: LaneRouting): Lane[] {
    const isSameStream = routing.streamId === this.#routing.streamId
    const stays = ({ shardIndex }: Lane) => isSameStream && routing.shard(shardIndex)?.state === 'OPEN'
    const { map, lanes } = this.#current
    const next: Generation = { map: routing.map, lanes: new Map() }
    for (const [shardIndex, lane] of lanes) {
      if (!stays(lane)) continue
      lanes.delete(shardIndex)
      next.lanes.set(shardIndex, lane)
    }
    const vanishing = [...lanes.values()]
    for (const lane of vanishing) lane.vanish()
    if (vanishing.length > 0) this.#past.push({ map, lanes })
    this.#routing = routing
    this.#current = next
    return vanishing
  }

  #generationOf(lane: Lane): Generation | undefined {
    const generations = [...this.#past, this.#current]
    return generations.find(({ lanes }) => lanes.get(lane.shardIndex) === lane)
  }

  /** Never a lane of a routing older than that of the lane being left: what waits there is to come behind the record. */
  #heldBack(hashKey: Uint32Array, at: number, leaving: Lane | undefined): Lane | undefined {
    let isAhead = leaving === undefined
    for (const { map, lanes } of this.#past) {
      const lane = isAhead ? lanes.get(map.route(hashKey, at)) : undefined
      if (lane !== undefined) return lane
      isAhead ||= lanes.get(leaving!.shardIndex) === leaving
    }
    return undefined
  }
}
