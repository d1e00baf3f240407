// Which streams have limits for each shard, and what their shards take and give for now. Runs in the endpoint.
// The figures are the broker's. They are asked for again every few seconds while a stream is used, beside the requests: none waits for
// it. The broker keeps them too, batch by batch, for all who write and read beside this endpoint.
import type { Client } from 'millrace'
import type { KnownStream } from '../known-stream.ts'
import { ShardRoom, type ShardLimits } from './shard-room.ts'

/** How old the figures may be. */
const FIGURES_AGE_MS = 2000
const STREAMS_MAX = 1000

/** A stream with limits. */
export interface LimitedStream {
  shard(shardId: string, now: number): ShardRoom
}

export class LimitedStreams {
  readonly #own: Pick<Client, 'describeStream'>
  readonly #now: () => number
  /** By the stream's id, from the one whose figures are oldest. */
  readonly #streams = new Map<number, StreamLimits>()

  constructor(own: Pick<Client, 'describeStream'>, now: () => number) {
    this.#own = own
    this.#now = now
  }

  /** The limits of a stream; undefined if it has none. */
  of({ view: { id, name, stream } }: KnownStream): LimitedStream | undefined {
    const now = this.#now()
    let limits = this.#streams.get(id)
    if (limits === undefined) {
      limits = new StreamLimits(stream.shardLimits, now)
      this.#keep(id, limits)
    } else if (Math.abs(now - limits.askedAt) >= FIGURES_AGE_MS) {
      limits.askedAt = now
      this.#keep(id, limits)
      void this.#refresh(id, name, limits)
    }
    return limits.isLimited ? limits : undefined
  }

  #keep(id: number, limits: StreamLimits): void {
    this.#streams.delete(id)
    this.#streams.set(id, limits)
    const [oldest] = this.#streams.keys()
    if (this.#streams.size > STREAMS_MAX && oldest !== undefined) this.#streams.delete(oldest)
  }

  async #refresh(id: number, name: string, limits: StreamLimits): Promise<void> {
    try {
      const stream = await this.#own.describeStream(name)
      if (stream.id === id) limits.set(stream.shardLimits, this.#now())
    } catch {
      // The old figures hold until the broker can be asked; a stream that is gone is told by what it is asked for.
    }
  }
}

class StreamLimits implements LimitedStream {
  askedAt: number
  #figures: ShardLimits
  readonly #shards = new Map<string, ShardRoom>()

  constructor(figures: ShardLimits, now: number) {
    this.#figures = figures
    this.askedAt = now
  }

  get isLimited(): boolean {
    const { writeBytesPerSecond, writeRecordsPerSecond, readBytesPerSecond, readsPerSecond } = this.#figures
    return writeBytesPerSecond + writeRecordsPerSecond + readBytesPerSecond + readsPerSecond > 0
  }

  shard(shardId: string, now: number): ShardRoom {
    let room = this.#shards.get(shardId)
    if (room === undefined) this.#shards.set(shardId, (room = new ShardRoom(this.#figures, now)))
    return room
  }

  set(figures: ShardLimits, now: number): void {
    this.#figures = figures
    for (const room of this.#shards.values()) room.set(figures, now)
  }
}
