// Gathers what one chunk is made of: runs, until there are enough bytes or records of them, or the first has waited for its time.
import type { FlowConfig } from '../config/index.ts'
import type { FlowFiles } from '../files/flow-files.ts'
import type { LineRun } from '../lines/line-run.ts'

export interface GatherRim {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds from anywhere, which only rise. */
  monotonic(): number
  /** Fulfils after the time, or at once when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

interface GatherParts {
  readonly config: Pick<FlowConfig, 'buffer'>
  readonly files: Pick<FlowFiles, 'next' | 'idle' | 'isEnded'>
  readonly rim: GatherRim
}

/** Runs of one chunk: each is a range that the journal keeps. */
const RUNS_MAX = 1000

/** A chunk is full at this share of its size: what is left would hold no more than a few records. */
const FULL_SHARE = 7 / 8

/** The runs; none where there is nothing to read now; undefined at the end. When the signal aborts, what is gathered is given. */
export async function gather(
  { config, files, rim }: GatherParts,
  signal: AbortSignal,
): Promise<readonly LineRun[] | undefined> {
  const { ageMs, bytes: bytesMax, records: recordsMax } = config.buffer
  const runs: LineRun[] = []
  let bytes = 0
  let records = 0
  let since = 0
  while (!signal.aborted) {
    const run = await files.next({ bytesMax: bytesMax - bytes, recordsMax: recordsMax - records, signal })
    if (run !== undefined) {
      if (runs.length === 0) since = rim.monotonic()
      runs.push(run)
      bytes += run.to - run.from
      records += run.records.length
      if (bytes >= bytesMax * FULL_SHARE || records >= recordsMax || runs.length >= RUNS_MAX) break
      continue
    }
    if (files.isEnded) return runs.length === 0 ? undefined : runs
    const leftMs = runs.length === 0 ? undefined : ageMs - (rim.monotonic() - since)
    if (leftMs === undefined) {
      await files.idle(signal)
      return runs
    }
    if (leftMs <= 0) break
    await idleFor(leftMs, { files, rim, signal })
  }
  return runs
}

/** Waits until there may be more to read, for a bounded time. */
async function idleFor(
  ms: number,
  { files, rim, signal }: { files: GatherParts['files']; rim: GatherRim; signal: AbortSignal },
): Promise<void> {
  const over = new AbortController()
  const stop = (): void => over.abort()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([files.idle(over.signal), rim.wait(ms, over.signal)])
  } finally {
    over.abort()
    signal.removeEventListener('abort', stop)
  }
}
