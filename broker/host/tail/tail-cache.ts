// The tail cache: the arenas of the newest appends, bounded in bytes for the whole host. Host main thread.
// First in, first out over all shards. Evicting the oldest arena takes its batches from the front of their shards: O(1) a
// batch, nothing is searched. Copies that readers made necessary are counted, and the bound is kept with the next arena.
import { Fifo } from './fifo.ts'
import { CachedArena } from './shard-tail.ts'

/** All arenas, oldest first. */
export class TailCache {
  readonly #bytesMax: number
  readonly #arenas = new Fifo<CachedArena>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** What the cache holds, its own objects included. */
  get bytes(): number {
    return this.#bytes
  }

  /** Wraps an arena that came back, so that its stored batches can be listed; `add` it when all are. */
  arena(buffer: ArrayBuffer): CachedArena {
    return new CachedArena(buffer, (bytes) => (this.#bytes += bytes))
  }

  /** Takes an arena whose batches are listed, and evicts the oldest ones beyond the bound. */
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
