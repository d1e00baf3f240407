// What becomes of results that cannot be computed: they are counted, and told to the stream of errors. Pure.
import type { RefusedRow } from '../../rows/index.ts'
import type { RunMeter } from '../run-meter.ts'
import type { TimeSpan } from '../time/watermark.ts'
import type { Result } from './results.ts'
import type { Retained } from './retained.ts'

/** Results that cannot be computed: those that come between two watermarks. */
export interface FailedResults {
  /** Where they would have gone. */
  readonly target: string
  readonly span: TimeSpan
  readonly reason: string
}

/** Takes what cannot be computed, and returns what is written of it. */
export interface FailureSink {
  /** Of rows alone. */
  rows(stream: string, rows: readonly RefusedRow[]): readonly Result[]
  results(failed: FailedResults): readonly Result[]
}

export function failureSink(meter: RunMeter, retained: Retained): FailureSink {
  return {
    rows: (stream, refused) => {
      meter.took(stream, { late: [], refused, again: 0 })
      return retained.refused(stream, refused)
    },
    results: (failed) => {
      meter.failed(failed)
      return retained.failed(failed)
    },
  }
}
