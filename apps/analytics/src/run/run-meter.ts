// What a query has done, and what it waits for, for its report. Runs in the app.
import {
  parseShardId,
  type QueryDefinition,
  type QueryReport,
  type QueryShardReport,
} from 'millrace/protocol'
import type { RowPlace, TakenRows } from './held-input.ts'
import type { FailedResults } from './results/failures.ts'
import type { RunTotals } from './place/query-place.ts'
import { isByArrival, type QueryTables } from './query-tables.ts'
import type { TimeSpan } from './time/watermark.ts'
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

export interface RunMeterParts {
  readonly now: () => number
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  readonly totals: RunTotals | undefined
}

const NO_TOTALS: RunTotals = {
  rowsRead: 0,
  rowsLate: 0,
  rowsCountedLate: 0,
  rowsRefused: 0,
  rowsWritten: 0,
  failures: 0,
  trimmed: {},
}

const NONE_READ = { rowsRead: 0, rowsRefused: 0 }

/** Names a row among those of a step. */
const nameOf = (stream: string, { shard, sequenceNumber }: RowPlace) => `${stream}/${shard}/${sequenceNumber}`

/** A watermark for a person. */
const momentOf = (microseconds: number | null) =>
  microseconds === null ? 'of the beginning' : new Date(microseconds / 1000).toISOString()

const DAY_MS = 86_400_000

export class RunMeter {
  readonly #now: () => number
  readonly #monotonic: () => number
  #totals: RunTotals
  /** Of records that no step has taken yet. */
  #waiting = NONE_READ
  /** Of those that the step under way takes. */
  #sealed = NONE_READ
  /** Of the step under way. */
  readonly #late = new Set<string>()
  readonly #refused = new Set<string>()
  /** By stream. */
  readonly #countedLate = new Map<string, number>()
  #waitsFor: string | undefined
  /** The last ones that cannot be computed. */
  #failed: FailedResults | undefined
  #reported: { readonly at: number; readonly rowsRead: number } | undefined

  /** `totals`: what it counts on from. */
  constructor({ now, monotonic, totals }: RunMeterParts) {
    this.#now = now
    this.#monotonic = monotonic
    this.#totals = totals ?? NO_TOTALS
  }

  /** Up to the last step that has ended, once it has. */
  get totals(): RunTotals {
    return this.#totals
  }

  read(records: number): void {
    this.#waiting = { ...this.#waiting, rowsRead: this.#waiting.rowsRead + records }
  }

  /** What was read belongs to the next step. */
  seal(): void {
    this.#sealed = this.#waiting
    this.#waiting = NONE_READ
  }

  /** Counts rows of a step that did not count in an input, or changed results: once, however many inputs read the stream. */
  took(stream: string, { late, refused, again }: Pick<TakenRows, 'late' | 'refused' | 'again'>): void {
    this.#countedLate.set(stream, Math.max(this.#countedLate.get(stream) ?? 0, again))
    for (const place of late) this.#late.add(nameOf(stream, place))
    for (const place of refused) this.#refused.add(nameOf(stream, place))
  }

  /** A step has taken all of its rows. */
  stepped(): void {
    const { rowsRead, rowsLate, rowsCountedLate, rowsRefused } = this.#totals
    this.#totals = {
      ...this.#totals,
      rowsRead: rowsRead + this.#sealed.rowsRead,
      rowsLate: rowsLate + this.#late.size,
      rowsCountedLate: [...this.#countedLate.values()].reduce((sum, rows) => sum + rows, rowsCountedLate),
      rowsRefused: rowsRefused + this.#sealed.rowsRefused + this.#refused.size,
    }
    this.#sealed = NONE_READ
    this.#countedLate.clear()
    this.#late.clear()
    this.#refused.clear()
  }

  /** Records expired before they were read. */
  trimmed(stream: string, records: number): void {
    const { trimmed } = this.#totals
    this.#totals = {
      ...this.#totals,
      trimmed: { ...trimmed, [stream]: (trimmed[stream] ?? 0) + records },
    }
  }

  /** Records that cannot be read are passed over. */
  refused(records: number): void {
    this.#waiting = { ...this.#waiting, rowsRefused: this.#waiting.rowsRefused + records }
  }

  /** Results of a step that were stored, now or before the query was taken over. */
  wrote(results: number, when: 'now' | 'before'): void {
    this.#totals = {
      ...this.#totals,
      rowsWritten: this.#totals.rowsWritten + results,
      ...(when === 'now' && { lastResultAt: this.#now() }),
    }
  }

  /** A step that had begun to write is given up: at least so many of its records are gone. Microseconds. */
  tore(records: number, { after, until }: TimeSpan): void {
    const { steps, recordsMissing } = this.#totals.torn ?? { steps: 0, recordsMissing: 0 }
    const torn = { steps: steps + 1, recordsMissing: recordsMissing + records, after, until }
    this.#totals = { ...this.#totals, torn }
  }

  /** Results that cannot be computed are left out. */
  failed(results: FailedResults): void {
    this.#failed = results
    this.#totals = { ...this.#totals, failures: this.#totals.failures + 1 }
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
      this.#torn() ??
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
      rowsLate: this.#totals.rowsLate,
      rowsCountedLate: this.#totals.rowsCountedLate,
      rowsRefused: this.#rowsRefused,
      rowsWritten: this.#totals.rowsWritten,
      rowsPerSecond: this.#rate(),
      ...(this.#totals.lastResultAt !== undefined && { lastResultAt: this.#totals.lastResultAt }),
      inputs,
    }
  }

  get #rowsRead(): number {
    return this.#totals.rowsRead + this.#sealed.rowsRead + this.#waiting.rowsRead
  }

  get #rowsRefused(): number {
    return this.#totals.rowsRefused + this.#sealed.rowsRefused + this.#waiting.rowsRefused
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
    if (this.#totals.rowsLate === 0 || watermark === null || watermark / 1000 < this.#now() + DAY_MS)
      return undefined
    return `The watermark is at ${new Date(watermark / 1000).toISOString()}, by a row with a time in the future: rows with an earlier one are late. Replace the query with a place to begin behind that row (--from).`
  }

  /** Whether results lack because a step could not be ended. */
  #torn(): string | undefined {
    const { torn } = this.#totals
    if (torn === undefined) return undefined
    const span =
      torn.after === torn.until
        ? ''
        : ` between the watermarks ${momentOf(torn.after)} and ${momentOf(torn.until)}`
    return `${torn.steps === 1 ? 'A step' : `${torn.steps} steps, the last one`} that had begun to write${span} could not be ended: at least ${torn.recordsMissing} of its records expired before the query was taken up again. Results that it had stored stay; its others are not written. Keep the records of the streams for longer than the query may be down, or replace the query with a place to begin (--from).`
  }

  /** Whether records expired unread: results lack them. */
  #lost(): string | undefined {
    const { trimmed } = this.#totals
    const records = Object.values(trimmed).reduce((sum, count) => sum + count, 0)
    if (records === 0) return undefined
    return `${records} records of ${Object.keys(trimmed).join(' and ')} expired before they were read: results lack them. Give the stream a longer retention, or the query less to do.`
  }

  /** Whether results could not be computed. */
  #missing(): string | undefined {
    if (this.#failed === undefined) return undefined
    const { target, span, reason } = this.#failed
    const until = span.until === null ? '' : ` up to ${new Date(span.until / 1000).toISOString()}`
    const times = this.#totals.failures <= 1 ? '' : `, ${this.#totals.failures} times by now`
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
      return `No record has come from ${inputs.map(({ stream }) => stream).join(' and ')} yet.`
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
