// Records on their way through a mapping: what the machine of a shard holds, asks for and is told. Types.
import type { WindowOfCall } from '../events/kinesis-batch.ts'
import type { WindowState } from '../windows/window-state.ts'

/** A record that passed the filters. */
export interface MappedRecord<R> {
  readonly sequenceNumber: number
  /** Milliseconds, by the broker. */
  readonly arrivedAt: number
  /** When the machine got it. */
  readonly receivedAt: number
  readonly lane: number
  /** Bytes in an event. */
  readonly eventBytes: number
  readonly record: R
}

/** Records that are called with together, until they are done or given up. */
export interface Work<R> {
  readonly lane: number
  records: readonly MappedRecord<R>[]
  /** Calls that have failed, and that count. */
  attempts: number
  /** All calls. */
  invocations: number
  /** Failures since the last success, for the waits. */
  failures: number
  /** The call is under way. */
  isInvoked: boolean
  /** Not before; 0: at once. */
  notBefore: number
  /** When it first failed. */
  failedSince: number | undefined
  failure: WorkFailure | undefined
  /** The last call of a window. */
  readonly isFinal: boolean
  /** The records belong to output that was prepared before a restart. */
  readonly restores: boolean
}

/** How the last call failed. */
export interface WorkFailure {
  readonly requestId: string
  readonly errorType: string
  readonly errorMessage: string
  readonly isThrottle: boolean
}

/** Why records are given up. The first two are Lambda's words. */
export type GiveUpCondition = 'RetryAttemptsExhausted' | 'RecordAgeExceeded' | 'SkippedByOperator'

/** What became of a call. */
export type WorkOutcome<O> =
  | {
      readonly ok: true
      /** From this record on the batch has failed; undefined: nothing has. */
      readonly failedFrom?: number | undefined
      /** With windows: what the function returned as state. */
      readonly state?: unknown
      /** Bytes of that, as JSON. */
      readonly stateBytes?: number | undefined
      /** Records for the output stream; undefined: none. */
      readonly output?: O | undefined
      readonly requestId: string
    }
  | ({ readonly ok: false } & WorkFailure)

/** What the machine wants to have done. */
export type MappingAction<R, O> =
  | { readonly type: 'invoke'; readonly work: Work<R>; readonly window: WindowOfCall | undefined }
  /** Put the outputs into the stream, in this order, and tell `outputStored`. With a plan, go on with that. */
  | {
      readonly type: 'output'
      readonly outputs: readonly O[]
      readonly works: readonly Settled<R, O>[]
      readonly plan: unknown
    }
  /** Tell the failure destination that records are given up, and then `failureTold`. */
  | { readonly type: 'giveUp'; readonly settled: Settled<R, O> }

/** Records that are called with, or given up, and that are not done before their output or their failure is stored. */
export interface Settled<R, O> {
  readonly lane: number
  readonly records: readonly MappedRecord<R>[]
  /** The first record; of the last call of a window, which has none, the last record of its state. */
  readonly from: number
  readonly invocations: number
  readonly attempts: number
  readonly output: O | undefined
  readonly givenUp:
    { readonly condition: GiveUpCondition; readonly failure: WorkFailure | undefined } | undefined
  readonly restores: boolean
  readonly isFinal: boolean
  /** The window that was open afterwards. */
  readonly window: WindowState | undefined
  isDone: boolean
}
