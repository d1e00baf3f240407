// One stream of a query, read for as long as the query runs. Records are given on as they come, until there is no room; then the reading
// waits. Runs in the app.
import {
  MillraceError,
  type Client,
  type Reading,
  type StreamPosition,
  type StreamRecord,
  type UnreadableRecords,
} from 'millrace'
import { parseShardId } from 'millrace/protocol'

export interface StreamSourceParts {
  readonly client: Client
  readonly stream: string
  readonly from: StreamPosition
  /** Takes the records of a batch, all of one shard. */
  readonly add: (records: readonly StreamRecord[], shard: number) => void
  /** Whether more records may come. */
  readonly hasRoom: () => boolean
  readonly onUnreadable: (skipped: UnreadableRecords) => void
  /** Told how many records expired before they could be read. */
  readonly onTrimmed: (records: number) => void
  /** Called when there is something to do: records, or an end. */
  readonly wake: () => void
  /** Milliseconds that only go on. */
  readonly monotonic: () => number
  readonly signal: AbortSignal
}

/** What came of a shard. */
interface Heard {
  /** Arrival of its last record, in milliseconds; undefined before the first. */
  readonly arrival: number | undefined
  /** On the monotonic clock: when its last record came, or since when it is read. */
  readonly at: number
}

export class StreamSource {
  readonly stream: string
  readonly #parts: StreamSourceParts
  readonly #reading: Reading<Uint8Array>
  readonly #heard = new Map<string, Heard>()
  /** Since when nothing waits to be read, on the monotonic clock; undefined while something does. */
  #caughtUpSince: number | undefined
  /** Behind the last record that was given on: the reading is further while a batch is on its way here. */
  #position: StreamPosition | undefined
  /** Number of the record that comes next of each shard. */
  readonly #next: Map<string, number>
  #room: (() => void) | undefined
  #error: Error | undefined

  private constructor(parts: StreamSourceParts) {
    this.stream = parts.stream
    this.#parts = parts
    const { client, stream, from, signal } = parts
    this.#next = new Map(Object.entries(from.shards))
    const onUnreadable = (skipped: UnreadableRecords): void => {
      this.#next.set(skipped.shardId, skipped.nextSequenceNumber)
      parts.onUnreadable(skipped)
    }
    this.#reading = client.read(stream, { from, follow: true, onTrimmed: 'horizon', onUnreadable, signal })
  }

  /** Begins to read. Rejects where the stream is not there, or another one has its name. */
  static async open(parts: StreamSourceParts): Promise<StreamSource> {
    const source = new StreamSource(parts)
    await source.#reading.started
    source.#position = source.#reading.position
    void source.#read()
    return source
  }

  /** After the last record that was given on. */
  get position(): StreamPosition {
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

  /** Arrival of the last record of a shard, in milliseconds; undefined before the first. */
  lastArrival(shardId: string): number | undefined {
    return this.#heard.get(shardId)?.arrival
  }

  /** Looks at the shards that are read now. `idleMs`: how long one has had nothing that counts as idle. */
  shards(idleMs: number): readonly { readonly shardId: string; readonly isIdle: boolean }[] {
    const now = this.#parts.monotonic()
    if (this.#reading.millisBehindLatest !== 0) this.#caughtUpSince = undefined
    else this.#caughtUpSince ??= now
    const caughtUpSince = this.#caughtUpSince
    const shardIds = Object.keys(this.#reading.position.shards)
    for (const shardId of this.#heard.keys()) if (!shardIds.includes(shardId)) this.#heard.delete(shardId)
    return shardIds.map((shardId) => {
      const heard = this.#heard.get(shardId) ?? { arrival: undefined, at: now }
      this.#heard.set(shardId, heard)
      const isIdle = caughtUpSince !== undefined && now - Math.max(heard.at, caughtUpSince) >= idleMs
      return { shardId, isIdle }
    })
  }

  get millisBehindLatest(): number | undefined {
    return this.#reading.millisBehindLatest
  }

  /** Numbers of a shard have no gaps: what is missing has expired. */
  #follow(first: StreamRecord, { shardId, sequenceNumber }: StreamRecord): void {
    const missing = first.sequenceNumber - (this.#next.get(shardId) ?? first.sequenceNumber)
    if (missing > 0) this.#parts.onTrimmed(missing)
    this.#next.set(shardId, sequenceNumber + 1)
  }

  async #read(): Promise<void> {
    const { add, hasRoom, wake, monotonic, signal } = this.#parts
    try {
      for await (const records of this.#reading.batches()) {
        const last = records.at(-1)!
        this.#follow(records[0]!, last)
        add(records, parseShardId(last.shardId))
        this.#position = this.#reading.position
        this.#heard.set(last.shardId, { arrival: last.arrivalTime.getTime(), at: monotonic() })
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
