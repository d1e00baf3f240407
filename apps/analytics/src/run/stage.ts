// What a unit of a query does with records: one run carries out each of these. The plan over its streams stands here; the two stages of a query
// whose records come by way of a stream between, in `parts/`. Runs in the app.
import type { Client, HashKeys, StreamPosition, StreamRecord } from 'millrace'
import { parseShardId, type QueryDefinition } from 'millrace/protocol'
import type { RowRecord } from '../rows/index.ts'
import type { PreparedStep, QueryPlace } from './place/query-place.ts'
import type { QueryTables } from './query-tables.ts'
import { beginOf } from './reading/stream-ranges.ts'
import type { FailureSink } from './results/failures.ts'
import type { Result } from './results/results.ts'
import { QueryClock, type QueryClockParts } from './time/query-clock.ts'
import type { RunClock } from './time/run-clock.ts'

/** Records of one shard, as rows of a stream that the query names. */
export interface RowBatch {
  readonly stream: string
  /** The shard that they were read from. */
  readonly shard: number
  readonly records: readonly RowRecord[]
}

export interface StageParts {
  readonly client: Client
  readonly definition: QueryDefinition
  readonly hashKeys: HashKeys | undefined
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
}

/** Where a step ends. */
export type StepEnd = Omit<PreparedStep, 'chunk' | 'plans'>

/** A step: from where to where. */
export interface StageStep {
  readonly tables: QueryTables
  readonly before: number | null
  readonly end: StepEnd
  readonly failures: FailureSink
}

export interface RunStage {
  /** Whether rows are not held, and none is too late: others do that. */
  readonly isPassing: boolean
  /** Streams that are read, each once. */
  streams(tables: QueryTables): readonly string[]
  /** The stream from which rows come that the query reads of another. */
  sourceOf(stream: string): string
  /** Returns where reading begins. */
  begin(stream: string, signal: AbortSignal): Promise<StreamPosition>
  /** Takes records for the next step, and returns what of them are rows. */
  take(stream: string, records: readonly StreamRecord[]): readonly RowBatch[]
  /** Returns what of records that were taken before are rows. */
  again(stream: string, records: readonly StreamRecord[]): readonly RowBatch[]
  /** Ends what the next step takes. */
  seal(): void
  clock(parts: QueryClockParts, place: QueryPlace): RunClock
  /** Gives what a step writes, in an order that is always the same. */
  results(step: StageStep): AsyncGenerator<Result, void, undefined>
}

/** The plan of a query over its streams, or over a range of their hash keys. */
export class PlanStage implements RunStage {
  readonly isPassing: boolean = false
  protected readonly parts: StageParts

  constructor(parts: StageParts) {
    this.parts = parts
  }

  streams({ streams }: QueryTables): readonly string[] {
    return streams
  }

  sourceOf(stream: string): string {
    return stream
  }

  begin(stream: string, signal: AbortSignal): Promise<StreamPosition> {
    const { client, hashKeys, definition } = this.parts
    return beginOf(client, { stream, hashKeys }, definition.from, signal)
  }

  take(stream: string, records: readonly StreamRecord[]): readonly RowBatch[] {
    return this.again(stream, records)
  }

  again(stream: string, records: readonly StreamRecord[]): readonly RowBatch[] {
    return [{ stream, shard: parseShardId(records[0]!.shardId), records }]
  }

  seal(): void {}

  clock(parts: QueryClockParts, _place: QueryPlace): RunClock {
    return new QueryClock(parts)
  }

  results({ tables, before, end, failures }: StageStep): AsyncGenerator<Result, void, undefined> {
    return tables.results({ after: before, until: end.watermark }, failures)
  }
}
