// Which shards a reading reads, and when: a shard is begun when all of its parents are drained, or no longer there to be
// read. So one key's records come in the order in which they were stored, across splits and merges. Runs in the
// client, pure.
import type { Routing } from '../connecting/routing.ts'
import { ShardCursor } from './shard-cursor.ts'

/** A routing, as far as lineage needs one. */
export type LineageRouting = Pick<Routing, 'shards' | 'shard'>

export class Lineage<R extends LineageRouting = Routing> {
  #routing: R
  /** By the routing: the shards whose parent this one is. */
  #children: ReadonlyMap<number, readonly number[]>
  /** Shards that wait, of whose parents something has changed since `begin` was asked last. */
  readonly #candidates = new Set<number>()
  /** Shards that wait for their parents to be drained, shards being read, and shards that were. */
  readonly #waiting = new Map<number, ShardCursor>()
  readonly #active = new Set<ShardCursor>()
  readonly #drained = new Set<number>()
  /** Shards that this reading has to do with, and those that it leaves out from the start. */
  readonly #known = new Set<number>()
  readonly #leftOut = new Set<number>()
  /** Read to their end, while by the routing they are still open: it is too old to know their children. */
  readonly #ended = new Set<number>()

  /** Reads these shards, and leaves out the others that are there now. */
  constructor(routing: R, cursors: readonly ShardCursor[]) {
    this.#routing = routing
    this.#children = childrenIn(routing)
    for (const cursor of cursors) this.#await(cursor)
    for (const { index } of routing.shards) if (!this.#known.has(index)) this.#leftOut.add(index)
  }

  get routing(): R {
    return this.#routing
  }

  get active(): ReadonlySet<ShardCursor> {
    return this.#active
  }

  /** Every shard of which something may still come. */
  get unfinished(): ShardCursor[] {
    return [...this.#active, ...this.#waiting.values()]
  }

  /** A shard has ended whose children only a newer routing can tell. */
  get seeksChildren(): boolean {
    return this.#ended.size > 0
  }

  /** Everything is read. */
  get isOver(): boolean {
    return this.#active.size + this.#waiting.size + this.#ended.size === 0
  }

  /** Goes by a newer routing. With `follows`, the shards that appeared in it are read too, from their first number on. */
  adopt(routing: R, { follows }: { follows: boolean }): void {
    this.#routing = routing
    this.#children = childrenIn(routing)
    // What they waited for may have expired.
    for (const index of this.#waiting.keys()) this.#candidates.add(index)
    for (const index of this.#ended) if (routing.shard(index)?.state !== 'OPEN') this.#ended.delete(index)
    for (const indexes of [this.#drained, this.#known, this.#leftOut]) {
      for (const index of indexes) if (routing.shard(index) === undefined) indexes.delete(index)
    }
    if (!follows) return
    for (const { index, startingSequenceNumber } of routing.shards) {
      if (this.#known.has(index) || this.#leftOut.has(index)) continue
      this.#await(new ShardCursor(index, { next: startingSequenceNumber, until: Infinity }))
    }
  }

  /** The shard is read as far as it is to be read, or is gone. One that waits makes way for its children in its turn. */
  drain(cursor: ShardCursor): void {
    if (this.#active.delete(cursor)) this.#pass(cursor.shardIndex)
  }

  /** The shard is closed and read to its end. */
  end(cursor: ShardCursor): void {
    this.drain(cursor)
    if (this.#routing.shard(cursor.shardIndex)?.state === 'OPEN') this.#ended.add(cursor.shardIndex)
  }

  /** The shards whose turn has come: they are active from now on. */
  begin(): ShardCursor[] {
    const begun: ShardCursor[] = []
    // A shard may be done before it is begun, and so make way for the next: that one joins the candidates.
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
    this.#known.add(cursor.shardIndex)
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
 * Whether a shard that has expired had been read to its end. A child begins where its parent ended; one of two parents, at
 * the higher end, which tells less: then what the broker said last must do.
 */
export function wasRead(cursor: ShardCursor, routing: Routing): boolean {
  const child = routing.childrenOf(cursor.shardIndex)[0]
  const { startingSequenceNumber = Infinity, parents = [] } = child === undefined ? {} : routing.shard(child)!
  if (startingSequenceNumber <= cursor.next) return true
  return parents.length !== 1 && cursor.isAtTail
}
