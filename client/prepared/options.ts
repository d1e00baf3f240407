// The options of a prepared writer and of its calls, and its limits. Runs in the client, pure.
import type { Compression } from '../../protocol/batch/compression.ts'
import { optionTable } from '../options/table.ts'
import type { CallOptions } from '../settings.ts'
import type { AppendPlan } from './plan.ts'

/** Options of `preparedWriter`. */
export interface PreparedWriterOptions extends CallOptions {
  /** A batch is full at this size; 1 MiB by default. */
  readonly batchBytes?: number
  /** How batches are compressed; `none` by default. */
  readonly compression?: Compression
  /** Bytes of records of calls under way from which on further calls wait; 32 MiB by default. */
  readonly bufferBytesMax?: number
}

/** Options of `append` and `resume` of a prepared writer. */
export interface PrepareOptions extends CallOptions {
  /**
   * Makes the plan durable, in place of earlier plans of the call: nothing is sent by it before the promise fulfils. What it
   * rejects with ends the call. Called once at first, and again whenever the plan changes.
   */
  readonly keep: (plan: AppendPlan) => Promise<void>
}

export interface PreparedSettings {
  readonly batchBytes: number
  readonly compression: Compression
  readonly bufferBytesMax: number
}

const MINUTE_MS = 60_000
const MiB = 1024 * 1024

/** Limits of prepared writers. The broker remembers what a producer sent for 15 minutes. */
export const preparedLimits = {
  /** A batch that may have been stored longer ago is looked for in the shard before it is sent again. */
  rememberedMs: 10 * MINUTE_MS,
  /** How long batches are sent by one plan, before a newer one is kept: bounds what is read to look for them. */
  sendingMs: 5 * MINUTE_MS,
  /** A batch that was sent arrives within this time, or never. */
  arrivalMs: 5 * MINUTE_MS,
  /** A shard that got nothing for so long is written to under a new producer id. */
  idleMs: 5 * MINUTE_MS,
  /** How far the broker's clock may have gone back without every batch being looked for. */
  clockBackMs: 10_000,
  /** After this time the broker is asked again what time it is. */
  clockAgeMs: 30_000,
  /** Where the client's clocks have come apart by more since, the broker is asked as well. */
  clocksApartMs: 1_000,
  /** A request is full at this size; one batch always goes. */
  requestBytes: 4 * MiB,
} as const

/** Options with defaults; they were checked by the table. */
export function resolvePreparedSettings(options: PreparedWriterOptions): PreparedSettings {
  const { batchBytes, bufferBytesMax } = optionTable.preparedWriter
  return {
    batchBytes: options.batchBytes ?? batchBytes.default,
    compression: options.compression ?? 'none',
    bufferBytesMax: options.bufferBytesMax ?? bufferBytesMax.default,
  }
}
