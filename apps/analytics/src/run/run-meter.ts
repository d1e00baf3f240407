// What a query has done, and what it waits for, for its report. Runs in the app.
import {
  parseShardId,
  type QueryDefinition,
  type QueryReport,
  type QueryShardReport,
} from 'millrace/protocol'
import type { RowPlace, TakenRows } from './held-input.ts'
import type { FailedResults } from './results/failures.ts'
import { isByArrival, type QueryTables } from './query-tables.ts'
import type { StreamSource } from './reading/stream-source.ts'

/** What a report is made of, beside the counts. */
export interface Reported {
  readonly definition: QueryDefinition
  readonly tables: Pick<QueryTables, 'timed' | 'count' | 'fileTrouble'>
  readonly sources: ReadonlyMap<string, Pick<StreamSource, 'shards' | 'position' | 'millisBehindLatest'>>
  /** Microseconds. */
  readonly watermark: number | null
  readonly windowsOpen: number
  /** The stream from which rows come that the query reads of another. */
  readonly sourceOf: (stream: string) => string
  /** What time waits for; undefined where that follows from the rest. */
  readonly waitsFor: string | undefined
}

/** Names a row among those of a step. */
const nameOf = (stream: string, { shard, sequenceNumber }: RowPlace) => `${stream}/${shard}/${sequenceNumber}`

const DAY_MS = 86_400_000

export class RunMeter {
  readonly #now: () => number
  readonly #monotonic: () => number
  #rowsRead = 0
  #rowsLate = 0
  #rowsCountedLate = 0
  #rowsRefused = 0
  #rowsWritten = 0
  #rowsTrimmed = 0
  readonly #trimmedOf = new Set<string>()
  /** Of the step under way. */
  readonly #late = new Set<string>()
  readonly #refused = new Set<string>()
  /** By stream. */
  readonly #countedLate = new Map<string, number>()
  #lastResultAt: number | undefined
  #waitsFor: string | undefined
  /** The last ones that cannot be computed. */
  #failed: FailedResults | undefined
  #failures = 0
  #reported: { readonly at: number; readonly rowsRead: number } | undefined

  constructor({ now, monotonic }: { readonly now: () => number; readonly monotonic: () => number }) {
    this.#now = now
    this.#monotonic = monotonic
  }

  read(records: number): void {
    this.#rowsRead += records
  }

  /** Counts rows of a step that did not count in an input, or changed results: once, however many inputs read the stream. */
  took(stream: string, { late, refused, again }: Pick<TakenRows, 'late' | 'refused' | 'again'>): void {
    this.#countedLate.set(stream, Math.max(this.#countedLate.get(stream) ?? 0, again))
    for (const place of late) this.#late.add(nameOf(stream, place))
    for (const place of refused) this.#refused.add(nameOf(stream, place))
  }

  /** A step has taken all of its rows. */
  stepped(): void {
    this.#rowsLate += this.#late.size
    this.#rowsRefused += this.#refused.size
    for (const rows of this.#countedLate.values()) this.#rowsCountedLate += rows
    this.#countedLate.clear()
    this.#late.clear()
    this.#refused.clear()
  }

  /** Records expired before they were read. */
  trimmed(stream: string, records: number): void {
    this.#rowsTrimmed += records
    this.#trimmedOf.add(stream)
  }

  refused(records: number): void {
    this.#rowsRefused += records
  }

  wrote(results: number): void {
    this.#rowsWritten += results
    this.#lastResultAt = this.#now()
  }

  /** Results that cannot be computed are left out. */
  failed(results: FailedResults): void {
    this.#failed = results
    this.#failures++
  }

  waits(reason: string | undefined): void {
    this.#waitsFor = reason
  }

  report({ definition, tables, sources, watermark, windowsOpen, sourceOf, waitsFor }: Reported): QueryReport {
    const { outOfOrderMs, idleMs } = definition.time
    const inputs = [...sources].map(([stream, source]) => {
      const latest = tables.timed
        .filter(({ input }) => sourceOf(input.stream) === stream)
        .map((held) => held.latest)
      const behindMs = source.millisBehindLatest ?? 0
      const shards = source.shards(idleMs).map(({ shardId, isIdle }): QueryShardReport => {
        const times = latest.flatMap((of) => of.get(parseShardId(shardId)) ?? [])
        return {
          shardId,
          next: source.position.shards[shardId] ?? 0,
          ...(times.length > 0 && { latestEventTime: Math.min(...times) / 1000 }),
          isIdle,
          behindMs,
        }
      })
      return { stream, shards }
    })
    const rowsHeld = tables.count
    const reason =
      this.#waitsFor ??
      tables.fileTrouble ??
      this.#ahead(watermark) ??
      this.#lost() ??
      this.#missing() ??
      waitsFor ??
      this.#quiet({ inputs, rowsHeld, outOfOrderMs, timed: tables.timed })
    return {
      version: definition.version,
      at: this.#now(),
      state: this.#waitsFor === undefined ? 'running' : 'waiting',
      ...(reason !== undefined && { reason }),
      ...(watermark !== null && { watermark: watermark / 1000 }),
      rowsHeld,
      windowsOpen,
      rowsRead: this.#rowsRead,
      rowsLate: this.#rowsLate,
      rowsCountedLate: this.#rowsCountedLate,
      rowsRefused: this.#rowsRefused,
      rowsWritten: this.#rowsWritten,
      rowsPerSecond: this.#rate(),
      ...(this.#lastResultAt !== undefined && { lastResultAt: this.#lastResultAt }),
      inputs,
    }
  }

  #rate(): number {
    const last = this.#reported
    const at = this.#monotonic()
    this.#reported = { at, rowsRead: this.#rowsRead }
    if (last === undefined || at <= last.at) return 0
    return Math.round(((this.#rowsRead - last.rowsRead) * 1000) / (at - last.at))
  }

  /** Whether a row with a time in the future has made those after it late. Microseconds. */
  #ahead(watermark: number | null): string | undefined {
    if (this.#rowsLate === 0 || watermark === null || watermark / 1000 < this.#now() + DAY_MS)
      return undefined
    return `The watermark is at ${new Date(watermark / 1000).toISOString()}, by a row with a time in the future: rows with an earlier one are late. Replace the query with a place to begin behind that row (--from).`
  }

  /** Whether records expired unread: results lack them. */
  #lost(): string | undefined {
    if (this.#rowsTrimmed === 0) return undefined
    return `${this.#rowsTrimmed} records of ${[...this.#trimmedOf].join(' and ')} expired before they were read: results lack them. Give the stream a longer retention, or the query less to do.`
  }

  /** Whether results could not be computed. */
  #missing(): string | undefined {
    if (this.#failed === undefined) return undefined
    const { target, span, reason } = this.#failed
    const until = span.until === null ? '' : ` up to ${new Date(span.until / 1000).toISOString()}`
    const times = this.#failures === 1 ? '' : `, ${this.#failures} times by now`
    return `Results for ${target}${until} cannot be computed, and are left out${times}: ${reason}`
  }

  /** Why nothing comes out; undefined where there is nothing to say. */
  #quiet(of: {
    readonly inputs: QueryReport['inputs']
    readonly rowsHeld: number
    readonly outOfOrderMs: number
    readonly timed: QueryTables['timed']
  }): string | undefined {
    const { inputs, rowsHeld, outOfOrderMs, timed } = of
    const byArrival = timed.every(({ input }) => isByArrival(input))
    if (this.#rowsRead === 0)
      return `No record has come from ${inputs.map(({ stream }) => stream).join(' and ')} since this process took the query over.`
    if (this.#rowsRefused > 0 && this.#rowsRefused === this.#rowsRead)
      return 'No record was a row: see the stream of errors, or give the query one (--errors-to).'
    if (timed.length === 0 || rowsHeld === 0) return undefined
    const holding = inputs.flatMap(({ stream, shards }) =>
      shards
        .filter(({ isIdle, latestEventTime }) => !isIdle && latestEventTime === undefined)
        .map(({ shardId }) => `${stream}/${shardId}`),
    )
    if (holding.length > 0 && !byArrival)
      return `The watermark waits for a first row of ${holding.slice(0, 3).join(', ')}${holding.length > 3 ? ' and others' : ''}, or until it counts as idle.`
    const by = byArrival
      ? 'the watermark follows the clock of the broker'
      : `the watermark is the latest event time less ${outOfOrderMs} ms, and goes on with newer rows`
    return `${rowsHeld === 1 ? 'One row waits' : `${rowsHeld} rows wait`} for windows to end: ${by}.`
  }
}
