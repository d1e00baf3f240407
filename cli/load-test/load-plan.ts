// What a load test is to do. Times in milliseconds, rates a second.
import type { KeySpace } from './records/key-space.ts'
import type { Arrivals } from './pacing/arrivals.ts'
import type { RecordSizes } from './records/record-sizes.ts'

/** An open loop at a rate, or 'max': a closed loop, as fast as there is room. */
export type LoadRate = { readonly arrivals: Arrivals; readonly text: string } | 'max'

export interface LoadPlan {
  readonly stream: string
  /** Shards of the stream, which is made for the load and deleted after it; undefined for a stream that is there. */
  readonly newShards: number | undefined
  readonly rate: LoadRate
  readonly sizes: RecordSizes
  readonly keys: KeySpace
  readonly producers: number
  /** Readers, each of all records. */
  readonly consumers: number
  readonly groups: number
  /** Members of each group, which share its records. */
  readonly members: number
  /** The measured time, after the warm-up. */
  readonly durationMs: number
  readonly warmUpMs: number
  /** How long the last records may take to be acknowledged and read. */
  readonly drainMs: number
  readonly seed: number
}

/** Lanes that are counted: each producer counts its records of each key, and each reader checks them. */
export const LANES_MAX = 4_000_000

/** How many records a second are intended in the measured time, on average; undefined without a rate. */
export function intendedRate({ rate }: LoadPlan): number | undefined {
  return rate === 'max' ? undefined : (rate.arrivals.from + rate.arrivals.to) / 2
}
