// The second id of a request, `x-amz-id-2`: random bytes without a meaning, but each answer has them. Runs in the endpoint.
import { randomFillSync } from 'node:crypto'

const ID_BYTES = 72
/** Ids that are drawn at a time: a draw costs more than its bytes. */
const DRAWN = 128

export class SecondIds {
  readonly #bytes = Buffer.alloc(ID_BYTES * DRAWN)
  #used = DRAWN

  next(): string {
    if (this.#used === DRAWN) {
      randomFillSync(this.#bytes)
      this.#used = 0
    }
    const at = this.#used * ID_BYTES
    this.#used += 1
    return this.#bytes.toString('base64', at, at + ID_BYTES)
  }
}
