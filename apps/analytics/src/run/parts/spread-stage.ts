// A unit of a query that spreads records among its parts: it forwards each as it was, under a partition key made of the values that rows have in
// common, and tells how far event time has come. Runs in the app. What no key can be made of goes to any part, which tells why it is no row.
import { createHash } from 'node:crypto'
import type { StreamRecord } from 'millrace'
import { parseShardId, type QuerySpread } from 'millrace/protocol'
import type { QueryPlace } from '../place/query-place.ts'
import type { QueryTables } from '../query-tables.ts'
import type { Result } from '../results/results.ts'
import { PlanStage, type RowBatch, type StageParts, type StageStep } from '../stage.ts'
import { QueryClock, type QueryClockParts } from '../time/query-clock.ts'
import type { RunClock } from '../time/run-clock.ts'
import { markRecord } from './marks.ts'
import { forwardedRecord } from './origin.ts'
import { partRanges } from './part-range.ts'
import { SpreadClock } from './spread-clock.ts'

const KEY_CHARACTERS_MAX = 256

export class SpreadStage extends PlanStage {
  override readonly isPassing = true
  readonly #spread: QuerySpread
  readonly #units: number
  readonly #unit: number
  #waiting: RowBatch[] = []
  #sealed: readonly RowBatch[] = []

  constructor(
    parts: StageParts,
    of: { readonly unit: number; readonly units: number; readonly spread: QuerySpread },
  ) {
    super(parts)
    this.#spread = of.spread
    this.#units = of.units
    this.#unit = of.unit
  }

  override take(stream: string, records: readonly StreamRecord[]): readonly RowBatch[] {
    const batches = this.again(stream, records)
    this.#waiting.push(...batches)
    return batches
  }

  override seal(): void {
    this.#sealed = this.#waiting
    this.#waiting = []
  }

  override clock(parts: QueryClockParts, { told, watermark: count }: QueryPlace): RunClock {
    const { tables, client, monotonic, signal } = parts
    for (const { key, latest } of tables.timed)
      for (const [shardId, time] of Object.entries(told?.latest[key] ?? {}))
        latest.set(parseShardId(shardId), time)
    const always = {
      inputs: tables.inputs,
      timed: tables.timed,
      boundaries: undefined,
      // Rows that wait for time are elsewhere.
      count: 1,
      get waitingBytes() {
        return tables.waitingBytes
      },
    }
    return new SpreadClock({
      client,
      clock: new QueryClock({ ...parts, tables: always }),
      boundaries: tables.boundaries,
      stream: this.#spread.stream,
      ranges: partRanges(this.#units),
      inputs: tables.timed,
      came: () => new Set(this.#sealed.map(({ stream }) => stream)),
      told,
      count,
      monotonic,
      signal,
    })
  }

  override async *results({ tables, before, end }: StageStep): AsyncGenerator<Result, void, undefined> {
    const { stream: target, streamId } = this.#spread
    for (const stream of tables.streams) {
      const keys = await this.#keysOf(tables, stream)
      const batches = this.#sealed.filter((batch) => batch.stream === stream)
      const firsts = (batch: RowBatch) => batch.records[0]!.sequenceNumber
      for (const { shard, records } of batches.toSorted((a, b) => a.shard - b.shard || firsts(a) - firsts(b)))
        for (const record of records) {
          const key = keys.get(`${shard}/${record.sequenceNumber}`)
          const partitionKey = key === undefined ? record.partitionKey : keyText(key)
          yield { target, record: forwardedRecord(record, { stream, shard, partitionKey, streamId }) }
        }
    }
    this.#sealed = []
    if (end.watermark === before) return
    const { inputs, hashKeys } = end.told!
    for (const hashKey of hashKeys)
      yield { target, record: markRecord({ streamId, unit: this.#unit, inputs }, hashKey) }
  }

  /** Values of the keys of rows of the last load, by their place. Inputs that read the keys find the same. */
  async #keysOf(tables: QueryTables, stream: string): Promise<ReadonlyMap<string, string>> {
    const sql = this.#spread.keys[stream] ?? []
    const found = new Map<string, string>()
    const reading = tables.inputs.filter((held) => held.input.stream === stream)
    for (const held of reading)
      for (const { shard, sequenceNumber, value } of await held.values(sql))
        found.set(`${shard}/${sequenceNumber}`, value)
    return found
  }
}

/** Returns the partition key of values: these as they are, or what they are hashed to. */
function keyText(values: string): string {
  return values.length <= KEY_CHARACTERS_MAX && values.isWellFormed()
    ? values
    : createHash('sha1').update(values).digest('hex')
}
