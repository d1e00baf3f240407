// Logs what a child prints beside its own log: output of native code, or of Node before the process dies. Runs in the
// controller. Each line becomes a log line with the code `strayOutput`, so that the log keeps its format.
import type { Readable } from 'node:stream'
import type { Logger } from '../telemetry/log.ts'

/** A longer line is logged in pieces of this length. */
const LINE_CHARACTERS_MAX = 4096
/** Lines of one process per minute: a fault that prints continually must not fill the log. */
const LINES_MAX = 100
const PER_MS = 60_000
/** Of the lines beyond LINES_MAX, the last ones are kept and logged too: they tell why a process died. */
const LAST_LINES_MAX = 20

/** Logs every line of these streams as `strayOutput`, up to a bounded number a minute. */
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

  /** Logs the last of the lines beyond the bound, and how many lines before them were left out. */
  tellLast(): void {
    if (this.#leftOut > 0) {
      this.#log.warn({ code: 'strayOutput', leftOut: this.#leftOut }, 'lines were left out here')
    }
    for (const line of this.#last) this.#log.warn({ code: 'strayOutput' }, line)
    this.#last = []
    this.#leftOut = 0
  }
}
