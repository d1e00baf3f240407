// Collects whole batches back to back in one buffer that can be moved to another thread. Runs in the reader pool. It
// starts at the size expected and grows; what is handed out owns all of its memory.
import { limits } from '../../../protocol/limits.ts'

const BYTES_MIN = 64 * 1024

export class BatchCopy {
  readonly #bytesMax: number
  readonly #lengths: number[] = []
  #bytes = new Uint8Array(0)
  #used = 0

  /** `bytesMax` may be passed by one batch alone. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get isEmpty(): boolean {
    return this.#used === 0
  }

  /** Whether a batch of that length may be added: the first always. */
  fits(length: number): boolean {
    if (this.#used === 0) return true
    return this.#used + length <= this.#bytesMax && this.#lengths.length < limits.runBatchesMax
  }

  /** Makes room for about so many bytes more, within the bound. */
  reserve(bytes: number): void {
    const wanted = Math.min(this.#used + bytes, this.#bytesMax)
    if (wanted > this.#bytes.length) this.#grow(wanted)
  }

  /** Copies a batch in, and answers the copy. */
  add(batch: Uint8Array): Uint8Array {
    const end = this.#used + batch.length
    if (end > this.#bytes.length)
      this.#grow(Math.max(end, Math.min(this.#bytes.length * 2, this.#bytesMax), BYTES_MIN))
    this.#bytes.set(batch, this.#used)
    this.#lengths.push(batch.length)
    this.#used = end
    return this.#bytes.subarray(end - batch.length, end)
  }

  /** Takes the last batch out again. */
  removeLast(): void {
    this.#used -= this.#lengths.pop() ?? 0
  }

  finish(): { buffer: ArrayBuffer; lengths: Uint32Array } {
    const { buffer } = this.#bytes
    // A reader may keep the buffer for long: what it does not hold should not be held by it.
    const isSnug = this.#used > (buffer.byteLength / 4) * 3
    return { buffer: isSnug ? buffer : buffer.slice(0, this.#used), lengths: Uint32Array.from(this.#lengths) }
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(bytes)
    grown.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = grown
  }
}
