// Decides which shards a reading reads, and when: a shard is begun when all of its parents are drained, or are gone. So one
// key's records come in the order in which they were stored, across splits and merges. Runs in the client, pure.
import type { ReadRouting } from './plan.ts'
import { ShardCursor } from './shard-cursor.ts'

/** The part of a routing that lineage uses. */
export type LineageRouting = Pick<ReadRouting, 'shards' | 'shard'>

export class Lineage<R extends LineageRouting = ReadRouting> {
  #routing: R
  /** The children of each shard, by the routing. */
  #children: ReadonlyMap<number, readonly number[]>
  /** Waiting shards whose parents have changed since the last `begin`. */
  readonly #candidates = new Set<number>()
  /** Shards that wait for their parents to be drained, shards being read, and shards that were. */
  readonly #waiting = new Map<number, ShardCursor>()
  readonly #active = new Set<ShardCursor>()
  readonly #drained = new Set<number>()
  /** Shards that this reading reads, has read, or leaves out from the start. */
  readonly #known = new Map<number, ShardCursor>()
  readonly #leftOut = new Set<number>()
  /** Closed shards that were read to their end. */
  readonly #finished = new Set<number>()
  /** Every shard below this index is known or left out. */
  #shardsBelow: number
  /** Shards that were read to their end, but are open in the routing, which is too old to have their children. */
  readonly #ended = new Set<number>()

  /** Reads these shards, and leaves out the other present ones. */
  constructor(routing: R, cursors: readonly ShardCursor[]) {
    this.#routing = routing
    this.#children = childrenIn(routing)
    for (const cursor of cursors) this.#await(cursor)
    for (const { index } of routing.shards) if (!this.#known.has(index)) this.#leftOut.add(index)
    this.#shardsBelow = boundOf(routing)
  }

  get routing(): R {
    return this.#routing
  }

  get active(): ReadonlySet<ShardCursor> {
    return this.#active
  }

  /** Every shard from which records may still come. */
  get unfinished(): ShardCursor[] {
    return [...this.#active, ...this.#waiting.values()]
  }

  /** True if a shard has ended whose children only a newer routing has. */
  get seeksChildren(): boolean {
    return this.#ended.size > 0
  }

  /** True if all shards are read. */
  get isOver(): boolean {
    return this.#active.size + this.#waiting.size + this.#ended.size === 0
  }

  /**
   * Where a later reading goes on: every shard of which the loop did not get all records. A shard that was read to its end is
   * left out once its children are known.
   */
  get position(): { readonly shardsBelow: number; readonly shards: Readonly<Record<string, number>> } {
    const shards: Record<string, number> = {}
    for (const cursor of this.#known.values()) {
      const { shardIndex } = cursor
      const isPast = this.#finished.has(shardIndex) && !this.#ended.has(shardIndex) && cursor.isHandedOut
      if (!isPast) shards[cursor.shardId] = cursor.position
    }
    return { shardsBelow: this.#shardsBelow, shards }
  }

  /** Takes a newer routing. With `follows`, its new shards are read too, from their first number on. */
  adopt(routing: R, { follows }: { follows: boolean }): void {
    this.#routing = routing
    this.#children = childrenIn(routing)
    // The parents that they waited for may have expired.
    for (const index of this.#waiting.keys()) this.#candidates.add(index)
    for (const index of this.#ended) if (routing.shard(index)?.state !== 'OPEN') this.#ended.delete(index)
    for (const indexes of [this.#drained, this.#leftOut, this.#finished]) {
      for (const index of indexes) if (routing.shard(index) === undefined) indexes.delete(index)
    }
    for (const [index, cursor] of this.#known) {
      if (routing.shard(index) === undefined && cursor.isHandedOut) this.#known.delete(index)
    }
    if (!follows) return
    for (const { index, startingSequenceNumber } of routing.shards) {
      if (this.#known.has(index) || this.#leftOut.has(index)) continue
      this.#await(new ShardCursor(index, { next: startingSequenceNumber, until: Infinity }))
    }
    this.#shardsBelow = Math.max(this.#shardsBelow, boundOf(routing))
  }

  /** Called when the shard is read as far as wanted, or is gone. A waiting shard makes way for its children in its turn. */
  drain(cursor: ShardCursor): void {
    if (this.#active.delete(cursor)) this.#pass(cursor.shardIndex)
  }

  /** Called when a closed shard was read to its end. */
  end(cursor: ShardCursor): void {
    this.drain(cursor)
    this.#finished.add(cursor.shardIndex)
    if (this.#routing.shard(cursor.shardIndex)?.state === 'OPEN') this.#ended.add(cursor.shardIndex)
  }

  /** Returns the shards whose turn has come, which are active from now on. */
  begin(): ShardCursor[] {
    const begun: ShardCursor[] = []
    // A shard may be done before it is begun. It then makes way for the next shard, which joins the candidates.
    for (const index of this.#candidates) {
      this.#candidates.delete(index)
      const cursor = this.#waiting.get(index)
      if (cursor === undefined || !this.#isReadable(index)) continue
      this.#waiting.delete(index)
      if (cursor.isDone) this.#pass(index)
      else begun.push(cursor)
    }
    for (const cursor of begun) this.#active.add(cursor)
    return begun
  }

  #await(cursor: ShardCursor): void {
    this.#known.set(cursor.shardIndex, cursor)
    this.#waiting.set(cursor.shardIndex, cursor)
    this.#candidates.add(cursor.shardIndex)
  }

  #pass(index: number): void {
    this.#drained.add(index)
    for (const child of this.#children.get(index) ?? []) this.#candidates.add(child)
  }

  #isReadable(index: number): boolean {
    const parents = this.#routing.shard(index)?.parents ?? []
    return parents.every((parent) => this.#drained.has(parent) || !this.#isPresent(parent))
  }

  #isPresent(index: number): boolean {
    return this.#known.has(index) && this.#routing.shard(index) !== undefined
  }
}

/** The index above all shards that this routing has. */
function boundOf({ shards }: LineageRouting): number {
  return shards.reduce((bound, { index }) => Math.max(bound, index + 1), 0)
}

function childrenIn({ shards }: LineageRouting): ReadonlyMap<number, readonly number[]> {
  const children = new Map<number, number[]>()
  for (const { index, parents } of shards) {
    for (const parent of parents) {
      const known = children.get(parent)
      if (known === undefined) children.set(parent, [index])
      else known.push(index)
    }
  }
  return children
}

/**
 * Returns true if an expired shard had been read to its end. A child begins at the end of its parent. A child of two parents
 * begins at the higher end, which proves less, so the last known tail decides then.
 */
export function wasRead(cursor: ShardCursor, routing: ReadRouting): boolean {
  const child = routing.childrenOf(cursor.shardIndex)[0]
  const { startingSequenceNumber = Infinity, parents = [] } = child === undefined ? {} : routing.shard(child)!
  if (startingSequenceNumber <= cursor.next) return true
  return parents.length !== 1 && cursor.isAtTail
}
