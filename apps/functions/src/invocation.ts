// The seam between mappings and what runs functions: a call of a function, its event and its result. Types alone.
import type { KinesisBatch } from './events/kinesis-batch.ts'
import type { PackedRecords } from './output/packed-records.ts'

/** What a function is called with. */
export type InvocationEvent =
  /** A JSON text, as Invoke takes it. */
  | { readonly kind: 'json'; readonly payload: Uint8Array }
  /**
   * Records of a shard. The call consumes the batch: its buffers may be transferred (see `transferListOf`). What runs the handler makes the
   * event of it where the handler runs: `kinesisEvent` for a module, `kinesisEventJson` for an HTTP endpoint.
   */
  | { readonly kind: 'kinesis'; readonly batch: KinesisBatch }

export interface InvocationOptions {
  /** Fires when nobody wants the result any more: the handler may be stopped. */
  readonly signal: AbortSignal
  /** How long the call may take, beside the timeout of the function itself, in milliseconds. */
  readonly deadlineMs?: number | undefined
}

/** What a function answered with, or how it failed. */
export type InvocationResult =
  | {
      readonly ok: true
      /** A JSON value. Of a call whose `batch.wantsRecords` is true, the rest beside `output`. */
      readonly payload: unknown
      /** The records of the answer, where they were already taken out by `takeOutput`. */
      readonly output?: PackedRecords | undefined
      readonly requestId: string
      readonly durationMs: number
    }
  | {
      readonly ok: false
      readonly error: InvocationError
      readonly requestId: string
      readonly durationMs: number
    }

export interface InvocationError {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace?: readonly string[] | undefined
  /**
   * The function was not called, or nothing is known of the call: no thread is free, the endpoint does not answer, it said 429 or 5xx. Such
   * a call counts as no attempt.
   */
  readonly isThrottle?: boolean | undefined
}

/** Calls functions by name. */
export interface Invoker {
  /** Fulfils with the outcome, and rejects only when `signal` fires. */
  invoke(name: string, event: InvocationEvent, options: InvocationOptions): Promise<InvocationResult>
}
