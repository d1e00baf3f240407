// Records of a step, kept for as long as one of them may have to be given on as it was: one that comes too late, or that is no row. Pure.
import type { QueryDefinition } from 'millrace/protocol'
import type { RefusedRow, RowRecord } from '../../rows/index.ts'
import { outputOf } from '../../streams/outputs.ts'
import type { RowPlace } from '../held-input.ts'
import type { RowBatch } from '../stage.ts'
import { failureRecord, refusalRecord, sameRecord, type Result } from './results.ts'
import type { FailedResults } from './failures.ts'

type Batches = Map<string, RowBatch[]>

export class Retained {
  readonly #lateTo: string | undefined
  readonly #errorsTo: string | undefined
  #waiting: Batches = new Map()
  #sealed: Batches = new Map()
  /** Records that were given on already: several inputs may read one stream. */
  readonly #told = new Set<RowRecord>()

  constructor(definition: Pick<QueryDefinition, 'lateTo' | 'errorsTo' | 'outputs'>) {
    const { lateTo, errorsTo } = definition
    this.#lateTo = lateTo === undefined ? undefined : outputOf(definition, lateTo)
    this.#errorsTo = errorsTo === undefined ? undefined : outputOf(definition, errorsTo)
  }

  add(batch: RowBatch): void {
    if (this.#lateTo === undefined && this.#errorsTo === undefined) return
    const batches = this.#waiting.get(batch.stream)
    if (batches === undefined) this.#waiting.set(batch.stream, [batch])
    else batches.push(batch)
  }

  /** What was added belongs to the next step. */
  seal(): void {
    this.#sealed = this.#waiting
    this.#waiting = new Map()
  }

  forget(): void {
    this.#sealed = new Map()
    this.#told.clear()
  }

  /** Returns what goes to the stream of late rows. */
  late(stream: string, places: readonly RowPlace[]): readonly Result[] {
    const target = this.#lateTo
    if (target === undefined) return []
    return this.#found(stream, places).map(([, record]) => ({ target, record: sameRecord(record) }))
  }

  /** Returns what goes to the stream of errors. */
  refused(stream: string, rows: readonly RefusedRow[]): readonly Result[] {
    const target = this.#errorsTo
    if (target === undefined) return []
    return this.#found(stream, rows).map(([row, record]) => ({
      target,
      record: refusalRecord(stream, row, record),
    }))
  }

  /** Returns what goes to the stream of errors of results that cannot be computed. */
  failed(results: FailedResults): readonly Result[] {
    const target = this.#errorsTo
    return target === undefined ? [] : [{ target, record: failureRecord(results) }]
  }

  /** The records of places, in the order of the stream, each of them told once. */
  #found<P extends RowPlace>(stream: string, places: readonly P[]): readonly (readonly [P, RowRecord])[] {
    if (places.length === 0) return []
    const wanted = new Map(places.map((place) => [`${place.shard}/${place.sequenceNumber}`, place]))
    const found: (readonly [P, RowRecord])[] = []
    for (const { shard, records } of this.#sealed.get(stream) ?? []) {
      for (const record of records) {
        const place = wanted.get(`${shard}/${record.sequenceNumber}`)
        if (place === undefined || this.#told.has(record)) continue
        this.#told.add(record)
        found.push([place, record])
      }
    }
    return found.toSorted(([a], [b]) => a.shard - b.shard || a.sequenceNumber - b.sequenceNumber)
  }
}
