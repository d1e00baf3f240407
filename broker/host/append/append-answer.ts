// The answer to one append request, filled in as its batches are settled, in any order. Host main thread.
// Every batch is settled exactly once; the request is answered when all batches are.
import { errorCodes, type ErrorCode } from '../../../protocol/error-codes.ts'
import { invariant } from '../../../protocol/invariant.ts'
import type { AppendResult, ResponseOf } from '../../../protocol/operations.ts'

export class AppendAnswer {
  /** Fulfils when every batch is settled; never rejects. */
  readonly done: Promise<ResponseOf<'append'>>
  readonly #results: AppendResult[] = []
  #open: number
  #resolve!: (response: ResponseOf<'append'>) => void

  constructor(batchCount: number) {
    this.#open = batchCount
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    if (batchCount === 0) this.#resolve({ results: [] })
  }

  settle(index: number, result: AppendResult): void {
    invariant(this.#results[index] === undefined, `batch ${index} of an append was answered twice`)
    this.#results[index] = result
    if (--this.#open === 0) this.#resolve({ results: this.#results })
  }
}

/** Makes the result of a batch that was flushed. */
export function stored(baseSequenceNumber: number, arrivalTime: number): AppendResult {
  return {
    code: 0,
    baseSequenceNumber,
    arrivalTime,
    durability: 'disk',
    retryAfterMs: undefined,
    message: undefined,
  }
}

/** Makes the result of a batch that was not stored, or, if the code says so, has an unknown outcome. */
export function refused(code: ErrorCode, message: string, retryAfterMs?: number): AppendResult {
  return {
    code: errorCodes[code].id,
    baseSequenceNumber: 0,
    arrivalTime: 0,
    durability: 'none',
    retryAfterMs,
    message,
  }
}
