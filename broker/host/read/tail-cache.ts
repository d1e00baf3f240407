// The newest flushed batches, in the arenas in which the owners gave them back. Host main thread.
// One first-in-first-out queue of arenas for the whole host, bounded in bytes; each shard keeps its own batches in order
// of number. Evicting the oldest arena takes its batches from the front of their shards: O(1) a batch, nothing is searched.
// Only what is flushed comes in here, so everything that is found here may be shown to a reader.
import { invariant } from '../../../protocol/invariant.ts'
import { hostLimits } from '../host-limits.ts'

const { arenaOverheadBytes, batchOverheadBytes, pinFactorMax, spanBatchesMax } = hostLimits

/** How much a read may take: whole batches of up to `bytes` together, but a first one of up to `firstBytes` in any case. */
export interface Room {
  readonly bytes: number
  readonly firstBytes: number
}

/** Does a batch of `length` fit, where `taken` bytes are taken already? */
export function fits({ bytes, firstBytes }: Room, taken: number, length: number): boolean {
  return taken + length <= bytes || (taken === 0 && length <= firstBytes)
}

/** Whole batches of one shard, one after the other. */
export interface Span {
  readonly batches: readonly Uint8Array[]
  readonly bytes: number
  /** The number after the last record; where it started, when there was no room. */
  readonly next: number
  /** When the last of the batches arrived; 0 when there is none. */
  readonly arrivalTime: number
}

/** Where a stored batch lies in its arena, and what its header says. */
export interface StoredBatch {
  readonly offset: number
  readonly length: number
  readonly base: number
  readonly recordCount: number
  readonly arrivalTime: number
}

class CachedBatch {
  readonly tail: ShardTail
  readonly base: number
  /** The number after its last record. */
  readonly end: number
  readonly arrivalTime: number
  readonly length: number
  readonly #arena: CachedArena
  readonly #offset: number
  #bytes: Uint8Array | undefined

  constructor(tail: ShardTail, arena: CachedArena, batch: StoredBatch) {
    this.tail = tail
    this.#arena = arena
    this.#offset = batch.offset
    this.base = batch.base
    this.end = batch.base + batch.recordCount
    this.arrivalTime = batch.arrivalTime
    this.length = batch.length
  }

  /**
   * The bytes to hand to a socket: a view on the arena. A socket that is slow keeps what it was given, and with a view
   * the whole arena: a batch that is small beside its arena is therefore copied out, once for all its readers.
   */
  get bytes(): Uint8Array {
    if (this.#bytes) return this.#bytes
    const view = this.#arena.bytes.subarray(this.#offset, this.#offset + this.length)
    const pinsTooMuch = this.length * pinFactorMax < this.#arena.bytes.length
    if (pinsTooMuch) this.#arena.charge(this.length)
    return (this.#bytes = pinsTooMuch ? view.slice() : view)
  }
}

/** An arena that came back from an owner, while its stored batches are being listed and then while it is cached. */
export class CachedArena {
  readonly bytes: Uint8Array
  readonly batches: CachedBatch[] = []
  readonly #cache: TailCache
  #charged: number

  constructor(cache: TailCache, buffer: ArrayBuffer) {
    this.#cache = cache
    this.bytes = new Uint8Array(buffer)
    this.#charged = buffer.byteLength + arenaOverheadBytes
  }

  /** What the cache must let go of to make room. */
  get charged(): number {
    return this.#charged + this.batches.length * batchOverheadBytes
  }

  charge(bytes: number): void {
    this.#charged += bytes
    this.#cache.charge(bytes)
  }

  /** Lists a stored batch, newest last. Duplicates and refused batches are not listed: their bytes are not the stored ones. */
  push(tail: ShardTail, batch: StoredBatch): void {
    const cached = new CachedBatch(tail, this, batch)
    this.batches.push(cached)
    tail.push(cached)
  }
}

/** The cached batches of one shard, oldest first. There may be gaps where an append's outcome was unknown. */
export class ShardTail {
  #batches: CachedBatch[] = []
  /** Index of the oldest batch; what lies before it was evicted and is dropped now and then. */
  #first = 0

  get size(): number {
    return this.#batches.length - this.#first
  }

  push(batch: CachedBatch): void {
    const newest = this.#batches.at(-1)
    invariant(
      this.size === 0 || newest!.end <= batch.base,
      `a batch at ${batch.base} came after one that ends before ${newest?.end}`,
    )
    this.#batches.push(batch)
  }

  /** Lets go of the oldest batch, which the caller believes to be `batch`; a cleared tail has let go already. */
  evict(batch: CachedBatch): void {
    if (this.#batches[this.#first] !== batch) {
      invariant(this.size === 0, `the evicted batch at ${batch.base} is not the oldest of its shard`)
      return
    }
    this.#first++
    if (this.#first > 32 && this.#first * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#first)
      this.#first = 0
    }
  }

  clear(): void {
    this.#batches = []
    this.#first = 0
  }

  /** Batches from the one that holds number `from`; undefined where it is not here and only storage can tell. */
  read(from: number, room: Room): Span | undefined {
    let index = this.#lastAtOrBelow(from)
    if (index < this.#first || this.#batches[index]!.end <= from) return undefined
    const batches: Uint8Array[] = []
    let bytes = 0
    let next = from
    let arrivalTime = 0
    for (; index < this.#batches.length && batches.length < spanBatchesMax; index++) {
      const batch = this.#batches[index]!
      if (batches.length > 0 && batch.base !== next) break // a gap
      if (!fits(room, bytes, batch.length)) break
      batches.push(batch.bytes)
      bytes += batch.length
      next = batch.end
      arrivalTime = batch.arrivalTime
    }
    return { batches, bytes, next, arrivalTime }
  }

  /** Base of the first batch that arrived at `timestamp` or later; undefined where that may be one that is not here. */
  seek(timestamp: number): number | undefined {
    let low = this.#first
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.arrivalTime < timestamp) low = middle + 1
      else high = middle
    }
    // The batch before it must be known to be too early, and nothing may lie between the two.
    const found = this.#batches[low]
    const before = this.#batches[low - 1]
    const proven = found && before && low > this.#first && before.end === found.base
    return proven ? found.base : undefined
  }

  #lastAtOrBelow(sequenceNumber: number): number {
    let low = this.#first
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.base <= sequenceNumber) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** All arenas, oldest first. */
export class TailCache {
  readonly #bytesMax: number
  #arenas: CachedArena[] = []
  #first = 0
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
    return new CachedArena(this, buffer)
  }

  /** Takes an arena whose batches are listed, and evicts the oldest ones beyond the bound. */
  add(arena: CachedArena): void {
    if (arena.batches.length === 0) return
    this.#arenas.push(arena)
    this.#bytes += arena.charged
    this.#evict()
  }

  /** Counts bytes that an arena's batches take beside it. The bound is kept again with the next arena. */
  charge(bytes: number): void {
    this.#bytes += bytes
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax && this.#first < this.#arenas.length) {
      const arena = this.#arenas[this.#first++]!
      this.#bytes -= arena.charged
      for (const batch of arena.batches) batch.tail.evict(batch)
    }
    if (this.#first > 32 && this.#first * 2 > this.#arenas.length) {
      this.#arenas = this.#arenas.slice(this.#first)
      this.#first = 0
    }
  }
}
