// What one read of a shard may take, and what it took. Host main thread, pure types and one rule.
// Batches are always whole: readers drop the records before the number that they asked for.

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
export interface BatchRun {
  readonly batches: readonly Uint8Array[]
  readonly bytes: number
  /** The number after the last record; where it started, when there was no room. */
  readonly next: number
  /** When the last of the batches arrived; 0 when there is none. */
  readonly arrivalTime: number
}
