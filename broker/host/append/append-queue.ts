// The queue of appends to one owner. Host main thread.
// Batches reach the owner in the order in which they were offered. The batches of one turn of the event loop leave at its end,
// in one call if they fit. The queue is bounded in bytes. From the first batch that does not fit until the owner's next answer,
// all batches are refused, so that smaller ones after it in the same turn do not overtake it.
import type { Instruments } from '../../telemetry/instruments.ts'
import type { AppendOutcome } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { Time } from '../../time.ts'
import { packGroups, type PackedGroup, type QueuedBatch } from './append-group.ts'

/** Takes the owner's answers to appends. */
export interface AppendListener {
  onOutcome(group: PackedGroup, outcome: AppendOutcome): void
  /** Called when the call for this group failed; `error` says whether it may have had an effect. */
  onFailure(group: PackedGroup, error: unknown): void
  /** Called when an invariant is broken, so that this host cannot go on. */
  onBroken(error: Error): void
}

export interface AppendQueueOptions {
  readonly queueBytes: number
  /** Calls the owner; the group's arena is transferred. */
  readonly append: (group: PackedGroup['group']) => Promise<AppendOutcome>
  readonly listener: AppendListener
  readonly time: Time
  readonly metrics: Instruments
}

export class AppendQueue {
  readonly #options: AppendQueueOptions
  #queued: QueuedBatch[] = []
  #queuedBytes = 0
  #full = false
  /** Recent time in which the owner answered a group. */
  #answerMs = 0

  constructor(options: AppendQueueOptions) {
    this.#options = options
  }

  /** Bytes of batches that were offered and are not answered yet. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** How long to wait before a batch that found the queue full is sent again: about until the owner has answered the queue. */
  get retryAfterMs(): number {
    const { overloadedRetryMsMin, overloadedRetryMsMax } = hostLimits
    return Math.min(overloadedRetryMsMax, Math.max(overloadedRetryMsMin, Math.ceil(this.#answerMs)))
  }

  /** Queues a batch; returns false, and queues nothing, if there is no room. */
  offer(batch: QueuedBatch): boolean {
    const { queueBytes, time } = this.#options
    // An empty queue takes any batch. Otherwise a batch larger than the queue could never be appended.
    const fits = this.#queuedBytes === 0 || this.#queuedBytes + batch.bytes.length <= queueBytes
    if (this.#full || !fits) {
      this.#full = true
      return false
    }
    this.#queuedBytes += batch.bytes.length
    if (this.#queued.push(batch) === 1) time.atTurnEnd(() => this.flush())
    return true
  }

  /** Sends the batches of this turn so far, so that the next call to the owner comes after them. */
  flush(): void {
    const queued = this.#queued
    this.#queued = []
    const bounds = { groupBytes: hostLimits.appendGroupBytes, now: this.#options.time.now() }
    for (const group of packGroups(queued, bounds)) this.#send(group)
  }

  #send(packed: PackedGroup): void {
    const { append, time, metrics, listener } = this.#options
    const sentAt = time.elapsed()
    const answered = (): void => {
      this.#queuedBytes -= packed.bytes
      this.#full = false
      const ms = time.elapsed() - sentAt
      this.#answerMs += (ms - this.#answerMs) / 8
      metrics.millrace_append_group_seconds.observe(ms / 1000)
    }
    append(packed.group)
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
}
