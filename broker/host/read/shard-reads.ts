// Reads one shard from a number on: from the tail cache, else from storage. Host main thread.
// A read returns whole batches without a gap, below the tail at the start of the read, and none that has expired. Damage, and a
// shard that is removed or trimmed meanwhile, give typed errors, never an empty answer for ever.
import { arrivalTimeAt, baseSequenceNumberAt, recordCountAt } from '../../../protocol/batch/batch.ts'
import type { Damage } from '../../../protocol/structs.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { ReadReply, SegmentReader } from '../../threads/reader-contract.ts'
import type { Clock, Time } from '../../time.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { ColdReads } from './cold-reads.ts'
import type { Outflow } from './outflow.ts'
import { readRefusalOf, type ReadRefusal } from './read-refusal.ts'
import { fits, type Room, type BatchRun } from '../tail/batch-run.ts'
import { SharedReplies, type SharedRead } from './shared-replies.ts'
import { SharedRuns, suits } from './shared-runs.ts'
import { withSegments, type SegmentDirectory } from '../shards/with-segments.ts'

/** Batches from storage. */
export interface StoredRun extends BatchRun {
  /** Set if the records after these batches cannot be read. */
  readonly damage?: Damage
}

/** Finds which records have expired. */
export interface ReadHorizons {
  isExpired(arrivalTime: number, shard: HostedShard): boolean
  /** Fulfils when the shard's trim horizon is exact, as far as storage can be read. */
  refresh(shard: HostedShard): Promise<void>
}

export interface ShardReadsOptions {
  readonly segments: SegmentDirectory
  readonly reader: SegmentReader
  readonly cold: ColdReads
  readonly horizons: ReadHorizons
  readonly log: Logger
  readonly metrics: Instruments
  readonly elapsed: Clock
  readonly atTurnEnd: Time['atTurnEnd']
}

export class ShardReads {
  readonly #options: ShardReadsOptions
  readonly #runs: SharedRuns
  readonly #replies = new SharedReplies()
  readonly #cuts = new WeakMap<ReadReply, StoredRun>()

  constructor(options: ShardReadsOptions) {
    this.#options = options
    this.#runs = new SharedRuns(options.atTurnEnd)
  }

  /**
   * Reads from memory. Returns undefined if the caller must use `stored`, which also checks for expired records. The caller has
   * checked that `from` is below the tail.
   */
  cached(shard: HostedShard, from: number, room: Room): BatchRun | undefined {
    const { metrics, horizons } = this.#options
    const run = this.#runs.read(shard, from, room)
    const first = run?.batches[0]
    const isExpired = first !== undefined && horizons.isExpired(arrivalTimeAt(first, 0), shard)
    if (run && !isExpired) metrics.millrace_tail_cache_reads_total.add(1, 'hit')
    else metrics.millrace_tail_cache_reads_total.add(1, 'miss')
    return isExpired ? undefined : run
  }

  /** True if a read of storage that is asked for now would not start at once. */
  get mustWait(): boolean {
    return this.#options.cold.mustWait
  }

  /** Reads from storage, for the session of `outflow`; returns a refusal if it fails. */
  async stored(
    shard: HostedShard,
    from: number,
    room: Room,
    outflow: Outflow,
  ): Promise<StoredRun | ReadRefusal> {
    const { log, metrics, elapsed } = this.#options
    const started = elapsed()
    const until = shard.tail
    const reply = await this.#read(shard, { from, until, bytesMax: room.bytes }, outflow)
    if ('code' in reply) return reply
    metrics.millrace_cold_read_bytes_total.add(reply.buffer.byteLength)
    metrics.millrace_cold_read_seconds.observe((elapsed() - started) / 1000)
    noteTrimmed(shard, from, reply)
    await this.#expire(shard, reply)
    if (!shard.served) return { code: 'shardNotFound', message: `${shard.label} is no longer served here.` }
    if (from < shard.trimHorizon) {
      return { code: 'trimmed', message: `${shard.label} begins at ${shard.trimHorizon} now.` }
    }
    const run = this.#cut(reply, { from, room, tail: until })
    // A run is also empty if its first batch has no room. Only a reply without batches means that there are no records.
    const missing = reply.lengths.length === 0 ? (reply.damage ?? nothingHolds(from, until)) : undefined
    const damage = missing ?? run.damage
    if (damage !== undefined) log.error({ shard: shard.label, from, ...damage }, 'stored records are damaged')
    if (missing === undefined) return run
    return { code: 'corruptData', message: `${shard.label}: ${missing.reason}`, damage: missing }
  }

  /** Finds in storage the base of the first batch that arrived at `timestamp` or later; returns the tail if there is none. */
  async seek(shard: HostedShard, timestamp: number, outflow: Outflow): Promise<number | ReadRefusal> {
    const { segments, reader, cold } = this.#options
    const { slot, ownerId, tail: until } = shard
    const seek = () => reader.seek({ list: segments.segmentsOf(ownerId), slot, timestamp, until })
    const reply = await this.#named(shard, () =>
      withSegments(segments, ownerId, () => cold.run(outflow, seek)),
    )
    return 'code' in reply ? reply : reply.sequenceNumber
  }

  /** Fulfils when the shard's trim horizon is exact, as far as storage can be read. */
  refreshHorizon(shard: HostedShard): Promise<void> {
    return this.#options.horizons.refresh(shard)
  }

  #read(
    shard: HostedShard,
    range: { from: number; until: number; bytesMax: number },
    outflow: Outflow,
  ): Promise<ReadReply | ReadRefusal> {
    const { segments, reader, cold } = this.#options
    const { slot, ownerId } = shard
    const good = (reply: ReadReply) => reply.next > range.from || reply.damage !== undefined
    const inTurn = (shared: SharedRead) => {
      const read = () => {
        // Seen when the read starts: while it waited, the memory may have been used up.
        const bytesMax = Math.min(range.bytesMax, outflow.session.answerBytesMax)
        const list = segments.segmentsOf(ownerId)
        return shared(bytesMax, () => reader.read({ list, slot, ...range, bytesMax }), good)
      }
      return withSegments(segments, ownerId, () => cold.run(outflow, read), good)
    }
    return this.#named(shard, () => this.#replies.share({ slot, from: range.from }, inTurn))
  }

  /** Cuts a reply; who gets one that another got too, and has room for the same batches, gets the same run. */
  #cut(
    reply: ReadReply,
    { from, room, tail }: { readonly from: number; readonly room: Room; readonly tail: number },
  ): StoredRun {
    const known = this.#cuts.get(reply)
    if (known !== undefined && suits(known, room, tail)) return known
    const run = cut(reply, from, room)
    if (run.batches.length === reply.lengths.length) this.#cuts.set(reply, run)
    return run
  }

  /** Raises the horizon if the batches that were read have expired, or are missing and may have expired. */
  async #expire(shard: HostedShard, { buffer, lengths }: ReadReply): Promise<void> {
    const { horizons } = this.#options
    if (lengths.length > 0) {
      const batches = new Uint8Array(buffer)
      if (!horizons.isExpired(arrivalTimeAt(batches, 0), shard)) return
      // Even if the search fails, no record of this batch is answered again.
      shard.raiseHorizon(baseSequenceNumberAt(batches, 0) + recordCountAt(batches, 0))
    }
    await horizons.refresh(shard)
  }

  /** Returns what `read` returns, or a refusal. Logs an unexpected error. */
  async #named<T>(shard: HostedShard, read: () => Promise<T>): Promise<T | ReadRefusal> {
    try {
      return await read()
    } catch (error) {
      const refusal = readRefusalOf(error)
      if (refusal !== undefined) return refusal
      this.#options.log.error({ err: error, shard: shard.label }, 'a read from storage failed')
      return { code: 'internal', message: `${shard.label} could not be read from storage.` }
    }
  }
}

/**
 * Returns how far behind the tail a reader is that got `run`: the age of its last record. If the run is empty, it is the age of
 * the newest record, which may be less than the reader is behind. 0 once the reader has every record.
 */
export function millisBehind(shard: HostedShard, run: BatchRun, now: number): number {
  if (run.next >= shard.tail) return 0
  return Math.max(0, now - (run.arrivalTime || shard.lastArrivalTime))
}

/**
 * Raises the horizon to what a reply begins with, if that is above `from`: the reader passes over nothing but trimmed records.
 * It may see the owner's trim before the owner's answer is here; what it sees is durable.
 */
function noteTrimmed(shard: HostedShard, from: number, { buffer, lengths, next }: ReadReply): void {
  const first = lengths.length > 0 ? baseSequenceNumberAt(new Uint8Array(buffer), 0) : next
  if (first > from) shard.raiseHorizon(Math.min(first, shard.tail))
}

function nothingHolds(from: number, until: number): Damage {
  const reason = `Nothing holds number ${from}, although the shard reaches to ${until}.`
  return { firstSequenceNumber: from, nextSequenceNumber: until, reason }
}

/** Cuts a reply into its batches, as far as they fit in `room`; the reply holds at least one batch of any size. */
function cut({ buffer, lengths, damage }: ReadReply, from: number, room: Room): StoredRun {
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
  const run = { batches, bytes: offset, next, arrivalTime }
  return damage !== undefined && batches.length === lengths.length ? { ...run, damage } : run
}
