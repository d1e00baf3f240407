// The tail cache: the arenas of the newest appends, bounded in bytes for the whole host. Host main thread.
// It is first in, first out over all shards. Evicting the oldest arena removes its batches from the front of their shards, in
// O(1) for each batch. Copies for readers are counted too; they may exceed the bound until the next arena is added.
import { Fifo } from './fifo.ts'
import { CachedArena } from './shard-tail.ts'

/** The cached arenas of all shards. */
export class TailCache {
  readonly #bytesMax: number
  readonly #arenas = new Fifo<CachedArena>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that the cache holds, its own objects included. */
  get bytes(): number {
    return this.#bytes
  }

  /** Wraps an arena that came back from an owner, so that its stored batches can be listed. Call `add` when all are. */
  arena(buffer: ArrayBuffer): CachedArena {
    return new CachedArena(buffer, (bytes) => (this.#bytes += bytes))
  }

  /** Adds an arena whose batches are listed, and evicts the oldest arenas beyond the bound. */
  add(arena: CachedArena): void {
    if (arena.batches.length === 0) return
    this.#arenas.push(arena)
    this.#bytes += arena.charged
    this.#evict()
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax) {
      const arena = this.#arenas.shift()
      if (!arena) return
      this.#bytes -= arena.charged
      for (const batch of arena.batches) batch.tail.evict(batch)
    }
  }
}
