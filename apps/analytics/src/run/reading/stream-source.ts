// One stream of a query, read for as long as the query runs. Records are given on as they come, until there is no room; then the reading
// waits. Runs in the app.
import {
  MillraceError,
  type Client,
  type HashKeys,
  type Reading,
  type StreamPosition,
  type StreamRecord,
  type UnreadableRecords,
} from 'millrace'

export interface StreamSourceParts {
  readonly client: Client
  readonly stream: string
  /** Left out: all records are read. */
  readonly hashKeys?: HashKeys | undefined
  readonly from: StreamPosition
  /** Takes the records of a batch, all of one shard. */
  readonly add: (records: readonly StreamRecord[]) => void
  /** Whether more records may come. */
  readonly hasRoom: () => boolean
  readonly onUnreadable: (skipped: UnreadableRecords) => void
  /** Told how many records expired before they could be read; of a range of hash keys only at first, with those of others. */
  readonly onTrimmed: (records: number) => void
  /** Called when there is something to do: records, or an end. */
  readonly wake: () => void
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  readonly signal: AbortSignal
}

export class StreamSource {
  readonly stream: string
  readonly #parts: StreamSourceParts
  readonly #reading: Reading<Uint8Array>
  /** On the monotonic clock: when the last record of each shard came, or since when the shard is read. */
  readonly #heardAt = new Map<string, number>()
  /** Since when nothing waits to be read, on the monotonic clock; undefined while something does. */
  #caughtUpSince: number | undefined
  /** Behind the last record that was given on: the reading is further while a batch is on its way here. */
  #position: StreamPosition | undefined
  #isLooking = false
  /** Number of the record that comes next of each shard. */
  readonly #next: Map<string, number>
  #room: (() => void) | undefined
  #error: Error | undefined

  private constructor(parts: StreamSourceParts) {
    this.stream = parts.stream
    this.#parts = parts
    const { client, stream, hashKeys, from, signal } = parts
    this.#next = new Map(Object.entries(from.shards))
    const onUnreadable = (skipped: UnreadableRecords): void => {
      this.#next.set(skipped.shardId, skipped.nextSequenceNumber)
      parts.onUnreadable(skipped)
    }
    const options = { from, follow: true, onTrimmed: 'horizon', onUnreadable, signal } as const
    this.#reading = client.read(stream, { ...options, ...(hashKeys && { hashKeys }) })
  }

  /** Begins to read. Rejects where the stream is not there, or another one has its name. */
  static async open(parts: StreamSourceParts): Promise<StreamSource> {
    const source = new StreamSource(parts)
    await source.#reading.started
    await source.#lookBack()
    source.#position = source.#reading.position
    void source.#read()
    return source
  }

  /** Where records are left out, numbers have gaps: what expired before this is told by where shards begin now. */
  async #lookBack(): Promise<void> {
    const { client, stream, hashKeys, from, onTrimmed, signal } = this.#parts
    if (hashKeys === undefined) return
    for await (const { shardId, trimHorizon = 0 } of client.listShards(stream, { signal })) {
      const missing = trimHorizon - (from.shards[shardId] ?? Infinity)
      if (missing > 0) onTrimmed(missing)
    }
  }

  /** After the last record that was given on, or behind others that were passed over since. */
  get position(): StreamPosition {
    if (this.#parts.hashKeys !== undefined) this.#lookAhead()
    return (this.#position ??= this.#reading.position)
  }

  /** Rethrows what has ended the reading. */
  throwIfOver(): void {
    if (this.#error !== undefined) throw this.#error
  }

  /** Goes on where it waited for room. */
  roomCame(): void {
    this.#room?.()
  }

  /** Looks at the shards that are read now. `idleMs`: how long one has had nothing that counts as idle. */
  shards(idleMs: number): readonly { readonly shardId: string; readonly isIdle: boolean }[] {
    const now = this.#parts.monotonic()
    if (this.#reading.millisBehindLatest !== 0) this.#caughtUpSince = undefined
    else this.#caughtUpSince ??= now
    const caughtUpSince = this.#caughtUpSince
    const shardIds = Object.keys(this.#reading.position.shards)
    for (const shardId of this.#heardAt.keys()) if (!shardIds.includes(shardId)) this.#heardAt.delete(shardId)
    return shardIds.map((shardId) => {
      const heardAt = this.#heardAt.get(shardId) ?? now
      this.#heardAt.set(shardId, heardAt)
      const isIdle = caughtUpSince !== undefined && now - Math.max(heardAt, caughtUpSince) >= idleMs
      return { shardId, isIdle }
    })
  }

  get millisBehindLatest(): number | undefined {
    return this.#reading.millisBehindLatest
  }

  /** Batches that are passed over bring no record here: a turn later, where none has come, the position is behind them. */
  #lookAhead(): void {
    if (this.#isLooking) return
    this.#isLooking = true
    const [before, ahead] = [this.#position, this.#reading.position]
    setImmediate(() => {
      this.#isLooking = false
      if (this.#position === before) this.#position = ahead
    })
  }

  /** Numbers of a shard have no gaps: what is missing has expired. */
  #follow(first: StreamRecord, { shardId, sequenceNumber }: StreamRecord): void {
    const missing = first.sequenceNumber - (this.#next.get(shardId) ?? first.sequenceNumber)
    if (missing > 0 && this.#parts.hashKeys === undefined) this.#parts.onTrimmed(missing)
    this.#next.set(shardId, sequenceNumber + 1)
  }

  async #read(): Promise<void> {
    const { add, hasRoom, wake, monotonic, signal } = this.#parts
    try {
      for await (const records of this.#reading.batches()) {
        const last = records.at(-1)!
        this.#follow(records[0]!, last)
        add(records)
        this.#position = this.#reading.position
        this.#heardAt.set(last.shardId, monotonic())
        wake()
        while (!hasRoom() && !signal.aborted) await new Promise<void>((resolve) => (this.#room = resolve))
      }
      throw new MillraceError('closed', `The reading of ${this.stream} has ended.`)
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error))
      wake()
    }
  }
}
