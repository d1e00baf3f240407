// One shard that this host serves: its extent, its limits, and the fetches and subscriptions that wait on it. Host main thread.
// The extent covers all durable records, as the owner reported them. `tail` only rises, and readers see exactly the records
// below it. The tail of a closed shard is final.
import { hashKeyFromHex, type HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { ServedSettings } from '../../../protocol/stream-settings.ts'
import { STEP_MS_MAX } from '../../clock/doubting-clock.ts'
import type { HostedExtent, PlacedShard, ShardRef } from '../../host-contract.ts'
import type { ShardExtent } from '../../threads/owner-contract.ts'
import { readLimits, throttled, writeLimits, type Throttle } from '../limits/throttle.ts'
import { ShardLoadMeter } from '../load/shard-load-meter.ts'
import { ShardTail } from '../tail/shard-tail.ts'
import { liveBytesOf } from './live-bytes.ts'

/** A fetch or subscription that waits on shards. It is woken when one has more records or is no longer served, once a turn. */
export interface Waiter {
  /** How many shards it looks at when it is woken: the cost of waking it. */
  readonly shardCount: number
  wake(): void
}

/** One shard that this host serves. */
export class HostedShard {
  readonly streamId: number
  readonly streamName: string
  readonly shardIndex: number
  readonly ownerId: number
  readonly slot: number
  /** Name of the shard in messages. */
  readonly label: string
  readonly rangeStart: HashKeyWords
  readonly rangeEnd: HashKeyWords
  /** The shards that it was split or merged into, if the controller has sent them: for messages only. */
  children: readonly number[]
  /** False once its stream is deleted or the shard has expired. Code that kept the shard over an `await` must check it. */
  served = true
  /** The load that producers put on it. */
  readonly load = new ShardLoadMeter()
  /** Its batches in the tail cache. */
  readonly cached = new ShardTail()
  /** Fetches and subscriptions that have read up to the tail. */
  readonly waiters = new Set<Waiter>()
  #settings: ServedSettings
  /** Shortest time for which its records are kept, even if its settings give less. */
  #heldRetentionMs = 0
  #writeThrottle: Throttle | undefined
  #readThrottle: Throttle | undefined
  #trimHorizon: number
  #tail: number
  #lastArrivalTime: number
  /** No readable record arrived earlier than this; 0 if that is not known. */
  #oldestArrivalMin = 0
  #activeBytes: number
  #activeFirst: number
  #sealedBytes = 0
  #closed: boolean
  #arrivedBy = Infinity

  constructor(placed: PlacedShard, extent: ShardExtent) {
    this.streamId = placed.streamId
    this.streamName = placed.streamName
    this.shardIndex = placed.shardIndex
    this.ownerId = placed.ownerId
    this.slot = placed.slot
    this.label = `${shardIdOf(placed.shardIndex)} of stream ${placed.streamName}`
    this.rangeStart = hashKeyFromHex(placed.startingHashKey)
    this.rangeEnd = hashKeyFromHex(placed.endingHashKey)
    this.#settings = placed.settings
    this.applySettings(placed.settings, 0)
    this.children = placed.children
    this.#trimHorizon = extent.trimHorizon
    this.#tail = extent.tail
    this.#lastArrivalTime = extent.lastArrivalTime
    this.#activeBytes = extent.bytes
    this.#activeFirst = extent.activeFirst
    this.#closed = extent.closed
    this.closedAt(placed.closedAt)
  }

  /** Settings of its stream, as the controller last sent them. */
  get settings(): ServedSettings {
    return this.#settings
  }

  /** How long its records are readable. */
  get retentionMs(): number {
    return Math.max(this.#settings.retentionMs, this.#heldRetentionMs)
  }

  /** Limits of appends; undefined if they are not limited. */
  get writeThrottle(): Throttle | undefined {
    return this.#writeThrottle
  }
  get readThrottle(): Throttle | undefined {
    return this.#readThrottle
  }

  /** Called when the stream's settings change; `now` is on the monotonic clock. */
  applySettings(settings: ServedSettings, now: number): void {
    this.#settings = settings
    if (settings.retentionMs >= this.#heldRetentionMs) this.#heldRetentionMs = 0
    this.#writeThrottle = throttled(this.#writeThrottle, writeLimits, settings.shardLimits, now)
    this.#readThrottle = throttled(this.#readThrottle, readLimits, settings.shardLimits, now)
  }

  /** Keeps its records for at least this long, until its settings give as much, or until a call with 0. */
  holdRetention(retentionMs: number): void {
    this.#heldRetentionMs = retentionMs
  }

  /** Oldest readable sequence number. */
  get trimHorizon(): number {
    return this.#trimHorizon
  }

  /** Next sequence number to assign; all records below it are flushed. */
  get tail(): number {
    return this.#tail
  }

  /** Arrival time of the newest batch; 0 if there never was one. */
  get lastArrivalTime(): number {
    return this.#lastArrivalTime
  }

  /** All its records had arrived by this time, even if their stamps are ahead of it; Infinity if the stamps can be trusted. */
  get arrivedBy(): number {
    return this.#arrivedBy
  }

  /** Called with the time at which it was closed, as the controller gives it; null for an open shard. */
  closedAt(closedAt: number | null): void {
    const isAhead = closedAt !== null && this.#lastArrivalTime > closedAt + STEP_MS_MAX
    this.#arrivedBy = isAhead ? closedAt : Infinity
  }

  /** Returns how far its stamps are ahead of a time, in milliseconds. */
  aheadOf(now: number): number {
    return Math.min(this.#lastArrivalTime, this.#arrivedBy) - now
  }

  /** No readable record arrived before this time. */
  get oldestArrivalMin(): number {
    return this.#oldestArrivalMin
  }

  /** Bytes of its batches in the active segment. */
  get activeBytes(): number {
    return this.#activeBytes
  }

  /** Bytes of its readable batches in the active segment. */
  get activeLiveBytes(): number {
    return liveBytesOf(
      { first: this.#activeFirst, next: this.#tail, bytes: this.#activeBytes },
      this.#trimHorizon,
    )
  }

  /** Bytes of its readable batches: those in the active segment, and those in surveyed sealed segments. */
  get bytes(): number {
    return this.activeLiveBytes + this.#sealedBytes
  }

  /** Bytes of its readable batches from a number on, about. */
  bytesFrom(number: number): number {
    const from = Math.max(number, this.#trimHorizon)
    const active = { first: this.#activeFirst, next: this.#tail, bytes: this.#activeBytes }
    const sealed = {
      first: this.#trimHorizon,
      next: this.#activeBytes === 0 ? this.#tail : this.#activeFirst,
      bytes: this.#sealedBytes,
    }
    return liveBytesOf(active, from) + liveBytesOf(sealed, from)
  }

  /** True if it takes no more records, so that its tail is final. */
  get closed(): boolean {
    return this.#closed
  }

  /** Text for messages: that it is closed, and in which shards to go on. */
  get closedText(): string {
    const children = this.children.map(shardIdOf).join(', ')
    return `${this.label} was split or merged; go on with ${children || 'its children'}.`
  }

  get extent(): HostedExtent {
    return {
      streamId: this.streamId,
      shardIndex: this.shardIndex,
      trimHorizon: this.#trimHorizon,
      tail: this.#tail,
      lastArrivalTime: this.#lastArrivalTime,
      bytes: this.bytes,
      closed: this.#closed,
    }
  }

  /** Called when a batch was flushed at the tail. */
  advance(batch: { base: number; recordCount: number; length: number; arrivalTime: number }): void {
    invariant(!this.#closed, `${this.label}: a batch was stored after it was sealed`)
    invariant(
      batch.base >= this.#tail,
      `${this.label}: number ${batch.base} was assigned again, the tail is ${this.#tail}`,
    )
    invariant(batch.arrivalTime >= this.#lastArrivalTime, `${this.label}: arrival time went backwards`)
    if (this.#trimHorizon === this.#tail) {
      this.#oldestArrivalMin = batch.base === this.#tail ? batch.arrivalTime : 0
    }
    if (this.#activeBytes === 0) this.#activeFirst = batch.base
    this.#tail = batch.base + batch.recordCount
    this.#lastArrivalTime = batch.arrivalTime
    this.#activeBytes += batch.length
  }

  /**
   * Makes records below `number` unreadable; a number below the present horizon changes nothing. No record from `number` on
   * arrived before `oldestArrivalMin`, if it is given.
   */
  raiseHorizon(number: number, oldestArrivalMin = 0): void {
    invariant(number <= this.#tail, `${this.label}: horizon ${number} is above its tail, ${this.#tail}`)
    this.#trimHorizon = Math.max(this.#trimHorizon, number)
    this.#oldestArrivalMin = Math.max(this.#oldestArrivalMin, oldestArrivalMin)
  }

  /** Called when the active segment was sealed and the next one is empty. */
  rolled(): void {
    this.#sealedBytes += this.activeLiveBytes
    this.#activeBytes = 0
    this.#activeFirst = this.#tail
  }

  /** Sets the bytes of its readable batches in sealed segments, by their surveys. */
  surveyed(sealedBytes: number): void {
    this.#sealedBytes = sealedBytes
  }

  /** Called when the shard was sealed; `extent` is final. */
  close(extent: ShardExtent): void {
    invariant(extent.closed, `${this.label}: its owner says that it was not sealed`)
    this.reopened(extent)
    this.load.sample = undefined // it is not needed any more
  }

  /** Called when storage was opened again, with the extent that holds now. No record that a reader may have seen may be gone. */
  reopened(extent: ShardExtent): void {
    invariant(
      extent.tail >= this.#tail,
      `${this.label}: storage came back with tail ${extent.tail}, but records below ${this.#tail} were acknowledged`,
    )
    // Records of unknown outcome may be between the old tail and the new one.
    if (this.#trimHorizon === this.#tail) this.#oldestArrivalMin = 0
    this.#trimHorizon = Math.max(this.#trimHorizon, extent.trimHorizon)
    this.#tail = extent.tail
    this.#lastArrivalTime = Math.max(this.#lastArrivalTime, extent.lastArrivalTime)
    this.#activeBytes = extent.bytes
    this.#activeFirst = extent.activeFirst
    invariant(
      extent.closed || !this.#closed,
      `${this.label}: it was sealed, and storage came back with it open`,
    )
    this.#closed = extent.closed
  }
}

/** Returns the name in messages of a shard that is not served here. */
export function describeShard({ streamId, shardIndex }: ShardRef): string {
  return `${shardIdOf(shardIndex)} of stream number ${streamId}`
}
