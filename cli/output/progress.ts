// The progress of a long verb, on standard error and only where that is a terminal. Redraws at most a few times a second.
import { Presets, SingleBar } from 'cli-progress'
import type { Terminal } from '../terminal.ts'
import { formatBytes, formatCount } from './amounts.ts'

const FRAMES_PER_SECOND = 8

export interface Progress {
  /** `done` and `total` in bytes; `note` stands at the end of the line. */
  update(done: number, note: string): void
  stop(): void
}

export interface ProgressOptions {
  readonly verb: string
  /** Bytes to do; undefined where a pipe does not say. */
  readonly totalBytes: number | undefined
  readonly quiet: boolean
}

const silent: Progress = { update() {}, stop() {} }

export function startProgress(terminal: Terminal, { verb, totalBytes, quiet }: ProgressOptions): Progress {
  if (quiet || terminal.stderr.isTTY !== true) return silent
  const known = totalBytes !== undefined && totalBytes > 0
  const bar = new SingleBar(
    {
      stream: terminal.stderr,
      format: known
        ? `${verb} {bar} {percentage}% of {size}  {note}  {eta_formatted} left`
        : `${verb}  {done}  {note}`,
      fps: FRAMES_PER_SECOND,
      clearOnComplete: true,
      hideCursor: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  )
  const size = known ? formatBytes(totalBytes) : ''
  bar.start(known ? totalBytes : 1, 0, { note: '', size, done: '0 B' })
  return {
    update(done, note) {
      bar.update(known ? Math.min(done, totalBytes) : 0, { note, done: formatBytes(done) })
    },
    stop() {
      bar.stop()
    },
  }
}

/** `12,000 records  48,000/s` */
export function recordRate(records: number, elapsedMs: number): string {
  const rate = elapsedMs === 0 ? 0 : (records / elapsedMs) * 1000
  return `${formatCount(records)} records  ${formatCount(rate)}/s`
}
