// The load that producers put on one shard: how much, and on which keys. Host main thread.
// The counters rise while the shard is open here. They count what is stored, and also what is refused for throughput, which
// is demand too. But producers send refused batches again until they are stored, which looks the same as more demand. So
// refused bytes count only up to as many bytes as were stored: a shard at its limit shows at most twice the limit, however
// often its producers try.
import type { KeySample } from './key-sample.ts'

/** Mean interval at which batches of a shard are sampled, once enough was seen. */
const LOOK_MS = 250
/** How often the shard's rate is measured. */
const RATE_MS = 1000

export class ShardLoadMeter {
  /** Bytes of records. */
  bytes = 0
  records = 0
  /** The sample of keys; made with the first batch that is sampled. */
  sample: KeySample | undefined
  /** How many refused bytes may still be counted. */
  #refusableBytes = 0
  #bytesPerLook = 0
  #ratedAt = -Infinity
  #ratedBytes = 0

  /** Mean bytes from one sampled batch to the next; 0 if every batch is sampled. */
  get bytesPerLook(): number {
    return this.#bytesPerLook
  }

  /** Called when a batch was stored. */
  stored(bytes: number, records: number, now: number): void {
    this.#refusableBytes += bytes
    this.#count(bytes, records, now)
  }

  /** Called when a batch was refused for throughput. */
  throttled(bytes: number, records: number, now: number): void {
    if (this.#refusableBytes <= 0) return
    this.#refusableBytes -= bytes
    this.#count(bytes, records, now)
  }

  /** Called when a batch was sampled. At first every batch may be; once enough was seen, only a few a second. */
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
    // Bytes that were stored long ago do not let refused bytes count now.
    this.#refusableBytes = Math.min(this.#refusableBytes, lately)
    const bytesPerMs = lately / Math.max(1, now - this.#ratedAt)
    this.#bytesPerLook = this.sample?.isSteady ? bytesPerMs * LOOK_MS : 0
    this.#ratedAt = now
    this.#ratedBytes = this.bytes
  }
}
