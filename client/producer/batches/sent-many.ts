// Records that were sent together: one promise for all of them, and for each no more than a place. Runs in the client, pure.
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { deferred } from '../../waiting.ts'
import type { Acknowledgement, PutResult } from '../acknowledgement.ts'
import type { PendingBatch, RecordWaiter } from './pending-batch.ts'

export class SentMany {
  readonly #results: PutResult[] = []
  readonly #done = deferred<PutResult[]>()
  #count = 0
  /** Records that are not settled, and one until all are given. */
  #left = 1

  /** The next record was taken: it is the last one of the batch. */
  sent(batch: PendingBatch): void {
    this.#left++
    batch.addWaiter(new Place(this, this.#count++, batch.recordCount - 1))
  }

  /** The next record was not taken. */
  failed(error: MillraceError): void {
    this.#results[this.#count++] = { ok: false, error }
  }

  /** All were given. Fulfils when all are settled, with what became of each, in their order. */
  settled(): Promise<PutResult[]> {
    this.#settle()
    return this.#done.promise
  }

  result(place: number, result: PutResult): void {
    this.#results[place] = result
    this.#settle()
  }

  #settle(): void {
    if (--this.#left === 0) this.#done.resolve(this.#results)
  }
}

class Place implements RecordWaiter {
  index: number
  readonly #many: SentMany
  readonly #place: number

  constructor(many: SentMany, place: number, index: number) {
    this.#many = many
    this.#place = place
    this.index = index
  }

  stored(acknowledgement: Acknowledgement): void {
    this.#many.result(this.#place, { ok: true, acknowledgement })
  }

  refused(error: MillraceError): void {
    this.#many.result(this.#place, { ok: false, error })
  }
}
