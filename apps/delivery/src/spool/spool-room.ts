// The room that waiting records of all deliveries have together. Runs in the app. Where it is used up, the largest heap of all is written
// before it is full, and whoever adds waits until there is room again. Memory is bounded apart: beyond it, heaps go to files.

/** What holds heaps: a shard of a delivery. */
export interface RoomHolder {
  /** Bytes of its largest heap that can be written now; 0 for none. */
  largest(): number
  /** Begins to write that heap. */
  writeLargest(): void
  /** Bytes that it holds in memory. */
  readonly memoryBytes: number
  /** Moves its heaps to files. */
  spill(): Promise<void>
}

export interface RoomBounds {
  readonly bytesMax: number
  readonly memoryBytesMax: number
}

export class SpoolRoom {
  readonly #bounds: RoomBounds
  readonly #holders = new Set<RoomHolder>()
  #used = 0
  #waiting: (() => void)[] = []

  constructor(bounds: RoomBounds) {
    this.#bounds = bounds
  }

  get used(): number {
    return this.#used
  }

  get isFull(): boolean {
    return this.#used > this.#bounds.bytesMax
  }

  enter(holder: RoomHolder): void {
    this.#holders.add(holder)
  }

  leave(holder: RoomHolder): void {
    this.#holders.delete(holder)
  }

  take(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    if (this.isFull) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /** Has the largest heap of all written, where the room is used up. `wake` is called when there is room again. */
  relieve(wake: () => void): void {
    this.#waiting.push(wake)
    let largest: RoomHolder | undefined
    let bytes = 0
    for (const holder of this.#holders) {
      const size = holder.largest()
      if (size > bytes) [largest, bytes] = [holder, size]
    }
    largest?.writeLargest()
  }

  /** Moves the holder that has most of the memory to files, where memory is used up. */
  async spill(): Promise<void> {
    let memory = 0
    let most: RoomHolder | undefined
    for (const holder of this.#holders) {
      memory += holder.memoryBytes
      if (most === undefined || holder.memoryBytes > most.memoryBytes) most = holder
    }
    if (most === undefined || memory <= this.#bounds.memoryBytesMax) return
    try {
      await most.spill()
    } catch (error) {
      // The disk takes less than it was thought to: what waits is written early.
      most.writeLargest()
      throw error
    }
  }
}
