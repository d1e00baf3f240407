// Where a query stands, in memory and in its document. Runs in the app. In memory it goes on with each step; the document follows before
// results are written, and now and then.
import type { QueryDefinition } from 'millrace/protocol'
import type { QueryTables } from '../query-tables.ts'
import type { ProgressStore } from './progress-store.ts'
import type { PreparedStep, QueryPlace, StreamPositions } from './query-place.ts'
import { earlier } from './replay.ts'

export interface PlaceKeeperParts {
  readonly store: Pick<ProgressStore, 'put'>
  readonly tables: Pick<QueryTables, 'timed' | 'windowsOpen'>
  /** The stream from which rows come that the query reads of another. */
  readonly sourceOf: (stream: string) => string
  /** The one that is carried out from here on. */
  readonly definition: QueryDefinition
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
}

/** How often the document follows where nothing is written, and how old the place may be where reading would begin again. */
const SAVE_MS = 1000

/** Rows that came too late whose numbers are kept, of all inputs and shards together: a document has 256 KiB. */
const LATE_MAX = 10_000

export class PlaceKeeper {
  readonly #parts: PlaceKeeperParts
  #place: QueryPlace
  #windowsOpen = 0
  #isDirty = false
  #savedAt = -Infinity
  #refreshedAt = -Infinity

  constructor(parts: PlaceKeeperParts, place: QueryPlace) {
    this.#parts = parts
    this.#place = place
  }

  get place(): QueryPlace {
    return this.#place
  }

  /** As of a moment ago. */
  get windowsOpen(): number {
    return this.#windowsOpen
  }

  /** Whether the document is behind. */
  get isDirty(): boolean {
    return this.#isDirty
  }

  /** Whether the document should follow now. */
  get isDue(): boolean {
    return this.#isDirty && this.#parts.monotonic() - this.#savedAt >= SAVE_MS
  }

  /** A step has ended, or a stream is read from there on. */
  reached(end: Partial<Pick<QueryPlace, 'watermark' | 'positions' | 'told' | 'marks' | 'totals'>>): void {
    this.#place = { ...this.#place, ...end }
    this.#isDirty = true
  }

  /** Brings the place up to what the tables hold, before a step. */
  async freshen(): Promise<void> {
    if (this.#parts.monotonic() - this.#refreshedAt >= SAVE_MS) await this.#refresh()
    this.#rememberLate()
  }

  /** Makes durable how a step writes that begins at the place. */
  prepare(prepared: PreparedStep, signal: AbortSignal): Promise<void> {
    return this.#parts.store.put({ place: this.#place, prepared }, signal)
  }

  /** Makes the place durable: what was prepared is done. */
  async save(signal: AbortSignal): Promise<void> {
    const { store, definition, monotonic } = this.#parts
    await this.#refresh()
    this.#rememberLate()
    await store.put({ definition, place: this.#place, prepared: undefined }, signal)
    this.#isDirty = false
    this.#savedAt = monotonic()
  }

  /** Finds where reading would begin again: at the first row that is held, in each shard. */
  async #refresh(): Promise<void> {
    const { tables, sourceOf, monotonic } = this.#parts
    const replayFrom: Record<string, StreamPositions[string]> = { ...this.#place.positions }
    for (const held of tables.timed) {
      const stream = sourceOf(held.input.stream)
      replayFrom[stream] = earlier(replayFrom[stream]!, await held.firsts())
    }
    this.#place = { ...this.#place, replayFrom }
    this.#windowsOpen = await tables.windowsOpen()
    this.#refreshedAt = monotonic()
  }

  /** Rows that came too late, of those that would be read again. */
  #rememberLate(): void {
    const { replayFrom } = this.#place
    const remembering = this.#parts.tables.timed.filter(({ remembersLate }) => remembersLate)
    const late = remembering.map((held) => {
      const { shards } = replayFrom[this.#parts.sourceOf(held.input.stream)]!
      const isReadAgain = (shardId: string, number: number) => number >= (shards[shardId] ?? Infinity)
      return [held.key, held.lateRows(isReadAgain, LATE_MAX / remembering.length)] as const
    })
    this.#place = { ...this.#place, late: Object.fromEntries(late) }
  }
}
