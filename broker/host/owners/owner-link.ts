// The host's end of one owner: the queue of appends to it, its calls, its notices. Host main thread.
// The owner handles messages in the order in which they are sent. A call whose effect depends on appends first sends the
// appends of this turn.
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import { createCaller, type Caller } from '../../channels/calls.ts'
import type { Channel } from '../../channels/channel.ts'
import type {
  OwnedShard,
  OwnerCalls,
  OwnerNotice,
  OwnerStats,
  SegmentList,
  ShardExtent,
  ShardHorizon,
  Wanted,
} from '../../threads/owner-contract.ts'
import type { QueuedBatch } from '../append/append-group.ts'
import { AppendQueue, type AppendListener } from '../append/append-queue.ts'
import { hostLimits } from '../host-limits.ts'
import type { Time } from '../../time.ts'

/** A running owner: the channel to its thread, or to the same code on this thread. It ends when the owner ends. */
export interface OwnerChannel extends Channel {
  /** Fulfils when the owner has ended, after a `close` call was answered. */
  join(): Promise<void>
}

/** Takes an owner's answers and notices. `onBroken` is also called if the owner ends without being asked to. */
export interface OwnerListener extends AppendListener {
  onReopened(extents: readonly ShardExtent[], reason: string): void
  /** Called when the owner's segment list changes; the link has the new list already. */
  onSegments(list: SegmentList): void
}

export interface OwnerLinkOptions {
  readonly ownerId: number
  readonly channel: OwnerChannel
  readonly queueBytes: number
  readonly listener: OwnerListener
  readonly time: Time
  readonly metrics: Instruments
  readonly log: Logger
}

export class OwnerLink {
  readonly ownerId: number
  readonly #options: OwnerLinkOptions
  readonly #caller: Caller<OwnerCalls>
  readonly #appends: AppendQueue
  #closing = false
  #gone = false
  #storageFull = false
  #segments: SegmentList | undefined
  #stats: Promise<OwnerStats> | undefined
  #answers = 0
  /** Times of the calls that are not answered yet, oldest first. */
  readonly #unanswered = new Set<{ readonly at: number }>()

  constructor(options: OwnerLinkOptions) {
    this.ownerId = options.ownerId
    this.#options = options
    this.#caller = createCaller<OwnerCalls>(options.channel)
    this.#appends = new AppendQueue({
      ...options,
      append: (group) => this.#ask('append', group, [group.arena]),
    })
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

  /** Bytes of batches that were offered and are not answered yet. */
  get queuedBytes(): number {
    return this.#appends.queuedBytes
  }

  /** How long the oldest unanswered call has been waiting; 0 if there is none. */
  get waitingMs(): number {
    const [oldest] = this.#unanswered
    return oldest === undefined ? 0 : this.#options.time.elapsed() - oldest.at
  }

  /** How many calls have been answered. `stats` does not count, because an owner answers it without the disk and out of turn. */
  get answers(): number {
    return this.#answers
  }

  /** The list of the owner's segments; undefined until the owner has sent it. */
  get segments(): SegmentList | undefined {
    return this.#segments
  }

  /** True if free space is below the floor: the owner then refuses every batch that is not a duplicate. */
  get storageFull(): boolean {
    return this.#storageFull
  }

  /** How long to wait before a batch that found the queue full is sent again. */
  get retryAfterMs(): number {
    return this.#appends.retryAfterMs
  }

  /** Queues a batch; returns false, and queues nothing, if there is no room. */
  offer(batch: QueuedBatch): boolean {
    return this.#appends.offer(batch)
  }

  async open(shards: readonly OwnedShard[]): Promise<readonly ShardExtent[]> {
    const { extents } = await this.#ask('open', { shards })
    return extents
  }

  async forget(slots: readonly number[]): Promise<void> {
    await this.#ask('forget', { slots })
  }

  /** Closes shards for appends, after all batches offered before, and returns their final extents. */
  async seal(slots: readonly number[]): Promise<readonly ShardExtent[]> {
    this.#appends.flush()
    const { extents } = await this.#ask('seal', { slots })
    return extents
  }

  /** Makes trim horizons durable, in calls that are small enough not to delay appends. */
  async trim(horizons: readonly ShardHorizon[]): Promise<void> {
    const { horizonsPerTrim } = hostLimits
    for (let i = 0; i < horizons.length; i += horizonsPerTrim) {
      await this.#ask('trim', { horizons: horizons.slice(i, i + horizonsPerTrim) })
    }
  }

  /** Returns which records of its sealed segments are still wanted. */
  wanted(): Promise<Wanted> {
    return this.#ask('wanted', null)
  }

  /** Seals the active segment; returns false if it was empty. */
  async roll(): Promise<boolean> {
    const { rolled } = await this.#ask('roll', null)
    return rolled
  }

  /** Replaces segments by a compacted one, or drops them. */
  async replaceSegments(request: OwnerCalls['replaceSegments']['request']): Promise<void> {
    await this.#ask('replaceSegments', request)
  }

  /** Returns the owner's counters. Calls made before the answer share it, so that calls to a hung owner do not pile up. */
  stats(): Promise<OwnerStats> {
    return (this.#stats ??= this.#ask('stats', null).finally(() => {
      this.#stats = undefined
    }))
  }

  /** Sends what is queued, then closes the owner unless it has ended already; fulfils when it has ended. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#appends.flush()
    this.#closing = true
    if (!this.#gone) await this.#ask('close', null)
    await this.#options.channel.join()
  }

  #ask<C extends keyof OwnerCalls>(
    call: C,
    request: OwnerCalls[C]['request'],
    transfer?: readonly ArrayBuffer[],
  ): Promise<OwnerCalls[C]['reply']> {
    const answer = this.#caller.call(call, request, transfer)
    const asked = { at: this.#options.time.elapsed() }
    this.#unanswered.add(asked)
    // This does not delay the returned promise, so that the caller handles the answer before the owner's next notice.
    const answered = (): void => {
      this.#unanswered.delete(asked)
      if (call !== 'stats') this.#answers++
    }
    answer.then(answered, answered)
    return answer
  }

  #onNotice(notice: OwnerNotice): void {
    const { log, listener } = this.#options
    const { ownerId } = this
    switch (notice.notice) {
      case 'segments':
        this.#segments = notice.list
        return listener.onSegments(notice.list)
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
