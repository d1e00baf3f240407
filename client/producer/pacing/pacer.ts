// Keeps a producer just below the limits of its shards. Runs in the client. A stream without limits costs it nothing: the
// limits are asked for when a shard refuses for their sake, and again from time to time while shards are held.
import { recordCountAt } from '../../../protocol/batch/batch.ts'
import { payloadBytesAt } from '../../../protocol/batch/payload.ts'
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { believedMs } from '../../retry.ts'
import type { PendingBatch } from '../batches/pending-batch.ts'
import type { Lane } from '../lanes/lane.ts'
import { producerLimits } from '../options.ts'
import { ShardPace, type WriteLimits } from './shard-pace.ts'

export interface PacerOptions {
  readonly monotonic: () => number
  readonly isOn: boolean
  /** Asks for the limits of each shard of the stream. */
  readonly askLimits: () => Promise<WriteLimits>
}

export class Pacer {
  readonly #options: PacerOptions
  /** Undefined while no shard is known to have any. */
  #limits: WriteLimits | undefined
  /** Of lanes that were sent to since the limits are known; what was removed is collected with its lane. */
  #paces = new WeakMap<Lane, ShardPace>()
  #isAsking = false
  #askedAt = -Infinity

  constructor(options: PacerOptions) {
    this.#options = options
  }

  /** Milliseconds until the lane may send; 0 if it may now. */
  waitMs(lane: Lane): number {
    if (this.#limits === undefined) return 0
    const now = this.#options.monotonic()
    const ms = this.#paceOf(lane, this.#limits, now).waitMs(now)
    if (ms > 0) this.#learn(now)
    return ms
  }

  /** The sealed batch is sent. */
  sent(lane: Lane, { bytes }: PendingBatch): void {
    if (this.#limits === undefined) return
    const now = this.#options.monotonic()
    this.#paceOf(lane, this.#limits, now).take(payloadBytesAt(bytes!, 0), recordCountAt(bytes!, 0), now)
  }

  /** The batch was sent, and this came of it. */
  refused(lane: Lane, { bytes }: PendingBatch, error: MillraceError): void {
    // What may be stored may have counted.
    if (error.sideEffects === 'possible' || !this.#options.isOn) return
    const pace = this.#paces.get(lane)
    if (error.code !== 'provisionedThroughputExceeded') {
      pace?.give(payloadBytesAt(bytes!, 0), recordCountAt(bytes!, 0))
      return
    }
    // It counts as sent all the same: producers that were refused together are not to come back together.
    const now = this.#options.monotonic()
    pace?.refused(believedMs(error.retryAfterMs ?? 0), now)
    this.#learn(now)
  }

  #paceOf(lane: Lane, limits: WriteLimits, now: number): ShardPace {
    let pace = this.#paces.get(lane)
    if (pace === undefined) {
      pace = new ShardPace(limits, now)
      this.#paces.set(lane, pace)
    } else pace.setLimits(limits, now)
    return pace
  }

  /** Asks for the limits, unless they are known well enough. */
  #learn(now: number): void {
    if (this.#isAsking || now - this.#askedAt < producerLimits.limitsAgeMs) return
    this.#isAsking = true
    this.#askedAt = now
    void this.#ask()
  }

  async #ask(): Promise<void> {
    try {
      const limits = await this.#options.askLimits()
      const isLimited = limits.writeBytesPerSecond > 0 || limits.writeRecordsPerSecond > 0
      this.#limits = isLimited ? limits : undefined
      if (!isLimited) this.#paces = new WeakMap()
    } catch {
      // They are asked for at the next occasion; refused batches are tried again all the same.
    } finally {
      this.#isAsking = false
    }
  }
}
