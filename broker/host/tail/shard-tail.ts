// The newest flushed batches of one shard, in the arenas in which the owner gave them back. Host main thread.
// A batch is found by number in a binary search. The oldest batches leave first, when the tail cache evicts their arena. Only
// flushed batches are listed here, so a reader may see all of them.
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import { hostLimits } from '../host-limits.ts'
import { Fifo } from './fifo.ts'
import { fits, type Room, type BatchRun } from './batch-run.ts'

const { arenaOverheadBytes, batchOverheadBytes, pinFactorMax } = hostLimits

/** The place of a stored batch in its arena, and fields of its header. */
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
  /** The sequence number after its last record. */
  readonly end: number
  readonly arrivalTime: number
  readonly length: number
  readonly arena: CachedArena
  readonly #offset: number
  #view: Uint8Array | undefined
  #copy: Uint8Array | undefined

  constructor(tail: ShardTail, arena: CachedArena, batch: StoredBatch) {
    this.tail = tail
    this.arena = arena
    this.#offset = batch.offset
    this.base = batch.base
    this.end = batch.base + batch.recordCount
    this.arrivalTime = batch.arrivalTime
    this.length = batch.length
  }

  /** A view of its bytes in the arena. To keep the view is to keep the whole arena. */
  get view(): Uint8Array {
    return (this.#view ??= this.arena.bytes.subarray(this.#offset, this.#offset + this.length))
  }

  /** A copy of its bytes, made once for all readers. */
  get copy(): Uint8Array {
    if (this.#copy) return this.#copy
    this.arena.charge(this.length)
    this.#copy = new Uint8Array(Buffer.allocUnsafeSlow(this.length).buffer)
    this.#copy.set(this.view)
    return this.#copy
  }
}

/** An arena that came back from an owner: its stored batches are listed first, and then it is cached. */
export class CachedArena {
  readonly bytes: Uint8Array
  readonly batches: CachedBatch[] = []
  readonly #onCharge: (bytes: number) => void
  #charged: number

  /** `onCharge` is called with the bytes of copies that are made later. */
  constructor(buffer: ArrayBuffer, onCharge: (bytes: number) => void) {
    this.#onCharge = onCharge
    this.bytes = new Uint8Array(buffer)
    this.#charged = buffer.byteLength + arenaOverheadBytes
  }

  /** Bytes that the cache counts for the arena. */
  get charged(): number {
    return this.#charged + this.batches.length * batchOverheadBytes
  }

  charge(bytes: number): void {
    this.#charged += bytes
    this.#onCharge(bytes)
  }

  /** Lists a stored batch, newest last. Duplicates and refused batches are not listed, because their bytes are not stored. */
  push(tail: ShardTail, batch: StoredBatch): void {
    const cached = new CachedBatch(tail, this, batch)
    this.batches.push(cached)
    tail.push(cached)
  }
}

/** The cached batches of one shard, oldest first. There may be gaps after appends with unknown outcomes. */
export class ShardTail {
  readonly #batches = new Fifo<CachedBatch>()

  get size(): number {
    return this.#batches.length
  }

  push(batch: CachedBatch): void {
    const newest = this.#batches.at(this.size - 1)
    invariant(
      !newest || newest.end <= batch.base,
      `a batch at ${batch.base} came after one that ends before ${newest?.end}`,
    )
    this.#batches.push(batch)
  }

  /** Removes the oldest batch, which must be `batch`; does nothing in a tail that was cleared. */
  evict(batch: CachedBatch): void {
    const oldest = this.#batches.at(0)
    invariant(
      !oldest || oldest === batch,
      `the evicted batch at ${batch.base} is not the oldest of its shard`,
    )
    this.#batches.shift()
  }

  clear(): void {
    this.#batches.clear()
  }

  /** Returns batches from the one that holds number `from` on; undefined if that is not cached, so that storage must be read. */
  read(from: number, room: Room): BatchRun | undefined {
    const first = this.#batches.findFirst(({ base }) => base <= from) - 1
    const holder = this.#batches.at(first)
    if (!holder || holder.end <= from) return undefined
    const batches: CachedBatch[] = []
    let bytes = 0
    let next = from
    let arrivalTime = 0
    while (batches.length < limits.runBatchesMax) {
      const batch = this.#batches.at(first + batches.length)
      if (!batch || (batches.length > 0 && batch.base !== next)) break // the end, or a gap
      if (!fits(room, bytes, batch.length)) break
      batches.push(batch)
      bytes += batch.length
      next = batch.end
      arrivalTime = batch.arrivalTime
    }
    return { batches: bytesOf(batches), bytes, next, arrivalTime }
  }

  /** When the record of this number arrived; undefined where its batch is not here. */
  arrivalOf(number: number): number | undefined {
    const holder = this.#batches.at(this.#batches.findFirst(({ base }) => base <= number) - 1)
    return holder !== undefined && holder.end > number ? holder.arrivalTime : undefined
  }

  /** Returns the base of the first batch that arrived at `timestamp` or later; undefined if that batch may not be cached. */
  seek(timestamp: number): number | undefined {
    const index = this.#batches.findFirst(({ arrivalTime }) => arrivalTime < timestamp)
    const found = this.#batches.at(index)
    // The batch before it must be cached, without a gap, to prove that no earlier batch arrived in time.
    const before = this.#batches.at(index - 1)
    return found && before?.end === found.base ? found.base : undefined
  }
}

/**
 * Returns the bytes of batches, to hand to a socket. A slow socket keeps its bytes, and a view keeps the whole arena. So if
 * only a small part of an arena is taken, copies are returned instead.
 */
function bytesOf(batches: readonly CachedBatch[]): Uint8Array[] {
  const all: Uint8Array[] = []
  for (let first = 0, end = 0; first < batches.length; first = end) {
    const { arena } = batches[first]!
    let bytes = 0
    for (; end < batches.length && batches[end]!.arena === arena; end++) bytes += batches[end]!.length
    const pinsTooMuch = bytes * pinFactorMax < arena.bytes.length
    for (let i = first; i < end; i++) all.push(pinsTooMuch ? batches[i]!.copy : batches[i]!.view)
  }
  return all
}
