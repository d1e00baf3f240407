// What producers ask of one shard: how much, and of which keys. Host main thread.
// Counters rise for as long as the shard is open here, by what is stored, and by what is refused for throughput: that is
// demand, too. But what was refused comes again until it is stored, and nobody can tell it from more demand. So of it only
// as much counts as of what is stored beside it: a shard at its limit shows up to twice the limit, however often its
// producers try.
import type { KeySample } from './key-sample.ts'

/** Between two looks at the keys of a shard, in the mean, once enough was seen. */
const LOOK_MS = 250
/** The rate that this goes by is taken anew so often. */
const RATE_MS = 1000

export class ShardLoad {
  /** Bytes of records, and records. */
  bytes = 0
  records = 0
  /** Made when the first keys are looked at. */
  sample: KeySample | undefined
  /** Bytes that may yet be refused and count. */
  #refusableBytes = 0
  #bytesPerLook = 0
  #ratedAt = -Infinity
  #ratedBytes = 0

  /** Of so many bytes one batch is looked at, in the mean; 0 for every batch. */
  get bytesPerLook(): number {
    return this.#bytesPerLook
  }

  /** A batch was stored. */
  stored(bytes: number, records: number, now: number): void {
    this.#refusableBytes += bytes
    this.#count(bytes, records, now)
  }

  /** A batch was refused for throughput. */
  throttled(bytes: number, records: number, now: number): void {
    if (this.#refusableBytes <= 0) return
    this.#refusableBytes -= bytes
    this.#count(bytes, records, now)
  }

  /** Keys were looked at. At first every batch is welcome; once there were enough, only a few a second. */
  looked(now: number): void {
    if (this.#bytesPerLook === 0 && this.sample?.isSteady) this.#rate(now)
  }

  #count(bytes: number, records: number, now: number): void {
    this.bytes += bytes
    this.records += records
    if (now - this.#ratedAt >= RATE_MS) this.#rate(now)
  }

  #rate(now: number): void {
    const lately = this.bytes - this.#ratedBytes
    // What was stored long ago lets nothing count that is refused now.
    this.#refusableBytes = Math.min(this.#refusableBytes, lately)
    const bytesPerMs = lately / Math.max(1, now - this.#ratedAt)
    this.#bytesPerLook = this.sample?.isSteady ? bytesPerMs * LOOK_MS : 0
    this.#ratedAt = now
    this.#ratedBytes = this.bytes
  }
}
