// The memory of a producer's batches, used again once they are stored. Runs in the client, pure. Memory of bytes lies
// outside V8's heap, which counts it as garbage of it: a producer at full speed would spend a fifth of its time on
// collecting a small heap over and over.
import type { BatchMemorySource } from '../../../protocol/batch/record.ts'
import { producerLimits } from '../options.ts'

const LEAST_BYTES = 16 * 1024
/** What a batch of a round size may need beyond it while its last record is written. */
const SLACK_BYTES = 1024

export class BatchMemory implements BatchMemorySource {
  /** Free memory, by how often its size was doubled. */
  readonly #free: ArrayBuffer[][] = []
  #freeBytes = 0

  take(bytes: number): Buffer {
    const doublings = doublingsFor(bytes)
    const memory = this.#free[doublings]?.pop()
    if (memory === undefined) return Buffer.allocUnsafeSlow(bytesOf(doublings))
    this.#freeBytes -= memory.byteLength
    return Buffer.from(memory)
  }

  /** Takes memory back; the caller must not use it any more. Memory that did not come from here is left to the collector. */
  give({ buffer: memory }: Uint8Array): void {
    const { byteLength } = memory
    const doublings = doublingsFor(byteLength)
    if (byteLength !== bytesOf(doublings)) return
    if (this.#freeBytes + byteLength > producerLimits.freeMemoryKeptBytes) return
    this.#freeBytes += byteLength
    ;(this.#free[doublings] ??= []).push(memory as ArrayBuffer)
  }
}

function bytesOf(doublings: number): number {
  return LEAST_BYTES * 2 ** doublings + SLACK_BYTES
}

function doublingsFor(bytes: number): number {
  let doublings = 0
  while (bytesOf(doublings) < bytes) doublings++
  return doublings
}
