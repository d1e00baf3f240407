// A part of a query to which records come by way of a stream between: the plan over these, as they were, by the marks among them. Runs in the
// app.
import { MillraceError, type StreamPosition, type StreamRecord } from 'millrace'
import { parseShardId, type QuerySpread } from 'millrace/protocol'
import type { QueryPlace } from '../place/query-place.ts'
import type { QueryTables } from '../query-tables.ts'
import { beginOf } from '../reading/stream-ranges.ts'
import { PlanStage, type RowBatch, type StageParts } from '../stage.ts'
import type { QueryClockParts } from '../time/query-clock.ts'
import type { RunClock } from '../time/run-clock.ts'
import { MarkClock } from './mark-clock.ts'
import { isMark, markOf } from './marks.ts'
import { recordOf, type OriginRecord } from './origin.ts'

export class PartStage extends PlanStage {
  readonly #spread: QuerySpread
  readonly #units: number
  readonly #query: string
  #clock: MarkClock | undefined

  constructor(
    parts: StageParts,
    of: { readonly query: string; readonly units: number; readonly spread: QuerySpread },
  ) {
    super(parts)
    this.#spread = of.spread
    this.#units = of.units
    this.#query = of.query
  }

  override streams(_tables: QueryTables): readonly string[] {
    return [this.#spread.stream]
  }

  override sourceOf(_stream: string): string {
    return this.#spread.stream
  }

  /** Rejects with `streamNotFound` where another stream has the name now. */
  override async begin(stream: string, signal: AbortSignal): Promise<StreamPosition> {
    const { client, hashKeys } = this.parts
    const position = await beginOf(client, { stream, hashKeys }, 'TRIM_HORIZON', signal)
    if (position.streamId === this.#spread.streamId) return position
    throw new MillraceError(
      'streamNotFound',
      `The stream ${stream}, by way of which records come to the parts of the query, was deleted and made again. Replace the query with a place to begin (--from).`,
    )
  }

  override take(_stream: string, records: readonly StreamRecord[]): readonly RowBatch[] {
    return this.#batches(records, (record) => {
      const mark = markOf(record, this.#spread)
      if (mark !== undefined) this.#clock?.add({ ...mark, shardId: record.shardId })
    })
  }

  override again(_stream: string, records: readonly StreamRecord[]): readonly RowBatch[] {
    return this.#batches(records, () => {})
  }

  #batches(records: readonly StreamRecord[], takeMark: (record: StreamRecord) => void): readonly RowBatch[] {
    const shard = parseShardId(records[0]!.shardId)
    const batches: RowBatch[] = []
    let batch: OriginRecord[] = []
    for (const record of records) {
      const { headers } = record
      if (isMark(headers)) {
        takeMark(record)
        continue
      }
      const origin = recordOf(record, this.#spread, headers)
      if (origin === undefined) continue
      // Those of a batch are of one stream, and came at one time.
      const [first] = batch
      if (first?.stream !== origin.stream || first.arrivalTime.getTime() !== origin.arrivalTime.getTime())
        batches.push({ stream: origin.stream, shard, records: (batch = []) })
      batch.push(origin)
    }
    return batches
  }

  override seal(): void {
    this.#clock?.seal()
  }

  override clock({ tables, sources, monotonic }: QueryClockParts, place: QueryPlace): RunClock {
    const { stream } = this.#spread
    this.#clock = new MarkClock({
      tables,
      stream,
      units: this.#units,
      nameOf: (unit) => `${this.#query}@spread-${unit}`,
      known: place.marks ?? {},
      position: () => sources.get(stream)?.position,
      monotonic,
    })
    return this.#clock
  }
}
