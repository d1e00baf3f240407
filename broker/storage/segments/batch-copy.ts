// Collects whole batches back to back in one buffer that can be transferred to another thread. Runs in the reader pool.
// The buffer starts at the expected size and grows; the returned buffer belongs to the caller alone.
import { limits } from '../../../protocol/limits.ts'

const BYTES_MIN = 64 * 1024

export class BatchCopy {
  readonly #bytesMax: number
  readonly #lengths: number[] = []
  #bytes = new Uint8Array(0)
  #used = 0

  /** A single batch may exceed `bytesMax`. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get isEmpty(): boolean {
    return this.#used === 0
  }

  /** Returns true if a batch of that length may be added. The first batch always fits. */
  fits(length: number): boolean {
    if (this.#used === 0) return true
    return this.#used + length <= this.#bytesMax && this.#lengths.length < limits.runBatchesMax
  }

  /** Makes room for about `bytes` more, up to `bytesMax`. */
  reserve(bytes: number): void {
    const wanted = Math.min(this.#used + bytes, this.#bytesMax)
    if (wanted > this.#bytes.length) this.#grow(wanted)
  }

  /** Copies a batch in, and returns a view of the copy. */
  add(batch: Uint8Array): Uint8Array {
    const end = this.#used + batch.length
    if (end > this.#bytes.length)
      this.#grow(Math.max(end, Math.min(this.#bytes.length * 2, this.#bytesMax), BYTES_MIN))
    this.#bytes.set(batch, this.#used)
    this.#lengths.push(batch.length)
    this.#used = end
    return this.#bytes.subarray(end - batch.length, end)
  }

  /** Removes the last batch. */
  removeLast(): void {
    this.#used -= this.#lengths.pop() ?? 0
  }

  finish(): { buffer: ArrayBuffer; lengths: Uint32Array } {
    const { buffer } = this.#bytes
    // A reader may keep the buffer for long, so it should not hold much unused memory.
    const isSnug = this.#used > (buffer.byteLength / 4) * 3
    return { buffer: isSnug ? buffer : buffer.slice(0, this.#used), lengths: Uint32Array.from(this.#lengths) }
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(bytes)
    grown.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = grown
  }
}
