// The newest flushed batches of one shard, where they lie in the arenas in which the owner gave them back. Host main thread.
// Found by number in a binary search; the oldest go first, when the tail cache evicts their arena. Only what is flushed comes
// in here, so everything that is found here may be shown to a reader.
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import { hostLimits } from '../host-limits.ts'
import { Fifo } from './fifo.ts'
import { fits, type Room, type BatchRun } from './batch-run.ts'

const { arenaOverheadBytes, batchOverheadBytes, pinFactorMax } = hostLimits

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

  /** Its bytes where they lie. Whoever keeps them keeps the whole arena. */
  get view(): Uint8Array {
    return (this.#view ??= this.arena.bytes.subarray(this.#offset, this.#offset + this.length))
  }

  /** Its bytes by themselves, made once for all readers. */
  get copy(): Uint8Array {
    if (this.#copy) return this.#copy
    this.arena.charge(this.length)
    this.#copy = new Uint8Array(Buffer.allocUnsafeSlow(this.length).buffer)
    this.#copy.set(this.view)
    return this.#copy
  }
}

/** An arena that came back from an owner, while its stored batches are being listed and then while it is cached. */
export class CachedArena {
  readonly bytes: Uint8Array
  readonly batches: CachedBatch[] = []
  readonly #onCharge: (bytes: number) => void
  #charged: number

  /** `onCharge` hears of bytes that its batches take beside it later. */
  constructor(buffer: ArrayBuffer, onCharge: (bytes: number) => void) {
    this.#onCharge = onCharge
    this.bytes = new Uint8Array(buffer)
    this.#charged = buffer.byteLength + arenaOverheadBytes
  }

  /** What the cache must let go of to make room. */
  get charged(): number {
    return this.#charged + this.batches.length * batchOverheadBytes
  }

  charge(bytes: number): void {
    this.#charged += bytes
    this.#onCharge(bytes)
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

  /** Lets go of the oldest batch, which the caller believes to be `batch`; a cleared tail has let go already. */
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

  /** Batches from the one that holds number `from`; undefined where it is not here and only storage can tell. */
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

  /** Base of the first batch that arrived at `timestamp` or later; undefined where that may be one that is not here. */
  seek(timestamp: number): number | undefined {
    const index = this.#batches.findFirst(({ arrivalTime }) => arrivalTime < timestamp)
    const found = this.#batches.at(index)
    // The batch before it must be known to be too early, and nothing may lie between the two.
    const before = this.#batches.at(index - 1)
    return found && before?.end === found.base ? found.base : undefined
  }
}

/**
 * The bytes of batches, to hand to a socket. A socket that is slow keeps what it was given, and with a view the whole
 * arena: where all that is taken of an arena is little beside it, copies are handed out instead.
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
