// The records that a verb passes over because they cannot be read: told of as they come, and counted at the end, on standard
// error. Runs in the command.
import type { UnreadableRecords } from '../../client/index.ts'
import { tell, type Terminal } from '../terminal.ts'
import { countOf } from './amounts.ts'

export class Skips {
  readonly #terminal: Terminal
  #records = 0
  #places = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** How many times something was passed over. */
  get places(): number {
    return this.#places
  }

  /** Tells of one place at once: who waits for more records must not wait to hear of it. */
  readonly report = ({ firstSequenceNumber, nextSequenceNumber, cause }: UnreadableRecords): void => {
    this.#records += nextSequenceNumber - firstSequenceNumber
    this.#places++
    tell(this.#terminal, `Skipped: ${cause.message}`)
  }

  /** Says how many there were, unless there were none. */
  sum(): void {
    if (this.#places === 0) return
    const where = countOf(this.#places, 'place')
    tell(
      this.#terminal,
      `${countOf(this.#records, 'record')} in ${where} could not be read and were skipped.`,
    )
  }
}
