// How far positions are behind the tails of their shards, for those who watch consumer groups. Host main thread.
// Records and bytes come from memory; the age of the oldest record may need one read of storage for each shard. Few run at
// once, so that a look at a thousand shards does not keep readers waiting.
import { arrivalTimeAt } from '../../../protocol/batch/batch.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import type { Backlog, BacklogRequest } from '../../host-contract.ts'
import type { SegmentReader } from '../../threads/reader-contract.ts'
import type { Clock } from '../../time.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { ShardsByName } from '../shards/shards-contract.ts'
import { withSegments, type SegmentDirectory } from '../shards/with-segments.ts'

/** Reads of storage at a time. */
const READS_MAX = 4
/** Time after which no read of storage begins for a request any more: it is answered without the rest of the ages. */
const READING_MS_MAX = 1_000

export interface BacklogsOptions {
  readonly shards: ShardsByName
  readonly segments: SegmentDirectory
  readonly reader: SegmentReader
  /** Fulfils when the trim horizon of the shard is exact. */
  readonly refresh: (shard: HostedShard) => Promise<void>
  readonly elapsed: Clock
}

export class Backlogs {
  readonly #options: BacklogsOptions

  constructor(options: BacklogsOptions) {
    this.#options = options
  }

  /** Returns the tails of shards, in columns of stream id and shard index; −1 for one that is not served. */
  tailsOf(columns: Float64Array): Float64Array {
    const tails = new Float64Array(columns.length / 2)
    for (let place = 0; place < tails.length; place++) {
      tails[place] = this.#options.shards.find(columns[2 * place]!, columns[2 * place + 1]!)?.tail ?? -1
    }
    return tails
  }

  /** Returns what lies between each position and the tail of its shard, in their order; without shards not served here. */
  async of(asked: readonly BacklogRequest[]): Promise<readonly Backlog[]> {
    const found: (Backlog | undefined)[] = asked.map(() => undefined)
    const readUntil = this.#options.elapsed() + READING_MS_MAX
    let next = 0
    const work = async (): Promise<void> => {
      while (next < asked.length) {
        const place = next++
        const request = asked[place]!
        const shard = this.#options.shards.find(request.streamId, request.shardIndex)
        if (shard !== undefined)
          found[place] = { place, ...(await this.#backlogOf(shard, request, readUntil)) }
      }
    }
    await Promise.all(Array.from({ length: READS_MAX }, work))
    return found.filter((backlog) => backlog !== undefined)
  }

  async #backlogOf(
    shard: HostedShard,
    { next, timestamp }: BacklogRequest,
    readUntil: number,
  ): Promise<Omit<Backlog, 'place'>> {
    await this.#options.refresh(shard)
    const { tail } = shard
    const sought = next ?? (timestamp === null ? 0 : await this.#seek(shard, timestamp))
    const from = Math.max(sought, shard.trimHorizon)
    if (from >= tail) return { records: 0, bytes: 0, oldestArrival: null }
    const mayRead = this.#options.elapsed() < readUntil
    const oldestArrival =
      shard.cached.arrivalOf(from) ?? (mayRead ? await this.#arrivalOf(shard, from) : null)
    return { records: tail - from, bytes: shard.bytesFrom(from), oldestArrival }
  }

  async #seek(shard: HostedShard, timestamp: number): Promise<number> {
    const { slot, tail: until, lastArrivalTime, ownerId } = shard
    if (timestamp > lastArrivalTime) return until
    const { segments, reader } = this.#options
    const cached = shard.cached.seek(timestamp)
    if (cached !== undefined) return cached
    const found = await readable(() =>
      withSegments(segments, ownerId, () =>
        reader.seek({ list: segments.segmentsOf(ownerId), slot, timestamp, until }),
      ),
    )
    return found?.sequenceNumber ?? 0
  }

  /** When the record of this number arrived; null where its batch cannot be read. */
  async #arrivalOf(shard: HostedShard, from: number): Promise<number | null> {
    const { segments, reader } = this.#options
    const { slot, ownerId } = shard
    const range = { slot, from, until: from + 1, bytesMax: 1 }
    const reply = await readable(() =>
      withSegments(segments, ownerId, () => reader.read({ list: segments.segmentsOf(ownerId), ...range })),
    )
    return reply === undefined || reply.lengths.length === 0
      ? null
      : arrivalTimeAt(new Uint8Array(reply.buffer), 0)
  }
}

/** Returns undefined if storage cannot be read. Readers of the shard get the error. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof InvariantError) throw error
    return undefined
  }
}
