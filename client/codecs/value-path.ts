// Where an encoder or a decoder stands inside a value: names the place in what it refuses, and sees a value that holds
// itself. Runs in the client, pure. One walk costs two assignments for each object or array, and nothing for a field.
import { MillraceError } from '../../protocol/millrace-error.ts'

/** Objects in objects. Deeper values are refused rather than left to the size of the stack. */
export const VALUE_DEPTH_MAX = 1000

/** A message shows this much of the end of a longer path. */
const PATH_SHOWN_MAX = 200

export class ValuePath {
  /** The field or element that is at work in each object and array around the value. */
  readonly #steps: (string | number)[] = []
  readonly #around: unknown[] = []
  #depth = 0

  /** The walk goes into an object or array of the caller's. One that holds itself is refused. */
  enter(value: object): void {
    const around = this.#around
    for (let i = 0; i < this.#depth; i++) {
      if (around[i] === value)
        throw this.refusal(`is ${this.#text(i)} again: a value that holds itself has no end`)
    }
    around[this.#depth] = value
    this.descend()
  }

  /** The walk goes into an object or array that it makes. */
  descend(): void {
    if (this.#depth === VALUE_DEPTH_MAX) throw this.refusal(`lies deeper than ${VALUE_DEPTH_MAX} levels`)
    this.#steps[this.#depth++] = ''
  }

  /** The walk comes to this field or element of what it has entered last. */
  step(to: string | number): void {
    this.#steps[this.#depth - 1] = to
  }

  leave(): void {
    this.#around[--this.#depth] = undefined
  }

  /** Back to the beginning, with nothing kept. */
  reset(): void {
    while (this.#depth > 0) this.leave()
  }

  /** The error for what stands here: `reason` follows its path, without a full stop. */
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
