// How far time has come for a query: the watermark of all its inputs together. Runs in the app.
import type { Client, HashKeys } from 'millrace'
import { parseShardId, type QueryTime } from 'millrace/protocol'
import type { HeldInput } from '../held-input.ts'
import { inputKey, type StreamPositions } from '../place/query-place.ts'
import { isByArrival, type QueryTables } from '../query-tables.ts'
import type { StreamSource } from '../reading/stream-source.ts'
import { pausing } from './pausing.ts'
import { TailTime } from './tail-time.ts'
import type { KeptTime, RunClock } from './run-clock.ts'
import { leastOf, nextWatermark, watermarkOf, type ShardTime } from './watermark.ts'

export interface QueryClockParts {
  readonly client: Client
  readonly tables: Pick<QueryTables, 'inputs' | 'timed' | 'count' | 'waitingBytes' | 'boundaries'>
  /** By stream; they may come later. */
  readonly sources: ReadonlyMap<string, StreamSource>
  readonly time: QueryTime
  /** Left out: all records of the streams are read. */
  readonly hashKeys?: HashKeys | undefined
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  /** Called when time may have gone on. */
  readonly wake: () => void
  readonly signal: AbortSignal
}

/** How often a broker is asked up to which time all records have come. */
const ASK_MS = 500

/** How far an input has come by itself. */
export interface OwnTime {
  readonly key: string
  readonly stream: string
  /** Microseconds; undefined where it is not known. */
  readonly time: number | undefined
  /** All of its shards have had nothing for a while. */
  readonly isIdle: boolean
}

export class QueryClock implements RunClock {
  readonly #parts: QueryClockParts
  /** Of streams whose arrival is a time of the query. */
  readonly #tails: ReadonlyMap<string, TailTime>
  /** Shards, as `stream/shardId`, that had nothing to be read at a time of the monotonic clock. */
  #quiet: { readonly at: number; readonly shards: ReadonlySet<string> } = { at: -Infinity, shards: new Set() }
  #reachedAt = -Infinity
  #askedAt = -Infinity
  #asking: Promise<void> | undefined

  constructor(parts: QueryClockParts) {
    this.#parts = parts
    const streams = parts.tables.inputs
      .filter(({ input }) => isByArrival(input))
      .map(({ input }) => input.stream)
    this.#tails = new Map(
      streams.map((stream) => [stream, new TailTime(parts.client, { stream, hashKeys: parts.hashKeys })]),
    )
  }

  /** Fulfils when nothing is asked any more. */
  get over(): Promise<void> {
    return this.#asking ?? Promise.resolve()
  }

  /** Returns the watermark that follows one: the same where no window ends in between. Microseconds; null before the first. */
  next(before: number | null): number | null {
    const time = leastOf(this.#parts.tables.timed.map((held) => this.#inputTime(held)))
    return nextWatermark(before, time, this.#parts.tables.boundaries)
  }

  /** How far each input has come. */
  times(): readonly OwnTime[] {
    return this.#parts.tables.timed.map((held) => {
      const { stream } = held.input
      const shards = this.#shardsOf(held)
      const isIdle = shards.length > 0 && shards.every((shard) => shard.isIdle)
      return { key: inputKey(held.input), stream, time: this.#inputTime(held), isIdle }
    })
  }

  kept(): KeptTime {
    return {}
  }

  stepped(): void {}

  shown(watermark: number | null): number | null {
    return watermark
  }

  /** Whether the watermark goes on, with rows that wait for it. */
  wouldGoOn(before: number | null): boolean {
    return this.#parts.tables.count > 0 && this.next(before) !== before
  }

  /** Tells up to where records become rows in the step that begins. */
  reached(positions: StreamPositions): void {
    this.#reachedAt = this.#parts.monotonic()
    for (const [stream, tail] of this.#tails) tail.reached(positions[stream]!)
  }

  /** Asks the broker how far arrival has come, and whether shards that seem idle are, now and then while rows wait for it. */
  ask(): void {
    const { monotonic, tables } = this.#parts
    if (tables.count === 0 || this.#asking !== undefined) return
    const now = monotonic()
    const idle = this.#idleShards()
    if ((this.#tails.size === 0 && idle.length === 0) || now - this.#askedAt < ASK_MS) return
    this.#askedAt = now
    this.#asking = this.#askAll(idle, now)
      .then(() => this.#answered())
      // It is asked again soon; of a broker that is away, the reading says so.
      .catch(() => {})
      .finally(() => (this.#asking = undefined))
  }

  async #askAll(idle: readonly (readonly [StreamSource, string])[], now: number): Promise<void> {
    const { client, signal } = this.#parts
    await Promise.all([...this.#tails.values()].map((tail) => tail.ask(signal)))
    const quiet = new Set<string>()
    for (const [source, shard] of idle) {
      const { tail } = await client.resolvePosition(source.stream, { shard, from: 'LATEST', signal })
      for (let look = 0; look < 10; look++) {
        if ((source.position.shards[shard] ?? -1) >= tail) {
          quiet.add(`${source.stream}/${shard}`)
          break
        }
        await pausing(10, signal)
      }
    }
    this.#quiet = { at: now, shards: quiet }
  }

  /** Shards of which nothing has come for a while: idle, or slow to be read. */
  #idleShards(): readonly (readonly [StreamSource, string])[] {
    const { sources, time, tables } = this.#parts
    const byEvent = new Set(
      tables.timed.filter(({ input }) => !isByArrival(input)).map(({ input }) => input.stream),
    )
    return [...sources.values()]
      .filter(({ stream }) => byEvent.has(stream))
      .flatMap((source) =>
        source
          .shards(time.idleMs)
          .filter(({ isIdle }) => isIdle)
          .map(({ shardId }) => [source, shardId] as const),
      )
  }

  #answered(): void {
    const { tables, sources, wake } = this.#parts
    // Records that wait are no rows yet: their step tells how far it reaches.
    if (tables.waitingBytes > 0) return
    for (const [stream, tail] of this.#tails) {
      const source = sources.get(stream)
      if (source !== undefined) tail.reached(source.position)
    }
    wake()
  }

  #inputTime(held: HeldInput): number | undefined {
    const { sources, time } = this.#parts
    const { input } = held
    if (!sources.has(input.stream)) return undefined
    const byArrival = isByArrival(input)
    const floor = byArrival ? this.#tails.get(input.stream)?.known : undefined
    return watermarkOf({
      shards: this.#shardsOf(held),
      outOfOrder: byArrival ? 0 : time.outOfOrderMs * 1000,
      floor: floor === undefined ? undefined : floor * 1000,
    })
  }

  #shardsOf({ input, latest }: HeldInput): readonly ShardTime[] {
    const { sources, time } = this.#parts
    const shards = sources.get(input.stream)?.shards(time.idleMs) ?? []
    return shards.map(({ shardId, isIdle }) => ({
      latest: latest.get(parseShardId(shardId)),
      // How far arrival has come, the broker says; and that there was nothing in the shard when all that has become rows had come.
      isIdle:
        isIdle &&
        !isByArrival(input) &&
        this.#quiet.at >= this.#reachedAt &&
        this.#quiet.shards.has(`${input.stream}/${shardId}`),
    }))
  }
}
