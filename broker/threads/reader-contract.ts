// What a host asks of the reader pool (Piscina): copies of stored batches, read off the main thread. Types only.
import type { Damage } from '../../protocol/structs.ts'
import type { SegmentList } from './owner-contract.ts'

export interface ReadTask {
  readonly task: 'read'
  readonly list: SegmentList
  readonly slot: number
  /** First wanted number. The first batch of the reply may begin below it, if that batch holds it. */
  readonly from: number
  /** Numbers from here on are not returned: the reader's durable tail. */
  readonly until: number
  /** At most this many bytes, but at least one batch; and at most a few thousand batches. */
  readonly bytesMax: number
}

/** Whole, verified batches back to back in one transferred buffer; `lengths` has the bytes of each. */
export interface ReadReply {
  readonly buffer: ArrayBuffer
  readonly lengths: Uint32Array
  /**
   * The number after the last returned record, or if there are none, the first number from `from` on that was not trimmed.
   * A first batch that begins above `from` also says that the numbers before it were trimmed.
   */
  readonly next: number
  /** Set if stored records cannot be read; the reply holds the batches before them. */
  readonly damage?: Damage
}

/** Finds the first batch that arrived at `timestamp` or later. */
export interface SeekTask {
  readonly task: 'seek'
  readonly list: SegmentList
  readonly slot: number
  readonly timestamp: number
  readonly until: number
}

export interface SeekReply {
  /** Base sequence number of that batch; `until` if there is none. */
  readonly sequenceNumber: number
  /** Arrival time of that batch; 0 if there is none. */
  readonly arrivalTime: number
}

/** The reader pool, or the same functions in the caller's thread. */
export interface SegmentReader {
  read(task: Omit<ReadTask, 'task'>): Promise<ReadReply>
  seek(task: Omit<SeekTask, 'task'>): Promise<SeekReply>
  close(): Promise<void>
}
