// How time goes on in a part of a query to which records come by way of a stream between: by the marks in it. Runs in the app.
import type { StreamPosition } from 'millrace'
import { inputKey, type PreparedStep, type StreamPositions } from '../place/query-place.ts'
import type { QueryTables } from '../query-tables.ts'
import type { KeptTime, RunClock } from '../time/run-clock.ts'
import { leastOf, nextWatermark } from '../time/watermark.ts'
import { inputTime, inShards, withMark, type PartMarks, type UnitMarks } from './marks.ts'

export interface MarkClockParts {
  readonly tables: Pick<QueryTables, 'timed' | 'count' | 'boundaries'>
  /** The stream between. */
  readonly stream: string
  /** How many units spread records. */
  readonly units: number
  /** Names one, for people. */
  readonly nameOf: (unit: number) => string
  readonly known: PartMarks
  /** Where the part reads now. */
  readonly position: () => StreamPosition | undefined
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
}

/** By `inputKey`, in microseconds. */
type Times = Readonly<Record<string, number | undefined>>

/** A unit that has said nothing for so long may have died: records may wait for it. It says something each few seconds. */
const TRUSTED_MS = 15_000

export class MarkClock implements RunClock {
  readonly #parts: MarkClockParts
  readonly over = Promise.resolve()
  /** With those of records that are not taken yet. */
  #waiting: PartMarks
  #sealed: PartMarks
  #isReading = false
  readonly #heardAt = new Map<number, number>()
  /** Of a unit that said that nothing comes to it: how far time had come without it. What others do later it knows nothing of. */
  readonly #vouched = new Map<number, Times>()

  constructor(parts: MarkClockParts) {
    this.#parts = parts
    this.#waiting = this.#sealed = parts.known
  }

  add(mark: { readonly unit: number; readonly shardId: string; readonly inputs: UnitMarks }): void {
    this.#waiting = withMark(this.#waiting, mark)
    this.#heardAt.set(mark.unit, this.#parts.monotonic())
    const shards = this.#parts.position()?.shards
    const known = shards === undefined ? this.#waiting : inShards(this.#waiting, Object.keys(shards))
    const times = Object.keys(mark.inputs).map((key) => [key, this.#inputTime(known, key)] as const)
    this.#vouched.set(mark.unit, Object.fromEntries(times))
  }

  /** What was added belongs to the next step. */
  seal(): void {
    this.#sealed = this.#waiting
  }

  next(before: number | null): number | null {
    return this.#next(before, this.#sealed)
  }

  wouldGoOn(before: number | null): boolean {
    const { tables, position } = this.#parts
    const shards = position()?.shards
    if (tables.count === 0 || shards === undefined) return false
    return this.#next(before, inShards(this.#waiting, Object.keys(shards))) !== before
  }

  reached(positions: StreamPositions): void {
    this.#isReading = true
    const shardIds = Object.keys(positions[this.#parts.stream]!.shards)
    this.#waiting = this.#sealed = inShards(this.#sealed, shardIds)
  }

  kept(): KeptTime {
    return { marks: this.#sealed }
  }

  stepped({ marks }: Pick<PreparedStep, 'marks'>): void {
    if (!this.#isReading && marks !== undefined) this.#waiting = this.#sealed = marks
  }

  ask(): void {}

  shown(watermark: number | null): number | null {
    return watermark
  }

  get reason(): string | undefined {
    const { tables, units, nameOf } = this.#parts
    if (tables.count === 0) return undefined
    const keys = tables.timed.map(({ input }) => inputKey(input))
    const silent = Array.from({ length: units }, (_, unit) => unit).find((unit) =>
      keys.some((key) => !this.#isHeard(unit, key)),
    )
    return silent === undefined
      ? undefined
      : `The watermark waits for ${nameOf(silent)}, which has had no row, or has not been heard of.`
  }

  #isHeard(unit: number, key: string): boolean {
    const mark = this.#sealed[unit]?.all[key]
    return mark !== undefined && (mark.watermark !== null || (mark.isIdle && this.#isTrusted(unit)))
  }

  #isTrusted(unit: number): boolean {
    const heardAt = this.#heardAt.get(unit)
    return heardAt !== undefined && this.#parts.monotonic() - heardAt < TRUSTED_MS
  }

  #inputTime(known: PartMarks, key: string): number | undefined {
    const isTrusted = (unit: number): boolean => this.#isTrusted(unit)
    return inputTime(known, key, { units: this.#parts.units, isTrusted })
  }

  /** As far as units vouch for it to which nothing comes: records may have come to them since. */
  #vouchedTime(known: PartMarks, key: string): number | undefined {
    const idle = [...this.#vouched].filter(([unit]) => known[unit]?.all[key]?.isIdle === true)
    return leastOf([this.#inputTime(known, key), ...idle.map(([, times]) => times[key])])
  }

  #next(before: number | null, known: PartMarks): number | null {
    const { tables } = this.#parts
    const times = tables.timed.map(({ input }) => this.#vouchedTime(known, inputKey(input)))
    return nextWatermark(before, leastOf(times), tables.boundaries)
  }
}
