// What a host asks of the reader pool (Piscina): copies of stored batches, off the main thread. Types only.
import type { Damage } from '../../protocol/structs.ts'
import type { SegmentList } from './owner-contract.ts'

export interface ReadTask {
  readonly task: 'read'
  readonly list: SegmentList
  readonly slot: number
  /** First number wanted. The first batch answered may begin before it, and holds it if anything does. */
  readonly from: number
  /** Numbers from here on are not to be answered: the reader's durable tail. */
  readonly until: number
  /** At most this many bytes, but one batch at least; and a few thousand batches, however small. */
  readonly bytesMax: number
}

/** Whole, verified batches back to back in one transferred buffer; `lengths` cuts it. */
export interface ReadReply {
  readonly buffer: ArrayBuffer
  readonly lengths: Uint32Array
  /** The number after the last record answered; `from` where nothing was there. */
  readonly next: number
  /** Set where stored records cannot be read: what came before them is answered. */
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
  /** Base sequence number of that batch; `until` where none arrived so late. */
  readonly sequenceNumber: number
  /** When that batch arrived; 0 where there is none. */
  readonly arrivalTime: number
}

/** The pool, or the same functions in the caller's thread. */
export interface SegmentReader {
  read(task: Omit<ReadTask, 'task'>): Promise<ReadReply>
  seek(task: Omit<SeekTask, 'task'>): Promise<SeekReply>
  close(): Promise<void>
}
