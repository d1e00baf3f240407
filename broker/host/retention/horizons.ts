// Finds which records have expired, exact to the millisecond of their arrival. Host main thread.
// Arrival times never fall within a shard, so a read checks only the first batch of its answer. If that batch has expired, the
// shard's trim horizon is searched in the time index, once for all reads that ask at the same time.
import { baseSequenceNumberAt } from '../../../protocol/batch/batch.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { SegmentReader } from '../../threads/reader-contract.ts'
import type { Clock } from '../../time.ts'
import type { FollowedClock } from '../../clock/followed-clock.ts'
import { hostLimits } from '../host-limits.ts'
import { withSegments, type SegmentDirectory } from '../shards/with-segments.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import { Backoff } from './backoff.ts'

export interface HorizonsOptions {
  readonly clock: Pick<FollowedClock, 'expiryNow' | 'cutoffOf'>
  readonly segments: SegmentDirectory
  readonly reader: SegmentReader
  readonly elapsed: Clock
  readonly log: Logger
}

export class Horizons {
  readonly #options: HorizonsOptions
  readonly #running = new Map<HostedShard, Promise<void>>()
  /** Searches that wait for their turn. */
  readonly #waiting: (() => void)[] = []
  /** Shards whose search failed, mostly because of damage. Their horizons stay, and reads go on to check by themselves. */
  readonly #failing: Backoff
  #searching = 0

  constructor(options: HorizonsOptions) {
    this.#options = options
    const { horizonRetryMs: firstMs, horizonRetryMsMax: mostMs } = hostLimits
    this.#failing = new Backoff({ elapsed: options.elapsed, firstMs, mostMs })
  }

  /** Records that arrived before this time have expired. Infinity if all have, although their stamps are ahead of the clock. */
  cutoffOf(shard: HostedShard, now = this.now()): number {
    const cutoff = this.#options.clock.cutoffOf(shard.retentionMs, now)
    return cutoff > shard.arrivedBy ? Infinity : cutoff
  }

  /** The time by which records expire. */
  now(): number {
    return this.#options.clock.expiryNow()
  }

  isExpired(arrivalTime: number, shard: HostedShard): boolean {
    return arrivalTime < this.cutoffOf(shard)
  }

  /**
   * Fulfils when the shard's trim horizon is the first number that has not expired; at once, if memory holds the answer. The
   * horizon stays as it was if storage cannot give the answer.
   */
  refresh(shard: HostedShard): Promise<void> {
    if (this.#settleFromMemory(shard)) return Promise.resolve()
    let running = this.#running.get(shard)
    if (running) return running
    running = this.#search(shard).finally(() => this.#running.delete(shard))
    this.#running.set(shard, running)
    return running
  }

  /** Fulfils when every search of the shard that began before this call has ended. */
  async settled(shard: HostedShard): Promise<void> {
    await this.#running.get(shard)
  }

  /** Returns the base of the batch that holds a number below the tail; undefined if storage cannot give it. */
  async baseOf(shard: HostedShard, number: number): Promise<number | undefined> {
    const { segments, reader, log } = this.#options
    const { slot, ownerId, tail: until } = shard
    const read = () =>
      reader.read({ list: segments.segmentsOf(ownerId), slot, from: number, until, bytesMax: 1 })
    try {
      const { buffer, lengths } = await withSegments(segments, ownerId, read)
      return lengths.length > 0 ? baseSequenceNumberAt(new Uint8Array(buffer), 0) : undefined
    } catch (error) {
      if (error instanceof InvariantError) throw error
      log.warn({ err: error, shard: shard.label, number }, 'a batch of a shard could not be looked up')
      return undefined
    }
  }

  #settleFromMemory(shard: HostedShard): boolean {
    if (shard.trimHorizon === shard.tail) return true
    const cutoff = this.cutoffOf(shard)
    if (shard.oldestArrivalMin >= cutoff) return true
    if (shard.lastArrivalTime < cutoff) {
      shard.raiseHorizon(shard.tail)
      return true
    }
    const cached = shard.cached.seek(cutoff)
    if (cached !== undefined) shard.raiseHorizon(cached, cutoff)
    return cached !== undefined
  }

  async #search(shard: HostedShard): Promise<void> {
    const { segments, reader, log } = this.#options
    const { slot, ownerId } = shard
    const name = String(slot)
    if (this.#failing.isWaiting(name)) return
    await this.#turn()
    try {
      const timestamp = this.cutoffOf(shard)
      const until = shard.tail
      const found = await withSegments(segments, ownerId, () =>
        reader.seek({ list: segments.segmentsOf(ownerId), slot, timestamp, until }),
      )
      shard.raiseHorizon(found.sequenceNumber, found.arrivalTime)
      this.#failing.succeeded(name)
    } catch (error) {
      if (error instanceof InvariantError) throw error
      this.#failing.failed(name)
      log.warn({ err: error, shard: shard.label }, 'what has expired of a shard could not be looked up')
    } finally {
      // The search that has waited longest takes the place.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#searching--
    }
  }

  /** Waits for one of the few places. Searches are short, but a stream may have thousands of shards. */
  async #turn(): Promise<void> {
    if (this.#searching < hostLimits.horizonSearchesMax) this.#searching++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
