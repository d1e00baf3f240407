// Buffering hints: what is filled in where a request leaves them out, and what the service refuses beyond the bounds of its model. Pure.
import { invalid } from '../model/errors.ts'

export interface BufferingHints {
  readonly SizeInMBs?: number | undefined
  readonly IntervalInSeconds?: number | undefined
}

/** What a delivery does that decides about its buffers. */
export interface BufferUse {
  readonly isPartitioned: boolean
  readonly isConverted: boolean
}

const SIZE_MBS = 5
const INTERVAL_SECONDS = 300
/** Of deliveries that partition or convert. */
const LARGE_SIZE_MBS = 128
const LARGE_SIZE_MBS_MIN = 64
const PARTITIONED_INTERVAL_SECONDS_MIN = 60
const MIB = 1024 * 1024

/** The hints with what the service fills in. */
export function filledHints(
  hints: BufferingHints | undefined,
  { isPartitioned, isConverted }: BufferUse,
): { readonly SizeInMBs: number; readonly IntervalInSeconds: number } {
  const isLarge = isPartitioned || isConverted
  return {
    SizeInMBs: hints?.SizeInMBs ?? (isLarge ? LARGE_SIZE_MBS : SIZE_MBS),
    IntervalInSeconds: hints?.IntervalInSeconds ?? INTERVAL_SECONDS,
  }
}

/** The buffer of a definition. Fails with InvalidArgumentException. */
export function translateHints(
  hints: BufferingHints | undefined,
  use: BufferUse,
): { readonly bytes: number; readonly intervalMs: number } {
  if (hints !== undefined && (hints.SizeInMBs === undefined) !== (hints.IntervalInSeconds === undefined)) {
    throw invalid('BufferingHints must specify both SizeInMBs and IntervalInSeconds, or neither.')
  }
  const { SizeInMBs: size, IntervalInSeconds: interval } = filledHints(hints, use)
  if (use.isConverted && size < LARGE_SIZE_MBS_MIN) {
    throw invalid(
      `BufferingHints.SizeInMBs must be at least ${LARGE_SIZE_MBS_MIN} when data format conversion is enabled.`,
    )
  }
  if (use.isPartitioned && size < LARGE_SIZE_MBS_MIN) {
    throw invalid(
      `BufferingHints.SizeInMBs must be at least ${LARGE_SIZE_MBS_MIN} when Dynamic Partitioning is enabled.`,
    )
  }
  if (use.isPartitioned && interval < PARTITIONED_INTERVAL_SECONDS_MIN) {
    throw invalid(
      `BufferingHints.IntervalInSeconds must be at least ${PARTITIONED_INTERVAL_SECONDS_MIN} when Dynamic Partitioning is enabled.`,
    )
  }
  return { bytes: size * MIB, intervalMs: interval * 1000 }
}
