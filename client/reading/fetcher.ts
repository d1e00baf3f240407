// Pull: fetch requests, each for all of a reading's shards on one host, the next one under way while the loop uses the
// last. Runs in the client. Stops asking while more than the buffer is waiting for the loop. A shard whose limits are used
// up rests as long as its host says; the others go on meanwhile. Shards that are begun later, once they are answered,
// take those of their host into their own requests: however often shards split, a host has one request to wait for.
import { errorCodeOf } from '../../protocol/error-codes.ts'
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { FetchedShard, ResponseOf } from '../../protocol/operations.ts'
import { endpointKey, type Endpoint } from '../connecting/address.ts'
import { asMillraceError } from '../errors.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import { readingLimits } from './options.ts'
import type { Intake, IntakeEvents } from './intake.ts'
import type { ShardCursor } from './shard-cursor.ts'
import { damageError } from './unreadable.ts'
import { deferred, sleep, unlessAborted, type Deferred } from '../waiting.ts'

export interface FetcherOptions {
  readonly pool: ConnectionPool
  readonly maxWaitMs: number
  readonly bufferBytesMax: number
  readonly onTrimmed: 'fail' | 'horizon'
  readonly monotonic: () => number
}

/** Shards of one host that are asked for together. */
interface Round {
  readonly endpoint: Endpoint
  readonly streamId: number
  cursors: ShardCursor[]
  /** Its shards went over to another round: whatever it is still answered is not used, since they ask again. */
  isTakenOver: boolean
}

export class Fetcher implements Intake {
  readonly #options: FetcherOptions
  readonly #events: IntakeEvents
  readonly #rounds = new Set<Round>()
  #room: Deferred<void> | undefined

  constructor(options: FetcherOptions, events: IntakeEvents) {
    this.#options = options
    this.#events = events
  }

  begin(cursors: readonly ShardCursor[], place: { endpoint: Endpoint; streamId: number }): void {
    for (let i = 0; i < cursors.length; i += limits.fetchShardsMax) {
      const some = cursors.slice(i, i + limits.fetchShardsMax)
      void this.#fetchAll({ ...place, cursors: some, isTakenOver: false })
    }
  }

  #takeOver(round: Round): void {
    const host = endpointKey(round.endpoint)
    for (const other of this.#rounds) {
      if (other === round) continue
      const count = round.cursors.length + other.cursors.length
      if (endpointKey(other.endpoint) !== host || count > limits.fetchShardsMax) continue
      round.cursors.push(...other.cursors)
      other.isTakenOver = true
      this.#rounds.delete(other)
    }
  }

  taken(): void {
    if (this.#events.inbox.bytes < this.#options.bufferBytesMax) this.#makeRoom()
  }

  close(): void {
    this.#makeRoom()
  }

  #makeRoom(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  /** Reads these shards of one host until each is done, ended, lost, or taken over. */
  async #fetchAll(round: Round): Promise<void> {
    const { closing, inbox } = this.#events
    const isOver = () => closing.aborted || round.isTakenOver
    let isAnswered = false
    this.#rounds.add(round)
    try {
      while (round.cursors.length > 0) {
        while (inbox.bytes >= this.#options.bufferBytesMax && !isOver()) {
          await (this.#room ??= deferred()).promise
        }
        if (isOver()) return
        const { due, resting, untilNextMs } = this.#dueOf(round.cursors)
        if (due.length > 0) {
          const response = await this.#fetch(due, round, Math.min(this.#options.maxWaitMs, untilNextMs))
          if (isOver()) return
          round.cursors = [...resting, ...this.#sort(due, response)]
          // Not before: shards that cannot be read yet, and come again and again, must not disturb the others.
          if (!isAnswered && round.cursors.length > 0) this.#takeOver(round)
          isAnswered = true
        } else {
          await sleep(untilNextMs, closing)
        }
      }
    } catch (error) {
      if (!isOver()) this.#events.lost(round.cursors, asMillraceError(error))
    } finally {
      this.#rounds.delete(round)
    }
  }

  /** The shards that may be asked for now, those that rest, and how long the first of these still does. */
  #dueOf(cursors: readonly ShardCursor[]): {
    due: ShardCursor[]
    resting: ShardCursor[]
    untilNextMs: number
  } {
    const now = this.#options.monotonic()
    const resting = cursors.filter(({ restsUntil }) => restsUntil > now)
    const untilNextMs = Math.ceil(Math.min(...resting.map(({ restsUntil }) => restsUntil - now)))
    return { due: cursors.filter(({ restsUntil }) => restsUntil <= now), resting, untilNextMs }
  }

  async #fetch(
    cursors: readonly ShardCursor[],
    { endpoint, streamId }: Round,
    waitMs: number,
  ): Promise<ResponseOf<'fetch'>> {
    const { pool, bufferBytesMax } = this.#options
    const { closing } = this.#events
    const connection = await pool.connect(endpoint, closing)
    const bytesMax = Math.min(readingLimits.fetchBytes, bufferBytesMax)
    const share = Math.ceil((2 * bytesMax) / cursors.length)
    const ofShard = Math.min(bytesMax, Math.max(readingLimits.fetchShardBytesMin, share))
    const request = {
      shards: cursors.map(({ shardIndex, next }) => ({
        streamId,
        shardIndex,
        sequenceNumber: next,
        bytesMax: ofShard,
      })),
      bytesMax,
      waitMs,
    }
    return unlessAborted(connection.request('fetch', request, waitMs), closing)
  }

  /** Passes on what came; answers the shards to go on with, those that got the least first. */
  #sort(cursors: readonly ShardCursor[], { shards: answers, time }: ResponseOf<'fetch'>): ShardCursor[] {
    const at = this.#options.monotonic()
    const served: ShardCursor[] = []
    const starved: ShardCursor[] = []
    for (const [i, cursor] of cursors.entries()) {
      const answer = answers[i]
      if (answer === undefined) {
        this.#events.lost(
          [cursor],
          new MillraceError('internal', 'The host answered fewer shards than asked.'),
        )
      } else if (answer.code !== 0) {
        if (this.#goesOnAfter(cursor, answer, { time, at })) starved.push(cursor)
      } else {
        cursor.heard({ ...answer, time, at })
        const goesOn = this.#events.arrived(cursor, answer.batches, answer.nextSequenceNumber)
        if (goesOn && answer.ended) this.#events.ended(cursor)
        else if (goesOn) (answer.batches.length > 0 ? served : starved).push(cursor)
      }
    }
    // The answer is bounded as a whole: who came last this time must not come last every time.
    return [...starved, ...served]
  }

  #goesOnAfter(
    cursor: ShardCursor,
    answer: FetchedShard,
    moment: { time: number | undefined; at: number },
  ): boolean {
    const code = errorCodeOf(answer.code)
    if (code === 'trimmed' || code === 'provisionedThroughputExceeded') cursor.heard({ ...answer, ...moment })
    if (code === 'trimmed' && this.#options.onTrimmed === 'horizon' && answer.trimHorizon > cursor.next) {
      return this.#events.arrived(cursor, [], answer.trimHorizon)
    }
    if (code === 'provisionedThroughputExceeded') {
      cursor.restsUntil = this.#options.monotonic() + (answer.retryAfterMs ?? readingLimits.restMs)
      return this.#events.arrived(cursor, [], cursor.next)
    }
    if (answer.damage !== undefined) {
      return this.#events.unreadable(cursor, damageError(cursor.shardId, answer.damage))
    }
    const message = `${cursor.shardId} cannot be read at ${cursor.next}: ${code}.`
    this.#events.lost([cursor], new MillraceError(code, message))
    return false
  }
}
