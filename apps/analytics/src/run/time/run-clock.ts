// How time goes on in a unit of a query: what a run asks of it. Types only.
import type { PreparedStep, QueryPlace, StreamPositions } from '../place/query-place.ts'

/** What a place has of time beside the watermark. */
export type KeptTime = Pick<QueryPlace, 'told' | 'marks'>

export interface RunClock {
  /** Fulfils when nothing is asked any more. */
  readonly over: Promise<void>
  /** Returns the watermark that follows one: the same where nothing is to be written by it. */
  next(before: number | null): number | null
  /** Whether a step is due for the sake of time. */
  wouldGoOn(before: number | null): boolean
  /** Tells up to where records are taken in the step that begins. */
  reached(positions: StreamPositions): void
  /** What is kept with the place that a step from one watermark to another ends at. */
  kept(before: number | null, watermark: number | null): KeptTime
  /** Tells that a step has ended there. */
  stepped(end: Pick<PreparedStep, 'watermark' | 'told' | 'marks'>): void
  /** Asks the broker what is not known of itself, now and then. */
  ask(): void
  /** The watermark as people see it, in microseconds; null before the first. */
  shown(watermark: number | null): number | null
  /** What time waits for, for a person; undefined where there is nothing to say. */
  readonly reason?: string | undefined
}
