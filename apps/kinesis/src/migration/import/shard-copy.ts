// Copies one shard of a source: a page is read, appended, acknowledged as a whole and noted before the next one is read, so that what
// a stop leaves behind is less than a page. Runs in the process that imports.
import type { Shard } from '@aws-sdk/client-kinesis'
import type { Acknowledgement, Producer, StreamPosition } from 'millrace'
import type { Patience } from '../patience.ts'
import { copiesOf, type CopyRules } from './copied-record.ts'
import type { EarlierCopies } from './earlier-copies.ts'
import type { ImportProgress } from './import-progress.ts'
import type { Slots } from './slots.ts'
import type { Source, SourcePage } from './source.ts'
import type { TargetPlace } from './target-place.ts'

/** What the shards of one run share. */
export interface CopyParts {
  readonly source: Source
  readonly progress: ImportProgress
  readonly place: TargetPlace
  readonly copies: EarlierCopies
  readonly producer: Producer
  readonly rules: CopyRules
  readonly patience: Patience
  readonly stop: AbortSignal
  readonly follow: boolean
  readonly slots: Slots
  /** Numbers the pages of the run. */
  readonly nextPage: () => number
  /** Called after each page. */
  readonly onPage: () => void
}

/** How long a shard without new records is left alone: a shard of AWS takes five reads a second from all of its readers. */
const IDLE_MS = 1_000
/** The same where it is behind: a page may be empty although more records follow. */
const BEHIND_MS = 200

/** One shard under way, and what it has done so far. */
export class ShardCopy {
  readonly #shard: Shard
  readonly #parts: CopyParts
  records = 0
  bytes = 0
  alreadyStored = 0
  behindMs: number | undefined
  /** Time of the newest record, by the source's clock, when the run first came to it. */
  #tailTime: number | undefined
  /** True when the shard has nothing more for this run. */
  isAtEnd = false
  /** The place in the target when the page under way began; undefined between pages. */
  pageBegan: StreamPosition | undefined
  /** Rises from page to page of the run. */
  pageOrder = 0

  constructor(shard: Shard, parts: CopyParts) {
    this.#shard = shard
    this.#parts = parts
  }

  /** Fulfils at the end of the shard, or of the run. */
  async run(): Promise<void> {
    const { progress, slots, stop } = this.#parts
    let iterator: string | undefined
    while (!stop.aborted) {
      const page: SourcePage | undefined = await slots.use(() => this.#copyPage(iterator))
      iterator = page?.next
      if (page === undefined) continue
      this.behindMs = page.millisBehindLatest
      if (page.next === undefined) progress.finish(this.#shard.ShardId!)
      this.isAtEnd = page.next === undefined || this.#hasReachedTail(page)
      this.#parts.onPage()
      if (this.isAtEnd) return
      if (page.records.length > 0) continue
      await this.#parts.patience.sleep(page.millisBehindLatest > 0 ? BEHIND_MS : IDLE_MS, stop)
    }
  }

  /**
   * True if the page goes to the tail that the shard had when this run first came to it. Being 0 ms behind is not enough: many records
   * may have the time of the newest one. An empty page is, and so is a record that came later.
   */
  #hasReachedTail({ millisBehindLatest, records }: SourcePage): boolean {
    if (this.#parts.follow || millisBehindLatest > 0) return false
    const last = records.at(-1)?.ApproximateArrivalTimestamp?.getTime()
    if (last === undefined) return true
    this.#tailTime ??= last
    return last > this.#tailTime
  }

  /** Returns undefined if the iterator has expired: it was kept for longer than the source allows. */
  async #copyPage(kept: string | undefined): Promise<SourcePage | undefined> {
    const { source, progress } = this.#parts
    const shardId = this.#shard.ShardId!
    const iterator = kept ?? (await source.iterator(shardId, progress.after(shardId), progress.start))
    let page: SourcePage
    try {
      page = await source.page(iterator)
    } catch (error) {
      if (kept !== undefined && error instanceof Error && error.name === 'ExpiredIteratorException')
        return undefined
      throw error
    }
    const last = page.records.at(-1)?.SequenceNumber
    if (last === undefined) return page
    await this.#store(page)
    progress.advance(shardId, last)
    return page
  }

  async #store({ records }: SourcePage): Promise<void> {
    const { place, progress, copies, producer, rules, nextPage } = this.#parts
    const shardId = this.#shard.ShardId!
    // Copies of an earlier run may be of this page, and lie before all that this run has seen.
    this.pageBegan = copies.isEmpty ? place.position : (progress.earlier ?? place.position)
    this.pageOrder = nextPage()
    const sends: Promise<Acknowledgement>[] = []
    for (const record of records) {
      for (const { input, origin } of copiesOf(record, this.#shard, rules)) {
        if (copies.take(shardId, origin)) {
          this.alreadyStored++
          continue
        }
        await producer.ready()
        const sent = producer.send(input)
        // The first failure is thrown below; until then nobody listens.
        sent.catch(() => {})
        sends.push(sent)
        this.bytes += (input.data as Uint8Array).length
      }
    }
    const acknowledgements = await Promise.all(sends)
    this.records += acknowledgements.length
    place.raiseAll(acknowledgements)
    this.pageBegan = undefined
  }
}
