// One owner as the host sees it: the queue of appends to it, its calls, its notices. Host main thread.
// The owner takes what it is sent in that order; a call whose effect depends on appends sends those of this turn first.
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

/** A running owner: the channel to its thread, or to the same code in this thread. Its end is the owner's end. */
export interface OwnerChannel extends Channel {
  /** Fulfils when nothing of it is left, after a `close` call was answered. */
  join(): Promise<void>
}

/** Where an owner's answers and notices go. `onBroken` also tells that the owner is gone without having been asked. */
export interface OwnerListener extends AppendListener {
  onReopened(extents: readonly ShardExtent[], reason: string): void
  /** Its segments are others now; the link has them already. */
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
  /** When each call was made that is not answered; oldest first. */
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

  /** Bytes of batches that were offered and are not answered. */
  get queuedBytes(): number {
    return this.#appends.queuedBytes
  }

  /** How long the oldest call has been waiting for its answer; 0 where none is. */
  get waitingMs(): number {
    const [oldest] = this.#unanswered
    return oldest === undefined ? 0 : this.#options.time.elapsed() - oldest.at
  }

  /** How many calls have been answered; without `stats`, which needs neither the disk nor its turn. */
  get answers(): number {
    return this.#answers
  }

  /** Where the owner's records lie; undefined until it has said so. */
  get segments(): SegmentList | undefined {
    return this.#segments
  }

  /** Free space is below the floor: the owner refuses what it has not stored before. */
  get storageFull(): boolean {
    return this.#storageFull
  }

  /** When a batch that found the queue full should come again. */
  get retryAfterMs(): number {
    return this.#appends.retryAfterMs
  }

  /** Takes a batch into the queue; false where there is no room, and then nothing was taken. */
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

  /** Closes shards for appends, behind everything that was offered before; their extents are final. */
  async seal(slots: readonly number[]): Promise<readonly ShardExtent[]> {
    this.#appends.flush()
    const { extents } = await this.#ask('seal', { slots })
    return extents
  }

  /** Raises trim horizons, durably; no call is so large that appends wait for it. */
  async trim(horizons: readonly ShardHorizon[]): Promise<void> {
    const { horizonsPerTrim } = hostLimits
    for (let i = 0; i < horizons.length; i += horizonsPerTrim) {
      await this.#ask('trim', { horizons: horizons.slice(i, i + horizonsPerTrim) })
    }
  }

  /** What of its sealed segments is still wanted. */
  wanted(): Promise<Wanted> {
    return this.#ask('wanted', null)
  }

  /** Seals the active segment; false where there was nothing in it. */
  async roll(): Promise<boolean> {
    const { rolled } = await this.#ask('roll', null)
    return rolled
  }

  /** Puts a compacted segment in the place of others, or drops them. */
  async replaceSegments(request: OwnerCalls['replaceSegments']['request']): Promise<void> {
    await this.#ask('replaceSegments', request)
  }

  /** Whoever asks before an answer gets that answer: questions to an owner that hangs do not pile up. */
  stats(): Promise<OwnerStats> {
    return (this.#stats ??= this.#ask('stats', null).finally(() => {
      this.#stats = undefined
    }))
  }

  /** Sends what is queued, then closes the owner, unless it has gone; fulfils when nothing of it is left. */
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
    // Beside the answer, not in front of it: what follows from it must come before the owner's next notice.
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
