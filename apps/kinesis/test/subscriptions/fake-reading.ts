// A shard in memory with its readings, and a clock that a test moves: what a feed of events needs of the broker.
import type { StreamRecord } from 'millrace'
import type { FeedReading } from '../../src/subscriptions/shard-feed.ts'
import type { FeedTime } from '../../src/subscriptions/feed-time.ts'

export const SHARD_ID = 'shardId-000000000000'

/** A clock with timers that fire in their order when the test moves it. */
export class FakeTime implements FeedTime {
  #now: number
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>()

  constructor(now = 1_700_000_000_000) {
    this.#now = now
  }

  readonly now = (): number => this.#now

  /** Timers that are to fire. */
  get waiting(): number {
    return this.#timers.size
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves the clock; each timer fires in a turn of its own. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    for (;;) {
      await turn()
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.run()
    }
    this.#now = until
    await turn()
  }
}

/** Lets everything happen that can happen now. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** One shard: what was appended, in batches, and whether it is closed. */
export class FakeShard {
  readonly batches: StreamRecord[][] = []
  /** Number of the next record. */
  tail = 0
  isClosed = false
  readonly #readings = new Set<FakeReading>()

  /** Appends a batch of records that have these data. */
  append(arrivalMs: number, ...data: (string | Uint8Array)[]): void {
    const batch = data.map((content, i) => recordOf(this.tail + i, arrivalMs, Buffer.from(content)))
    this.batches.push(batch)
    this.tail += batch.length
    for (const reading of this.#readings) reading.wake()
  }

  /** Numbers are left out, as after a crash. */
  skip(count: number): void {
    this.tail += count
  }

  close(): void {
    this.isClosed = true
    for (const reading of this.#readings) reading.wake()
  }

  /** What a reading finds at `from` or after it. */
  batchAt(from: number): StreamRecord[] | undefined {
    const batch = this.batches.find((records) => records.at(-1)!.sequenceNumber >= from)
    return batch?.filter(({ sequenceNumber }) => sequenceNumber >= from)
  }

  read(from: number): FakeReading {
    const reading = new FakeReading(this, from)
    this.#readings.add(reading)
    return reading
  }
}

/** A native reading of the shard. It is as far as what it has handed out. */
export class FakeReading implements FeedReading {
  readonly #shard: FakeShard
  #next: number
  isClosed = false
  /** Batches that were handed out. */
  handed = 0
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(shard: FakeShard, from: number) {
    this.#shard = shard
    this.#next = from
  }

  get position() {
    const isAtTail = this.#shard.batchAt(this.#next) === undefined
    return {
      streamId: 1,
      shardsBelow: 1,
      shards: { [SHARD_ID]: isAtTail ? this.#shard.tail : this.#next },
    }
  }

  get millisBehindLatest(): number | undefined {
    return this.#shard.batchAt(this.#next) === undefined ? 0 : undefined
  }

  get children(): readonly string[] {
    return ['shardId-000000000001', 'shardId-000000000002']
  }

  async *batches(): AsyncGenerator<StreamRecord[], void, undefined> {
    for (;;) {
      if (this.isClosed) return
      if (this.#error !== undefined) throw this.#error
      const batch = this.#shard.batchAt(this.#next)
      if (batch !== undefined) {
        this.#next = batch.at(-1)!.sequenceNumber + 1
        this.handed++
        yield batch
      } else if (this.#shard.isClosed) {
        return
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    }
  }

  fail(error: Error): void {
    this.#error = error
    this.wake()
  }

  wake(): void {
    this.#wake?.()
  }

  close(): Promise<void> {
    this.isClosed = true
    this.wake()
    return Promise.resolve()
  }
}

function recordOf(sequenceNumber: number, arrivalMs: number, bytes: Uint8Array): StreamRecord {
  return {
    shardId: SHARD_ID,
    sequenceNumber,
    partitionKey: 'ada',
    data: bytes,
    bytes,
    arrivalTime: new Date(arrivalMs),
    timestamp: new Date(arrivalMs),
    headers: {},
    explicitHashKey: undefined,
  }
}
