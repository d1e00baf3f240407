// Whether a line opens a record, and whether it ends its file, by the flow's patterns. A pattern sees a line as UTF-8 without its line
// feed, and of a long line only the beginning. Patterns of users may take exponential time: they run under a deadline, and one that
// does not keep it is an error, never an answer, since the same bytes must give the same records each time.
import { underDeadline } from '../processing/matching-deadline.ts'

/** How much of a line patterns see. */
export const MATCHED_BYTES_MAX = 16_384

export interface LineSettings {
  /** A line whose beginning matches opens a record. Absent: each line is a record. */
  readonly multiLineStart?: RegExp | undefined
  /** A line that matches as a whole ends its file, and is no record. */
  readonly footer?: RegExp | undefined
}

export class LinePatterns {
  readonly #start: RegExp | undefined
  readonly #footer: RegExp | undefined

  constructor({ multiLineStart, footer }: LineSettings) {
    this.#start = multiLineStart && new RegExp(multiLineStart.source, flagsOf(multiLineStart))
    this.#footer = footer && new RegExp(`(?:${footer.source})$`, flagsOf(footer))
  }

  /** True where records may have several lines. */
  get areMultiLine(): boolean {
    return this.#start !== undefined
  }

  /** True where lines need not be looked at. */
  get areAbsent(): boolean {
    return this.#start === undefined && this.#footer === undefined
  }

  opensRecord(line: Uint8Array): boolean {
    return this.#start === undefined || matches(this.#start, line)
  }

  endsFile(line: Uint8Array): boolean {
    return this.#footer !== undefined && matches(this.#footer, line)
  }

  /** Runs work that matches lines. Throws `PatternTooSlow` where it takes too long. */
  within<T>(work: () => T): T {
    return this.areAbsent ? work() : underDeadline(work)
  }
}

function flagsOf(pattern: RegExp): string {
  return `${pattern.flags.replace(/[gy]/g, '')}y`
}

function matches(pattern: RegExp, line: Uint8Array): boolean {
  pattern.lastIndex = 0
  return pattern.test(
    Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, MATCHED_BYTES_MAX)).toString(),
  )
}
