// Where a query stands, as its progress document says. Types, and what follows from them. Pure.
//
// A query is carried out in steps: records become rows, the watermark goes on, results are written. Between two steps it stands at a
// place: the records before `positions` are rows or were told to be none, and the results up to `watermark` are written. Which rows its
// open windows hold is not kept, as the streams have them: the records between `replayFrom` and `positions`, but for those that came
// too late. A step that writes is kept before it does, with where it ends, so that a process that takes over computes the same results
// and resumes their appends. So each result is written once, whichever process ends and when.
import type { AppendPlan, StreamPosition } from 'millrace'
import type { QueryDefinition } from 'millrace/protocol'
import type { PartMarks, ToldMarks } from '../parts/marks.ts'
import { earliest } from './replay.ts'

/** By stream. */
export type StreamPositions = Readonly<Record<string, StreamPosition>>

/** Sequence numbers of rows that came too late, by input (`inputKey`) and shard id. */
export type LateRows = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>

export interface QueryPlace {
  /** Microseconds since 1970; null before the first. */
  readonly watermark: number | null
  readonly positions: StreamPositions
  readonly replayFrom: StreamPositions
  /** Only of inputs in which rows decide on the windows of others. */
  readonly late: LateRows
  /**
   * Windows that ended up to this watermark are not given again, whatever comes late: not all of their rows are held. Microseconds; left
   * out: none.
   */
  readonly heldSince?: number
  /** Of a unit that spreads records: what it has told the parts. Its watermark is the number of times that it has. */
  readonly told?: ToldMarks
  /** Of a part that such units have told. */
  readonly marks?: PartMarks
  /** Left out: nothing was done. */
  readonly totals?: RunTotals
}

/** What a query has done up to its place, since it began: a version that begins anew counts anew. */
export interface RunTotals {
  readonly rowsRead: number
  readonly rowsLate: number
  readonly rowsCountedLate: number
  readonly rowsRefused: number
  readonly rowsWritten: number
  /** Spans of results that cannot be computed. */
  readonly failures: number
  /** Records that expired before they were read, by stream. */
  readonly trimmed: Readonly<Record<string, number>>
  /** What was given up of steps that could not be ended as they were begun. */
  readonly torn?: TornSteps
  readonly lastResultAt?: number
}

/** Steps that had begun to write and whose records expired before they were ended: what they had stored stays, the rest is not written. */
export interface TornSteps {
  readonly steps: number
  /** At least so many records. */
  readonly recordsMissing: number
  /** The watermarks of the last one, in microseconds: results that came between them are not all there. */
  readonly after: number | null
  readonly until: number | null
}

/** A step that began at the place and that writes. */
export interface PreparedStep {
  /** Where it ends. */
  readonly watermark: number | null
  readonly positions: StreamPositions
  readonly told?: ToldMarks
  readonly marks?: PartMarks
  /** Its results are written chunk by chunk: those before this one are stored. */
  readonly chunk: number
  /** How the records of the chunk are stored, by target. */
  readonly plans: Readonly<Record<string, AppendPlan>>
}

/** The document. */
export interface QueryProgress {
  /** Name of the process that carries the query out; null where none does. */
  readonly owner: string | null
  /** Rises with each process that takes the query over. */
  readonly epoch: number
  /** Rises with each change by the owner. */
  readonly revision: number
  /** The definition by which the place was reached, and by which a prepared step is ended. */
  readonly definition: QueryDefinition
  /** Undefined until the query has begun. */
  readonly place?: QueryPlace | undefined
  readonly prepared?: PreparedStep | undefined
}

/**
 * Returns where a version takes a query up, once what the one before had prepared is ended: where that one stopped. One that was tried before
 * reads the rows again that its own windows hold, which may be longer.
 */
export function placeFor({ promoted, version }: QueryDefinition, progress: QueryProgress): QueryPlace {
  if (progress.definition.version === version) return progress.place!
  const place = heldAnew(progress.place!)
  if (promoted === undefined) return place
  const positions = { ...promoted.positions, ...place.positions }
  const replayFrom: Record<string, StreamPosition> = { ...promoted.replayFrom, ...place.replayFrom }
  for (const [stream, from] of Object.entries(promoted.replayFrom))
    replayFrom[stream] = earliest(replayFrom[stream]!, from)
  return { ...place, positions, replayFrom }
}

/** Returns the place as another definition takes it up: of windows that have ended, rows are not held for as long as it may ask. */
export function heldAnew(place: QueryPlace): QueryPlace {
  return place.watermark === null ? place : { ...place, heldSince: place.watermark }
}

/** The name of an input in `LateRows`: whatever its number, the same in another plan. */
export function inputKey({
  stream,
  time,
}: {
  readonly stream: string
  readonly time: string | undefined
}): string {
  return `${stream} ${time ?? ''}`
}
