// Measures how far the records that a loop got are behind the tails of its shards. Runs in the client, pure.
// Ages are by the broker's clock, which its answers give, and by the monotonic clock between answers; the wall clock of the
// client does not count. Records that have arrived and wait for the loop count as not handed out.
import type { ShardCursor } from './shard-cursor.ts'

/** What an answer of a host, or an event, reports about the shard. */
export interface Heard {
  readonly tail: number
  /** The host's time; undefined if the host does not send it. */
  readonly time: number | undefined
  /** From the host: the age of the last record that it sent, or of the newest record. */
  readonly millisBehindLatest?: number
  /** When it was received, on the monotonic clock. */
  readonly at: number
}

/** How long the fastest answer decides about the host's clock. Later the clock may have been set. */
const FASTEST_KEPT_MS = 60_000

/** A host's clock, estimated from its answers. A late answer makes the clock seem slow, so the fastest answer counts. */
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

/** The lag of one shard. */
export class ShardLag {
  readonly #clock = new HostClock()
  /** Arrival time of the last record handed out; before the first, that of the oldest record known to wait. */
  #since: number | undefined
  #hasHandedOut = false
  /** Records of the loop's present batch that are not handed out yet. */
  #held = 0
  #heardAt: number | undefined
  #lostAt: number | undefined

  heard({ time, millisBehindLatest = 0, at }: Heard): void {
    this.#heardAt = at
    if (time === undefined) return
    this.#clock.hear(time, at)
    if (millisBehindLatest > 0) this.waits(time - millisBehindLatest)
  }

  /** Called when a record that arrived at this time waits to be handed out. */
  waits(arrivalTime: number): void {
    if (!this.#hasHandedOut) this.#since = Math.min(this.#since ?? Infinity, arrivalTime)
  }

  /** Called when a record is handed out; `held` records of its batch are still waiting. */
  handOut(arrivalTime: number, held: number): void {
    this.#hasHandedOut = true
    this.#since = arrivalTime
    this.#held = held
  }

  /** Called when the shard cannot be reached for now. */
  lose(at: number): void {
    this.#lostAt ??= this.#heardAt ?? at
  }

  find(): void {
    this.#lostAt = undefined
  }

  /**
   * Returns the lag in milliseconds at this time of the monotonic clock. `rest` says whether the shard has records that have not
   * arrived; 'unknown' before the first answer. A shard that cannot be reached may have newer records from the time of its last
   * answer on.
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

/** The lag of all shards of a reading together. */
export class ReadingLag {
  /** Shards whose records have all arrived, some of which wait for the loop. */
  readonly #leaving = new Set<ShardCursor>()
  /** The shard of the last batch that the loop took. */
  #current: ShardCursor | undefined
  #seekingSince: number | undefined

  taken(cursor: ShardCursor): void {
    this.#current = cursor
    if (cursor.bufferedBytes === 0) this.#leaving.delete(cursor)
  }

  /** Called when all records of the shard have arrived. */
  left(cursor: ShardCursor): void {
    if (cursor.bufferedBytes > 0) this.#leaving.add(cursor)
  }

  /** Called with the time since which children of an ended shard are unknown and may have records; undefined once known. */
  seeksSince(at: number | undefined): void {
    this.#seekingSince = at
  }

  /** Returns the lag of the shard that is furthest behind; undefined if none is known. */
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
