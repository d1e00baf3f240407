// Reports unreadable records that a verb skips, on standard error: each place when it is found, and the sum at the end.
// Runs in the command.
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

  /** Number of places where records were skipped. */
  get places(): number {
    return this.#places
  }

  /** Reports one place at once, since a follower may wait long for the next record. */
  readonly report = ({ firstSequenceNumber, nextSequenceNumber, cause }: UnreadableRecords): void => {
    this.#records += nextSequenceNumber - firstSequenceNumber
    this.#places++
    tell(this.#terminal, `Skipped: ${cause.message}`)
  }

  /** Prints how many records were skipped, if any. */
  sum(): void {
    if (this.#places === 0) return
    const where = countOf(this.#places, 'place')
    tell(
      this.#terminal,
      `${countOf(this.#records, 'record')} in ${where} could not be read and were skipped.`,
    )
  }
}
