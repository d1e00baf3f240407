// Shows the progress of a long verb on standard error, if that is a terminal. Redraws at most a few times a second.
import { Presets, SingleBar } from 'cli-progress'
import { tell, type Terminal } from '../terminal.ts'
import { countOf, formatCount } from './amounts.ts'

const FRAMES_PER_SECOND = 8
const BAR_WIDTH_MIN = 5
const BAR_WIDTH_MAX = 40

export interface Progress {
  /** `done` is in the unit of the total; `note` is shown at the end of the line. */
  update(done: number, note: string): void
  /** Prints a line for people that the progress does not overwrite. */
  say(line: string): void
  stop(): void
}

export interface ProgressOptions {
  readonly verb: string
  /** The amount to be done; undefined if unknown, as for a pipe. */
  readonly total: number | undefined
  /** Formats an amount. By default no amount is shown, only the note. */
  readonly format?: (amount: number) => string
  readonly quiet: boolean
}

export function startProgress(
  terminal: Terminal,
  { verb, total = 0, format, quiet }: ProgressOptions,
): Progress {
  const say = (line: string) => tell(terminal, line)
  if (quiet || terminal.stderr.isTTY !== true) return { update() {}, say, stop() {} }
  const isKnown = total > 0
  const of = format === undefined ? '' : ` of ${format(total)}`
  const bar = new SingleBar(
    {
      stream: terminal.stderr,
      format: isKnown
        ? `${verb} {bar} {percentage}%${of}  {note}  {eta_formatted} left`
        : `${verb}  {done}  {note}`,
      // The share, the total, the note and the time left are shown beside the bar.
      barsize: Math.max(BAR_WIDTH_MIN, Math.min(BAR_WIDTH_MAX, (terminal.stderr.columns ?? 80) - 70)),
      fps: FRAMES_PER_SECOND,
      clearOnComplete: true,
      hideCursor: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  )
  const written = (done: number) => format?.(done) ?? ''
  let isStopped = false
  let last: [number, { note: string; done: string }] = [0, { note: '', done: written(0) }]
  let forget = () => {}
  const start = () => {
    // The bar hides the cursor and turns wrapping off, so it is stopped before a signal ends the process.
    forget = terminal.beforeKilled(() => bar.stop())
    bar.start(isKnown ? total : 1, ...last)
  }
  const stop = () => {
    bar.stop()
    forget()
  }
  start()
  return {
    update(done, note) {
      last = [isKnown ? Math.min(done, total) : 0, { note, done: written(done) }]
      bar.update(...last)
    },
    say(line) {
      stop()
      say(line)
      if (!isStopped) start()
    },
    stop() {
      isStopped = true
      stop()
    },
  }
}

/** `12,000 records  48,000/s`, `1 record  1/s` */
export function recordRate(records: number, elapsedMs: number): string {
  const rate = elapsedMs === 0 ? 0 : (records / elapsedMs) * 1000
  return `${countOf(records, 'record')}  ${formatCount(rate)}/s`
}
