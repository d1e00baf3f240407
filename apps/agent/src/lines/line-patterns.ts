// Whether a line opens a record, and whether it ends its file, by the flow's patterns. A pattern sees a line as UTF-8 without its line
// feed, and of a long line only the beginning. Patterns of users may take exponential time: they run under a deadline, and one that
// does not keep it is an error, never an answer, since the same bytes must give the same records each time.
import { createContext, Script } from 'node:vm'

/** How much of a line patterns see. */
export const MATCHED_BYTES_MAX = 16_384
/** How long the patterns may take on what is read at a time. */
const MATCHING_MS_MAX = 5_000

export interface LineSettings {
  /** A line whose beginning matches opens a record. Absent: each line is a record. */
  readonly multiLineStart?: RegExp | undefined
  /** A line that matches as a whole ends its file, and is no record. */
  readonly footer?: RegExp | undefined
}

/** Thrown where a pattern takes too long. */
export class PatternTooSlow extends Error {
  constructor() {
    super(
      `The patterns of the flow took more than ${MATCHING_MS_MAX / 1000} s on lines that were read together.`,
    )
    this.name = 'PatternTooSlow'
  }
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

const call = new Script('work()')
const sandbox: { work: (() => void) | undefined } = { work: undefined }

/** A regular expression can be stopped only from outside of the code that runs it, which Node does for scripts with a timeout. */
function underDeadline<T>(work: () => T): T {
  let result: { readonly value: T } | undefined
  sandbox.work = () => {
    result = { value: work() }
  }
  try {
    call.runInContext(createdContext(), { timeout: MATCHING_MS_MAX })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new PatternTooSlow()
    throw error
  } finally {
    sandbox.work = undefined
  }
  return result!.value
}

let context: object | undefined

/** Made at the first need: most flows have no pattern. */
function createdContext(): object {
  context ??= createContext(sandbox)
  return context
}
