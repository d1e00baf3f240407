// Reading one shard from a number on: from the tail cache, else from storage. Host main thread.
// What is answered is whole batches without a gap, below the tail that held when the read began. Damage, and a shard
// that ends or is trimmed meanwhile, are named errors, never silence and never an endless loop.
import { arrivalTimeAt, baseSequenceNumberAt, recordCountAt } from '../../../protocol/batch.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { ReadReply, SegmentReader } from '../../threads/reader-contract.ts'
import type { HostMetrics } from '../host-metrics.ts'
import type { HostedShard } from '../hosted-shard.ts'
import type { SegmentDirectory } from '../shard-table.ts'
import type { Clock } from '../timing.ts'
import type { ColdReads } from './cold-reads.ts'
import type { Outflow } from './outflow.ts'
import { fits, type Room, type Span } from './span.ts'

/** What storage had. */
export interface StoredSpan extends Span {
  /** Set where the bytes after these batches do not match their checksum; says what is wrong. */
  readonly corrupt?: string
}

export interface ShardReadsOptions {
  readonly segments: SegmentDirectory
  readonly reader: SegmentReader
  readonly cold: ColdReads
  readonly log: Logger
  readonly metrics: HostMetrics
  readonly elapsed: Clock
}

export class ShardReads {
  readonly #options: ShardReadsOptions

  constructor(options: ShardReadsOptions) {
    this.#options = options
  }

  /** Reads from memory; undefined where only storage can tell. The caller has checked that `from` is below the tail. */
  cached(shard: HostedShard, from: number, room: Room): Span | undefined {
    const span = shard.cached.read(from, room)
    if (span) this.#options.metrics.cacheHit()
    else this.#options.metrics.cacheMiss()
    return span
  }

  /**
   * Reads from storage, for the session of `outflow`. Rejects with a MillraceError: `shardNotFound`, `trimmed`,
   * `corruptData`, or what made the read fail.
   */
  async stored(shard: HostedShard, from: number, room: Room, outflow: Outflow): Promise<StoredSpan> {
    const { segments, reader, cold, log, metrics, elapsed } = this.#options
    const started = elapsed()
    const until = shard.tail
    const reply = await this.#withSegments(
      shard,
      () =>
        cold.run(outflow, () =>
          reader.read({
            list: segments.segmentsOf(shard.ownerId),
            slot: shard.slot,
            from,
            until,
            bytesMax: room.bytes,
          }),
        ),
      (answer) => answer.next > from || answer.corrupt !== undefined,
    )
    metrics.coldRead(reply.buffer.byteLength, elapsed() - started)
    if (!shard.served) throw new MillraceError('shardNotFound', `${shard.label} was deleted.`)
    if (from < shard.trimHorizon) {
      throw new MillraceError('trimmed', `${shard.label} begins at ${shard.trimHorizon} now.`)
    }
    const corrupt =
      reply.corrupt ??
      (reply.next <= from
        ? `Nothing holds number ${from}, although the shard reaches to ${until}.`
        : undefined)
    if (corrupt !== undefined) log.error({ shard: shard.label, from, corrupt }, 'stored records are damaged')
    if (reply.next <= from) throw new MillraceError('corruptData', `${shard.label}: ${corrupt}`)
    return cut(reply, from, room)
  }

  /** Number of the first record that arrived at `timestamp` or later, from storage; the tail where there is none. */
  async seek(shard: HostedShard, timestamp: number, outflow: Outflow): Promise<number> {
    const { segments, reader, cold } = this.#options
    const until = shard.tail
    const reply = await this.#withSegments(
      shard,
      () =>
        cold.run(outflow, () =>
          reader.seek({ list: segments.segmentsOf(shard.ownerId), slot: shard.slot, timestamp, until }),
        ),
      () => true,
    )
    return reply.sequenceNumber
  }

  /** Segments may be rolled or removed while a read is under way: then its failure says nothing, and it runs once more. */
  async #withSegments<T>(
    shard: HostedShard,
    read: () => Promise<T>,
    good: (answer: T) => boolean,
  ): Promise<T> {
    const before = this.#options.segments.segmentsOf(shard.ownerId)
    const changed = (): boolean => this.#options.segments.segmentsOf(shard.ownerId) !== before
    try {
      const answer = await read()
      if (good(answer) || !changed()) return answer
    } catch (error) {
      if (!changed()) throw this.#named(shard, error)
    }
    return read().catch((error: unknown) => {
      throw this.#named(shard, error)
    })
  }

  /** A failure that a client can be told. What nobody foresaw goes to the log; a broken invariant goes on as it is. */
  #named(shard: HostedShard, error: unknown): unknown {
    if (MillraceError.is(error) || error instanceof InvariantError) return error
    this.#options.log.error({ err: error, shard: shard.label }, 'a read from storage failed')
    return new MillraceError('internal', `${shard.label} could not be read from storage.`, { cause: error })
  }
}

/** How far behind the tip a reader is that got `span`: the age of what it read last, or 0 once it has everything. */
export function millisBehind(shard: HostedShard, span: Span, now: number): number {
  if (span.next >= shard.tail) return 0
  return Math.max(0, now - (span.arrivalTime || shard.lastArrivalTime))
}

/** Cuts a reply into its batches, as far as there is room: the reader fills at least one batch, whatever its size. */
function cut({ buffer, lengths, corrupt }: ReadReply, from: number, room: Room): StoredSpan {
  const all = new Uint8Array(buffer)
  const batches: Uint8Array[] = []
  let offset = 0
  let next = from
  let arrivalTime = 0
  for (const length of lengths) {
    if (!fits(room, offset, length)) break
    batches.push(all.subarray(offset, offset + length))
    next = baseSequenceNumberAt(all, offset) + recordCountAt(all, offset)
    arrivalTime = arrivalTimeAt(all, offset)
    offset += length
  }
  const span = { batches, bytes: offset, next, arrivalTime }
  return corrupt !== undefined && batches.length === lengths.length ? { ...span, corrupt } : span
}
