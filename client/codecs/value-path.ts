// The place of an encoder or a decoder inside a value, for the path in errors and to find a value that holds itself. Runs in the
// client, pure. A walk costs two assignments for each object or array, and none for a field.
import { MillraceError } from '../../protocol/millrace-error.ts'

/** Deepest nesting of objects. Deeper values are refused, so that the stack cannot overflow. */
export const VALUE_DEPTH_MAX = 1000

/** Characters that a message shows of the end of a longer path. */
const PATH_SHOWN_MAX = 200

export class ValuePath {
  /** The present field or element of each object and array around the value. */
  readonly #steps: (string | number)[] = []
  readonly #around: unknown[] = []
  #depth = 0

  /** Called when the walk enters an object or array of the caller. Refuses one that holds itself. */
  enter(value: object): void {
    const around = this.#around
    for (let i = 0; i < this.#depth; i++) {
      if (around[i] === value)
        throw this.refusal(`is ${this.#text(i)} again: a value that holds itself has no end`)
    }
    around[this.#depth] = value
    this.descend()
  }

  /** Called when the walk enters an object or array that it makes. */
  descend(): void {
    if (this.#depth === VALUE_DEPTH_MAX) throw this.refusal(`lies deeper than ${VALUE_DEPTH_MAX} levels`)
    this.#steps[this.#depth++] = ''
  }

  /** Called when the walk comes to this field or element of the last object or array. */
  step(to: string | number): void {
    this.#steps[this.#depth - 1] = to
  }

  leave(): void {
    this.#around[--this.#depth] = undefined
  }

  /** Goes back to the beginning. */
  reset(): void {
    while (this.#depth > 0) this.leave()
  }

  /** Makes the error for the value here: `reason` follows its path, without a full stop. */
  refusal(reason: string, cause?: unknown): MillraceError {
    return new MillraceError(
      'codecFailed',
      `${this.#text(this.#depth)} ${reason}.`,
      cause === undefined ? {} : { cause },
    )
  }

  #text(depth: number): string {
    let text = 'data'
    for (const step of this.#steps.slice(0, depth))
      text += typeof step === 'number' ? `[${step}]` : named(step)
    return text.length <= PATH_SHOWN_MAX ? text : `data…${text.slice(-PATH_SHOWN_MAX).toWellFormed()}`
  }
}

function named(key: string): string {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
