// Records that a function answered with, packed into few buffers: they come from a thread by transfer. Runs in the app and in the threads
// that run handlers, pure.

/** Records to put into a stream. */
export interface PackedRecords {
  readonly count: number
  /** The data of the records, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where they end in `bytes`. */
  readonly ends: Uint32Array<ArrayBuffer>
  readonly partitionKeys: readonly string[]
}
