// What a load test has come to. Times in milliseconds, rates a second.
import type { LatencySummary } from './latencies.ts'

/** What a load has come to in a part of its time. */
export interface LoadMoment {
  readonly recordsPerSecond: number
  readonly ack: LatencySummary | undefined
  readonly e2e: LatencySummary | undefined
  readonly group: LatencySummary | undefined
  /** Errors since the beginning. */
  readonly errors: number
  /** Acknowledged records that the slowest reader has not read yet. */
  readonly lag: number
}

export interface LoadStep extends LoadMoment {
  /** When the step ended, from the beginning of the measured time. */
  readonly untilMs: number
  /** The rate that was intended in the middle of the step. */
  readonly intendedPerSecond?: number
}

/** Records and bytes of data a second, in the measured time. */
export interface Throughput {
  readonly records: number
  readonly recordsPerSecond: number
  readonly bytesPerSecond: number
}

export interface LoadError {
  readonly code: string
  readonly count: number
  /** The message of the first. */
  readonly message: string
}

export interface LoadResult {
  /** Ctrl-C ended it before its time. */
  readonly isInterrupted: boolean
  /** What ended it before its time, other than Ctrl-C. */
  readonly failure: unknown
  /** The measured time, as it came out. */
  readonly measuredMs: number
  /** All records that were sent, warm-up included. */
  readonly sentRecords: number
  readonly sent: Throughput
  readonly acknowledged: Throughput
  /** Of one reader, on average. */
  readonly consumed: Throughput | undefined
  /** Of one group, on average. */
  readonly groupConsumed: Throughput | undefined
  /** From the intended time to the acknowledgement. */
  readonly ack: LatencySummary | undefined
  /** From the intended time to a reader. */
  readonly e2e: LatencySummary | undefined
  /** From the intended time to a member of a group. */
  readonly group: LatencySummary | undefined
  /** From the intended time to the call that sends: what the process that loads adds itself. */
  readonly delay: LatencySummary | undefined
  readonly errors: number
  readonly errorKinds: readonly LoadError[]
  /** Acknowledged records that some reader or group has not read, added up. */
  readonly lost: number
  /** Records that readers have read more than once. */
  readonly duplicates: number
  /** Records that readers or groups have read behind a later one of the same key. */
  readonly outOfOrder: number
  /** Records that groups have processed again, which they may. */
  readonly reprocessed: number
  readonly lagMax: number
  /** Part of the time in which the event loop of the process that loads was busy, from 0 to 1. */
  readonly loopBusy: number
  readonly steps: readonly LoadStep[]
}
