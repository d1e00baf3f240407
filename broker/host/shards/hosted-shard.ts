// One shard served here: where it stands, what bounds it, who waits on it. Host main thread.
// Its extent is what everything durable says, as the owner reported it: `tail` only rises, and a record is shown to readers
// exactly when its number is below it. Once it is closed its tail is final.
import { hashKeyFromHex, type HashKeyWords } from '../../../protocol/shards/hash-key.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { ServedSettings } from '../../../protocol/stream-settings.ts'
import { STEP_MS_MAX } from '../../clock/doubting-clock.ts'
import type { HostedExtent, PlacedShard, ShardRef } from '../../host-contract.ts'
import type { ShardExtent } from '../../threads/owner-contract.ts'
import { readLimits, throttled, writeLimits, type Throttle } from '../limits/throttle.ts'
import { ShardLoad } from '../load/shard-load.ts'
import { ShardTail } from '../tail/shard-tail.ts'
import { liveBytesOf } from './live-bytes.ts'

/** Told when a shard that it waits on has more, or is no longer served. Called at most once a turn. */
export interface Waiter {
  /** How many shards it looks at when it is woken: what waking it costs. */
  readonly shardCount: number
  wake(): void
}

/** One shard served here. */
export class HostedShard {
  readonly streamId: number
  readonly streamName: string
  readonly shardIndex: number
  readonly ownerId: number
  readonly slot: number
  /** How messages name it. */
  readonly label: string
  readonly rangeStart: HashKeyWords
  readonly rangeEnd: HashKeyWords
  /** The shards that it was split or merged into, as far as this host was told: for messages only. */
  children: readonly number[]
  /** False once its stream is deleted, or it has expired. Whoever kept the shard over an await looks here first. */
  served = true
  /** What producers ask of it. */
  readonly load = new ShardLoad()
  /** Its batches in the tail cache. */
  readonly cached = new ShardTail()
  /** Fetches and subscriptions that have read up to the tail. */
  readonly waiters = new Set<Waiter>()
  #settings: ServedSettings
  /** Its records are kept for so long at least, until its settings say so. */
  #heldRetentionMs = 0
  #writeThrottle: Throttle | undefined
  #readThrottle: Throttle | undefined
  #trimHorizon: number
  #tail: number
  #lastArrivalTime: number
  /** Nothing readable arrived earlier; 0 where nobody has looked yet. */
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

  /** Of its stream, as the controller said last. */
  get settings(): ServedSettings {
    return this.#settings
  }

  /** For how long its records are readable. */
  get retentionMs(): number {
    return Math.max(this.#settings.retentionMs, this.#heldRetentionMs)
  }

  /** Of appends and of fetches; undefined where they are not limited. */
  get writeThrottle(): Throttle | undefined {
    return this.#writeThrottle
  }
  get readThrottle(): Throttle | undefined {
    return this.#readThrottle
  }

  /** The stream's settings are others now, at this moment of the monotonic clock. */
  applySettings(settings: ServedSettings, now: number): void {
    this.#settings = settings
    if (settings.retentionMs >= this.#heldRetentionMs) this.#heldRetentionMs = 0
    this.#writeThrottle = throttled(this.#writeThrottle, writeLimits, settings.shardLimits, now)
    this.#readThrottle = throttled(this.#readThrottle, readLimits, settings.shardLimits, now)
  }

  /** Its records are kept for so long at least, until its settings say so, or until it is held to nothing: 0. */
  holdRetention(retentionMs: number): void {
    this.#heldRetentionMs = retentionMs
  }

  /** Oldest readable number. */
  get trimHorizon(): number {
    return this.#trimHorizon
  }

  /** Next number to assign: everything below it is flushed. */
  get tail(): number {
    return this.#tail
  }

  /** Arrival time of the newest batch, 0 when there never was one. */
  get lastArrivalTime(): number {
    return this.#lastArrivalTime
  }

  /** Everything in it has arrived by then, although stamps lie ahead of that; Infinity where its stamps are to be believed. */
  get arrivedBy(): number {
    return this.#arrivedBy
  }

  /** It was closed then, as the controller says; null of an open one. */
  closedAt(closedAt: number | null): void {
    const isAhead = closedAt !== null && this.#lastArrivalTime > closedAt + STEP_MS_MAX
    this.#arrivedBy = isAhead ? closedAt : Infinity
  }

  /** How far its stamps lie ahead of a time. */
  aheadOf(now: number): number {
    return Math.min(this.#lastArrivalTime, this.#arrivedBy) - now
  }

  /** No readable record arrived before this. */
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

  /** Bytes of its readable batches, in sealed segments as far as they were surveyed. */
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

  /** It takes nothing more, and its tail is final. */
  get closed(): boolean {
    return this.#closed
  }

  /** How messages say that it is closed, and where to go on. */
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

  /** A batch was flushed at the tail. */
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
   * What lies below `number` is readable no more; one that is lower than what holds changes nothing. `oldestArrivalMin`,
   * where it is known, is a time before which nothing from `number` on arrived.
   */
  raiseHorizon(number: number, oldestArrivalMin = 0): void {
    invariant(number <= this.#tail, `${this.label}: horizon ${number} is above its tail, ${this.#tail}`)
    this.#trimHorizon = Math.max(this.#trimHorizon, number)
    this.#oldestArrivalMin = Math.max(this.#oldestArrivalMin, oldestArrivalMin)
  }

  /** The active segment was sealed, and the next one is empty. */
  rolled(): void {
    this.#sealedBytes += this.activeLiveBytes
    this.#activeBytes = 0
    this.#activeFirst = this.#tail
  }

  /** What surveys of the sealed segments say of its readable batches. */
  surveyed(sealedBytes: number): void {
    this.#sealedBytes = sealedBytes
  }

  /** It was sealed: `extent` is the last there will be. */
  close(extent: ShardExtent): void {
    invariant(extent.closed, `${this.label}: its owner says that it was not sealed`)
    this.reopened(extent)
    this.load.sample = undefined // nobody will ask again
  }

  /** Storage was opened again: this is what holds now. Nothing that a reader may have seen can be gone. */
  reopened(extent: ShardExtent): void {
    invariant(
      extent.tail >= this.#tail,
      `${this.label}: storage came back with tail ${extent.tail}, but records below ${this.#tail} were acknowledged`,
    )
    // Records of unknown outcome may lie between the tail that was known and the one that holds.
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

/** How messages name a shard that is not served here. */
export function describeShard({ streamId, shardIndex }: ShardRef): string {
  return `${shardIdOf(shardIndex)} of stream number ${streamId}`
}
