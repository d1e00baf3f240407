// What a host prints beside its log: native code of a dependency, or Node itself before the process dies. Runs in the
// controller. It comes as lines of the log, with a code, so that every line of the log stays what its format says.
import type { Readable } from 'node:stream'
import type { Logger } from '../telemetry/log.ts'

/** Of one line; what is beyond becomes a line of its own. */
const LINE_CHARACTERS_MAX = 4096
/** Lines of one process in a minute: a fault that prints at every page must not fill the log. */
const LINES_MAX = 100
const PER_MS = 60_000
/** Of those beyond, the last ones: they tell what a process died of. */
const LAST_LINES_MAX = 20

/** Has every line that comes from these streams logged as `strayOutput`, a bounded number a minute. */
export function logStrayOutput(streams: readonly (Readable | null)[], log: Logger): void {
  const lines = new BoundedLines(log)
  for (const stream of streams) {
    if (stream === null) continue
    let begun = ''
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      const parts = (begun + text).split('\n')
      begun = parts.pop()!
      for (const part of parts) lines.tell(part)
      while (begun.length > LINE_CHARACTERS_MAX) {
        lines.tell(begun.slice(0, LINE_CHARACTERS_MAX))
        begun = begun.slice(LINE_CHARACTERS_MAX)
      }
    })
    stream.on('error', () => {})
    stream.on('close', () => {
      lines.tell(begun)
      lines.tellLast()
    })
  }
}

class BoundedLines {
  readonly #log: Logger
  #since = performance.now()
  #told = 0
  #leftOut = 0
  #last: string[] = []

  constructor(log: Logger) {
    this.#log = log
  }

  tell(line: string): void {
    if (line.trim() === '') return
    if (performance.now() - this.#since > PER_MS) {
      this.tellLast()
      this.#since = performance.now()
      this.#told = 0
    }
    if (this.#told++ < LINES_MAX) return this.#log.warn({ code: 'strayOutput' }, line)
    this.#last.push(line)
    if (this.#last.length <= LAST_LINES_MAX) return
    this.#last.shift()
    this.#leftOut++
  }

  /** Tells the last of the lines beyond the bound, and how many others there were. */
  tellLast(): void {
    if (this.#leftOut > 0) {
      this.#log.warn({ code: 'strayOutput', leftOut: this.#leftOut }, 'lines were left out here')
    }
    for (const line of this.#last) this.#log.warn({ code: 'strayOutput' }, line)
    this.#last = []
    this.#leftOut = 0
  }
}
