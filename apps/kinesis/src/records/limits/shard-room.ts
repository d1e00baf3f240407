// What one shard takes and gives for now, record by record, as the service counts: data and partition keys, without a debt for
// writes, and of reads what is returned. Pure: the caller gives the time.
import type { Stream } from 'millrace'
import { Bucket } from '../../rates/bucket.ts'

/** Limits of each shard of a stream; 0 stands for none. */
export type ShardLimits = Pick<
  Stream['shardLimits'],
  'writeBytesPerSecond' | 'writeRecordsPerSecond' | 'readBytesPerSecond' | 'readsPerSecond'
>

export class ShardRoom {
  #writeBytes: Bucket | undefined
  #writeRecords: Bucket | undefined
  #readBytes: Bucket | undefined
  #reads: Bucket | undefined
  #iterators: Bucket | undefined

  constructor(limits: ShardLimits, now: number) {
    this.set(limits, now)
  }

  /** Sets the limits that hold from now on. */
  set(limits: ShardLimits, now: number): void {
    this.#writeBytes = adjusted(this.#writeBytes, limits.writeBytesPerSecond, now)
    this.#writeRecords = adjusted(this.#writeRecords, limits.writeRecordsPerSecond, now)
    this.#readBytes = adjusted(this.#readBytes, limits.readBytesPerSecond, now)
    this.#reads = adjusted(this.#reads, limits.readsPerSecond, now)
    // As often as the shard may be read, it may be asked for iterators: the service has one figure for both.
    this.#iterators = adjusted(this.#iterators, limits.readsPerSecond, now)
  }

  /** Takes a record with so many bytes of data and key; false, and nothing is taken, if it has to wait. */
  takeRecord(bytes: number, now: number): boolean {
    if (this.#writeRecords?.fits(1, now) === false) return false
    if (this.#writeBytes?.fits(bytes, now) === false) return false
    this.#writeRecords?.take(1, now)
    this.#writeBytes?.take(bytes, now)
    return true
  }

  /** Takes a read; false, and nothing is taken, if it has to wait. What it returns is told by `returned`. */
  takeRead(now: number): boolean {
    if (this.#readBytes?.isOpen(now) === false) return false
    return takeOne(this.#reads, now)
  }

  /** A read has returned so many bytes of data and keys. */
  returned(bytes: number, now: number): void {
    this.#readBytes?.takeAfterwards(bytes, now)
  }

  /** Takes a request for an iterator; false, and nothing is taken, if it has to wait. */
  takeIterator(now: number): boolean {
    return takeOne(this.#iterators, now)
  }
}

function takeOne(bucket: Bucket | undefined, now: number): boolean {
  if (bucket?.fits(1, now) === false) return false
  bucket?.take(1, now)
  return true
}

function adjusted(bucket: Bucket | undefined, perSecond: number, now: number): Bucket | undefined {
  if (perSecond === 0) return undefined
  if (bucket === undefined) return new Bucket(perSecond, now)
  bucket.setRate(perSecond, now)
  return bucket
}
