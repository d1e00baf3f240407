// How far what a loop has been handed is behind what its shards hold. Runs in the client, pure.
// Ages are by the broker's clock, as its answers tell it, and go on between them by the monotonic one: the clock of the
// client's machine has no say. What has arrived and waits for the loop counts as not handed out.
import type { ShardCursor } from './shard-cursor.ts'

/** What an answer of a host, or an event, says of the shard. */
export interface Heard {
  readonly tail: number
  /** The host's clock; undefined where it does not tell. */
  readonly time: number | undefined
  /** As the host says it: age of what it sent last, or of the newest record. */
  readonly millisBehindLatest?: number
  /** When it was heard, on the monotonic clock. */
  readonly at: number
}

/** For so long the answer that took the least time to come decides. Later the host's clock may have been set. */
const FASTEST_KEPT_MS = 60_000

/** A host's clock, as far as answers tell it: those that come late make it seem slow, so the fastest one counts. */
class HostClock {
  #ahead: number | undefined
  #at = 0

  hear(time: number, at: number): void {
    const ahead = time - at
    if (this.#ahead !== undefined && ahead < this.#ahead && at - this.#at < FASTEST_KEPT_MS) return
    this.#ahead = ahead
    this.#at = at
  }

  time(at: number): number | undefined {
    return this.#ahead === undefined ? undefined : at + this.#ahead
  }
}

/** One shard's part. */
export class ShardLag {
  readonly #clock = new HostClock()
  /** Arrival of the record handed out last; before there is one, of the oldest that is known to wait. */
  #since: number | undefined
  #hasHandedOut = false
  /** Records of the batch that the loop uses which are not handed out yet. */
  #held = 0
  #heardAt: number | undefined
  #lostAt: number | undefined

  heard({ time, millisBehindLatest = 0, at }: Heard): void {
    this.#heardAt = at
    if (time === undefined) return
    this.#clock.hear(time, at)
    if (millisBehindLatest > 0) this.waits(time - millisBehindLatest)
  }

  /** A record that arrived then waits to be handed out. */
  waits(arrivalTime: number): void {
    if (!this.#hasHandedOut) this.#since = Math.min(this.#since ?? Infinity, arrivalTime)
  }

  /** A record that arrived then is handed out, and so many of its batch are still held. */
  handOut(arrivalTime: number, held: number): void {
    this.#hasHandedOut = true
    this.#since = arrivalTime
    this.#held = held
  }

  /** The shard cannot be reached for now. */
  lose(at: number): void {
    this.#lostAt ??= this.#heardAt ?? at
  }

  find(): void {
    this.#lostAt = undefined
  }

  /**
   * Milliseconds at this moment of the monotonic clock; `rest` is what the shard is known to hold beyond what has arrived,
   * 'unknown' before anything was heard. Of a shard that cannot be reached something newer may be there from the moment on in
   * which it was heard last.
   */
  millis(at: number, rest: 'none' | 'some' | 'unknown', bufferedBytes: number): number | undefined {
    const isWaiting = this.#held > 0 || bufferedBytes > 0 || rest === 'some'
    if (!isWaiting && this.#lostAt !== undefined) return Math.round(at - this.#lostAt)
    if (!isWaiting) return rest === 'none' ? 0 : undefined
    const time = this.#clock.time(at)
    if (time === undefined || this.#since === undefined) return undefined
    return Math.max(0, Math.round(time - this.#since))
  }
}

/** All shards of a reading together. */
export class ReadingLag {
  /** Shards that have given all of theirs, of which some waits for the loop. */
  readonly #leaving = new Set<ShardCursor>()
  /** The shard of the batch that the loop took last. */
  #current: ShardCursor | undefined
  #seekingSince: number | undefined

  taken(cursor: ShardCursor): void {
    this.#current = cursor
    if (cursor.bufferedBytes === 0) this.#leaving.delete(cursor)
  }

  /** The shard has nothing more to give. */
  left(cursor: ShardCursor): void {
    if (cursor.bufferedBytes > 0) this.#leaving.add(cursor)
  }

  /** A shard has ended whose children are not known yet: they may hold something from then on. Undefined: they are. */
  seeksSince(at: number | undefined): void {
    this.#seekingSince = at
  }

  /** Of the shard that is furthest behind; undefined where nothing is known of any. */
  millis(active: Iterable<ShardCursor>, at: number): number | undefined {
    let most = this.#seekingSince === undefined ? undefined : Math.round(at - this.#seekingSince)
    const current = this.#current === undefined ? [] : [this.#current]
    for (const cursors of [active, this.#leaving, current]) {
      for (const cursor of cursors) {
        const millis = cursor.millisBehindLatest(at)
        if (millis !== undefined && (most === undefined || millis > most)) most = millis
      }
    }
    return most
  }
}
