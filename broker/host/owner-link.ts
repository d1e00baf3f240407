// One owner as the host sees it: the queue of appends to it, its calls, its notices. Host main thread.
// Batches reach the owner in the order in which they were offered. What a turn of the event loop brings leaves at its end,
// in one call where it fits. The queue is bounded in bytes; from the first batch that does not fit until the owner's next
// answer everything is refused, so that smaller batches behind it in the same turn do not overtake it.
import type { Logger } from '../telemetry/log.ts'
import { createCaller, type Caller } from '../threads/calls.ts'
import type { Channel } from '../threads/channel.ts'
import type {
  AppendOutcome,
  OwnedShard,
  OwnerCalls,
  OwnerNotice,
  OwnerStats,
  SegmentList,
  ShardExtent,
} from '../threads/owner-contract.ts'
import { packGroups, type PackedGroup, type PendingBatch } from './append/append-group.ts'
import { hostLimits } from './host-limits.ts'
import type { HostMetrics } from './host-metrics.ts'
import type { Timing } from './timing.ts'

/** A running owner: the channel to its thread, or to the same code in this thread. Its end is the owner's end. */
export interface OwnerChannel extends Channel {
  /** Fulfils when nothing of it is left, after a `close` call was answered. */
  join(): Promise<void>
}

/** Where an owner's answers and notices go. */
export interface OwnerListener {
  onOutcome(group: PackedGroup, outcome: AppendOutcome): void
  /** The call for this group failed; `error` says whether it may have had an effect. */
  onFailure(group: PackedGroup, error: unknown): void
  onReopened(extents: readonly ShardExtent[], reason: string): void
  /** The owner is gone without having been asked, or an invariant is broken: this host cannot go on. */
  onBroken(error: Error): void
}

export interface OwnerLinkOptions {
  readonly ownerId: number
  readonly channel: OwnerChannel
  readonly queueBytes: number
  readonly listener: OwnerListener
  readonly timing: Timing
  readonly metrics: HostMetrics
  readonly log: Logger
}

export class OwnerLink {
  readonly ownerId: number
  readonly #options: OwnerLinkOptions
  readonly #caller: Caller<OwnerCalls>
  #pending: PendingBatch[] = []
  #queuedBytes = 0
  #full = false
  #closing = false
  #gone = false
  #storageFull = false
  /** How long the owner lately took to answer a group. */
  #answerMs = 0
  #segments: SegmentList | undefined

  constructor(options: OwnerLinkOptions) {
    this.ownerId = options.ownerId
    this.#options = options
    this.#caller = createCaller<OwnerCalls>(options.channel)
    this.#caller.onNotice((notice) => {
      try {
        this.#onNotice(notice as OwnerNotice)
      } catch (error) {
        options.listener.onBroken(error as Error)
      }
    })
    options.channel.onClose((cause) => {
      this.#gone = true
      if (this.#closing) return
      options.listener.onBroken(new Error(`owner ${this.ownerId} ended: ${cause.message}`, { cause }))
    })
  }

  /** Bytes of batches that were offered and are not answered. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Where the owner's records lie; undefined until it has said so. */
  get segments(): SegmentList | undefined {
    return this.#segments
  }

  /** Free space is below the floor: the owner refuses what it has not stored before. */
  get storageFull(): boolean {
    return this.#storageFull
  }

  /** When a batch that found the queue full should come again: once the owner has answered what is in it. */
  get retryAfterMs(): number {
    const { overloadedRetryMsMin, overloadedRetryMsMax } = hostLimits
    return Math.min(overloadedRetryMsMax, Math.max(overloadedRetryMsMin, Math.ceil(this.#answerMs)))
  }

  /** Takes a batch into the queue; false where there is no room, and then nothing was taken. */
  offer(batch: PendingBatch): boolean {
    const { queueBytes, timing } = this.#options
    // An empty queue takes any batch, or one that is larger than the queue could never be appended.
    const fits = this.#queuedBytes === 0 || this.#queuedBytes + batch.bytes.length <= queueBytes
    if (this.#full || !fits) {
      this.#full = true
      return false
    }
    this.#queuedBytes += batch.bytes.length
    if (this.#pending.push(batch) === 1) timing.atTurnEnd(() => this.#flush())
    return true
  }

  async open(shards: readonly OwnedShard[]): Promise<readonly ShardExtent[]> {
    const { extents } = await this.#caller.call('open', { shards })
    return extents
  }

  async forget(slots: readonly number[]): Promise<void> {
    await this.#caller.call('forget', { slots })
  }

  stats(): Promise<OwnerStats> {
    return this.#caller.call('stats', null)
  }

  /** Sends what is queued, then closes the owner, unless it has gone; fulfils when nothing of it is left. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#flush()
    this.#closing = true
    if (!this.#gone) await this.#caller.call('close', null)
    await this.#options.channel.join()
  }

  #flush(): void {
    const pending = this.#pending
    this.#pending = []
    for (const group of packGroups(pending, hostLimits.appendGroupBytes)) this.#send(group)
  }

  #send(packed: PackedGroup): void {
    const { timing, metrics, listener } = this.#options
    const sentAt = timing.elapsed()
    const answered = (): void => {
      this.#queuedBytes -= packed.bytes
      this.#full = false
      const ms = timing.elapsed() - sentAt
      this.#answerMs += (ms - this.#answerMs) / 8
      metrics.groupAnswered(ms)
    }
    this.#caller
      .call('append', packed.group, [packed.group.arena])
      .then(
        (outcome) => {
          answered()
          listener.onOutcome(packed, outcome)
        },
        (error: unknown) => {
          answered()
          listener.onFailure(packed, error)
        },
      )
      .catch((error: unknown) => listener.onBroken(error as Error))
  }

  #onNotice(notice: OwnerNotice): void {
    const { log, listener } = this.#options
    const { ownerId } = this
    switch (notice.notice) {
      case 'segments':
        this.#segments = notice.list
        return
      case 'reopened':
        log.error({ ownerId, reason: notice.reason }, 'a flush failed; storage was reopened from disk')
        return listener.onReopened(notice.extents, notice.reason)
      case 'damaged':
        for (const what of notice.found) log.error({ ownerId }, `stored rows were damaged: ${what}`)
        return
      case 'space':
        return this.#onSpace(notice.full, notice.freeBytes)
    }
  }

  #onSpace(full: boolean, freeBytes: number): void {
    const { log } = this.#options
    const { ownerId } = this
    this.#storageFull = full
    if (full) log.error({ ownerId, freeBytes }, 'free space is below the floor: appends are refused')
    else log.info({ ownerId, freeBytes }, 'free space is above the floor again: appends are taken')
  }
}
