// When a unit that spreads records tells the parts of a query how far it has come, and what. Runs in the app. Its "watermark" is the number of
// marks that it has told: a step that adds one writes it behind its records.
import type { Client, HashKeys } from 'millrace'
import { shardIdOf } from 'millrace/protocol'
import type { HeldInput } from '../held-input.ts'
import type { PreparedStep, StreamPositions } from '../place/query-place.ts'
import type { QueryClock } from '../time/query-clock.ts'
import type { KeptTime, RunClock } from '../time/run-clock.ts'
import { crosses, type Boundaries } from '../time/watermark.ts'
import { later, type ToldMarks, type UnitMarks } from './marks.ts'
import { beginsOf } from './part-range.ts'

export interface SpreadClockParts {
  readonly client: Pick<Client, 'listShards'>
  /** Of the same records, in one process. */
  readonly clock: QueryClock
  readonly boundaries: readonly Boundaries[] | undefined
  /** The stream between. */
  readonly stream: string
  /** Hash keys of each part. */
  readonly ranges: readonly HashKeys[]
  readonly inputs: readonly Pick<HeldInput, 'key' | 'latest'>[]
  /** Streams of which the step has records: a position also goes on behind those of others. */
  readonly came: () => ReadonlySet<string>
  readonly told: ToldMarks | undefined
  /** How often it has told something. */
  readonly count: number | null
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  readonly signal: AbortSignal
}

/** How often something new is told where no window ends by it. */
const MARK_MS = 1000
/** How often it is told that there is nothing new. Of a unit that is idle it is told as often as what is new: time goes on by it alone. */
const AGAIN_MS = 5000
/** How often it is looked which shards there are. */
const LOOK_MS = 2000

export class SpreadClock implements RunClock {
  readonly #parts: SpreadClockParts
  #told: ToldMarks | undefined
  #count: number | null
  #toldAt = -Infinity
  #hashKeys: readonly string[] | undefined
  #lookedAt = -Infinity
  #looking: Promise<void> | undefined
  /** Of the step under way: what was known before it, and the streams of which it has records. */
  #before: UnitMarks = {}
  #came: ReadonlySet<string> = new Set()
  #positions: StreamPositions = {}

  constructor(parts: SpreadClockParts) {
    this.#parts = parts
    this.#told = parts.told
    this.#count = parts.count
  }

  get over(): Promise<void> {
    return Promise.all([this.#parts.clock.over, this.#looking]).then(() => {})
  }

  next(before: number | null): number | null {
    // What was found to be due stays so to the end of its step.
    return this.#isDue() ? (before ?? 0) + 1 : before
  }

  wouldGoOn(): boolean {
    return this.#isDue()
  }

  reached(positions: StreamPositions): void {
    this.#before = this.#marks()
    this.#came = this.#parts.came()
    this.#positions = positions
    if (this.#came.size > 0) this.#parts.clock.reached(positions)
  }

  kept(before: number | null, watermark: number | null): KeptTime {
    const latest = this.#latest()
    if (before !== watermark) return { told: { inputs: this.#marks(), hashKeys: this.#hashKeys!, latest } }
    return { told: { inputs: {}, hashKeys: [], ...this.#told, latest } }
  }

  stepped({ watermark, told }: Pick<PreparedStep, 'watermark' | 'told'>): void {
    this.#before = {}
    this.#came = new Set()
    this.#told = told
    if (watermark === this.#count) return
    this.#count = watermark
    this.#toldAt = this.#parts.monotonic()
  }

  ask(): void {
    const { clock, monotonic } = this.#parts
    clock.ask()
    if (this.#looking !== undefined || monotonic() - this.#lookedAt < LOOK_MS) return
    this.#looking = this.#look()
      // It is looked again soon.
      .catch(() => {})
      .finally(() => (this.#looking = undefined))
  }

  shown(): number | null {
    const marks = Object.values(this.#told?.inputs ?? {}).map(({ watermark }) => watermark)
    return marks.length === 0 || marks.includes(null) ? null : Math.min(...(marks as number[]))
  }

  async #look(): Promise<void> {
    const { client, stream, ranges, monotonic, signal } = this.#parts
    const begins: string[] = []
    for await (const shard of client.listShards(stream, { signal }))
      if (shard.state === 'OPEN') begins.push(...beginsOf(shard, ranges))
    this.#hashKeys = begins
    this.#lookedAt = monotonic()
  }

  #isDue(): boolean {
    if (this.#hashKeys === undefined) return false
    const marks = this.#marks()
    const keys = Object.keys(marks)
    if (keys.length === 0) return false
    const passed = this.#parts.monotonic() - this.#toldAt
    const isIdle = keys.some((key) => marks[key]!.isIdle)
    if (passed >= (isIdle ? MARK_MS : AGAIN_MS)) return true
    const told = this.#told?.inputs ?? {}
    if (keys.some((key) => told[key]?.isIdle !== marks[key]!.isIdle)) return true
    const moved = keys.filter((key) => told[key]!.watermark !== marks[key]!.watermark)
    if (moved.length === 0) return false
    return (
      passed >= MARK_MS || moved.some((key) => this.#crosses(told[key]!.watermark, marks[key]!.watermark!))
    )
  }

  #crosses(before: number | null, watermark: number): boolean {
    const { boundaries } = this.#parts
    if (before === null || boundaries === undefined) return true
    return boundaries.some((each) => crosses(each, before, watermark))
  }

  /** Of the shards that are read: who takes the unit over may have no rows of them for a while. */
  #latest(): ToldMarks['latest'] {
    const shardIds = new Set(Object.values(this.#positions).flatMap(({ shards }) => Object.keys(shards)))
    return Object.fromEntries(
      this.#parts.inputs.map(({ key, latest }) => {
        const times = [...latest].map(([shard, time]) => [shardIdOf(shard), time] as const)
        return [key, Object.fromEntries(times.filter(([shardId]) => shardIds.has(shardId)))]
      }),
    )
  }

  /** How far each input has come: never back from what was told. */
  #marks(): UnitMarks {
    const told = this.#told?.inputs ?? {}
    const times = this.#parts.clock.times()
    return Object.fromEntries(
      times.map(({ key, stream, time, isIdle }) => {
        const before = this.#before[key]
        const known = later(told[key]?.watermark ?? null, before?.watermark ?? null)
        const wasIdle = before?.isIdle === true && !this.#came.has(stream)
        return [key, { watermark: later(known, time ?? null), isIdle: isIdle || wasIdle }]
      }),
    )
  }
}
