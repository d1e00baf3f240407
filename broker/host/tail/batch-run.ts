// How much one read of a shard may take, and what it read. Host main thread, pure types and one rule.
// Batches are always whole; readers drop the records before the number that they asked for.

/** How much a read may take: whole batches of up to `bytes` together. The first batch may have up to `firstBytes` anyway. */
export interface Room {
  readonly bytes: number
  readonly firstBytes: number
}

/** Returns true if a batch of `length` bytes fits after `taken` bytes. */
export function fits({ bytes, firstBytes }: Room, taken: number, length: number): boolean {
  return taken + length <= bytes || (taken === 0 && length <= firstBytes)
}

/** Whole batches of one shard, one after the other. */
export interface BatchRun {
  readonly batches: readonly Uint8Array[]
  readonly bytes: number
  /** The number after the last record; the start of the read, if there was no room. */
  readonly next: number
  /** When the last of the batches arrived; 0 if there is none. */
  readonly arrivalTime: number
}
