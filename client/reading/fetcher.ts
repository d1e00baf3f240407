// Pull: each fetch request asks for all of a reading's shards on one host, and is under way while the loop uses the answer
// before it. Runs in the client. No request is sent while the buffer is full. A shard whose limits are used up rests as long
// as its host says; the others go on. A round that has caught up takes the shards of its host's other rounds into its own
// request, so that a host has one request to wait for, even after many splits.
import { errorCodeOf } from '../../protocol/error-codes.ts'
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { FetchedShard, ResponseOf } from '../../protocol/operations.ts'
import { countOf } from '../../protocol/text/count-text.ts'
import { endpointKey, type Endpoint } from '../connecting/address.ts'
import { asMillraceError, invalidAnswer } from '../errors.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import { readingLimits } from './options.ts'
import type { Intake, IntakeEvents } from './intake.ts'
import type { ShardCursor } from './shard-cursor.ts'
import { damageError } from './unreadable.ts'
import { backoffMs, believedMs } from '../retry.ts'
import type { Settings } from '../settings.ts'
import { deferred, sleep, unlessAborted, type Deferred } from '../waiting.ts'

export interface FetcherOptions {
  readonly pool: ConnectionPool
  readonly maxWaitMs: number
  readonly bufferBytesMax: number
  /** Most bytes of one shard in one request. */
  readonly shardBytesMax?: () => number
  readonly onTrimmed: 'fail' | 'horizon'
  readonly settings: Pick<Settings, 'monotonic' | 'random' | 'retry'>
}

/** Shards of one host that share requests. */
interface Round {
  readonly endpoint: Endpoint
  cursors: ShardCursor[]
  /** True once another round has taken the shards. It asks for them again, so answers to this round are dropped. */
  isTakenOver: boolean
  /** Answers in a row that came early and brought no news, or held none of the records that they reported. */
  emptyAnswers: number
}

/** The outcome of one answer. */
interface Sorted {
  /** The shards to go on with. */
  readonly cursors: ShardCursor[]
  /** True if the answer brought progress, a refusal, or the end of a shard. */
  readonly isNews: boolean
  /** Shards that have more records according to the answer, and whose limits are not used up. */
  readonly withheld: readonly ShardCursor[]
}

export class Fetcher implements Intake {
  readonly #options: FetcherOptions
  readonly #events: IntakeEvents
  readonly #rounds = new Set<Round>()
  /** The stream of each shard. One request may hold shards of several streams. */
  readonly #streamIds = new WeakMap<ShardCursor, number>()
  #room: Deferred<void> | undefined

  constructor(options: FetcherOptions, events: IntakeEvents) {
    this.#options = options
    this.#events = events
  }

  begin(
    cursors: readonly ShardCursor[],
    { endpoint, streamId }: { endpoint: Endpoint; streamId: number },
  ): void {
    for (const cursor of cursors) this.#streamIds.set(cursor, streamId)
    for (let i = 0; i < cursors.length; i += limits.fetchShardsMax) {
      const some = cursors.slice(i, i + limits.fetchShardsMax)
      void this.#fetchAll({ endpoint, cursors: some, isTakenOver: false, emptyAnswers: 0 })
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

  /** Does nothing: `arrived` returns false for the shard, and the next request leaves it out. */
  stop(): void {}

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
    let isMerged = false
    this.#rounds.add(round)
    try {
      while (round.cursors.length > 0) {
        while (inbox.bytes >= this.#options.bufferBytesMax && !isOver()) {
          await (this.#room ??= deferred()).promise
        }
        if (isOver()) return
        const { due, resting, untilNextMs } = this.#dueOf(round.cursors)
        if (due.length > 0) {
          const waitMs = Math.min(this.#options.maxWaitMs, untilNextMs)
          const early = this.#options.settings.monotonic() + waitMs / 2
          const response = await this.#fetch(due, round, waitMs)
          if (isOver()) return
          const sorted = this.#sort(due, response)
          round.cursors = [...resting, ...sorted.cursors]
          // Only a caught-up round takes over. Shards that cannot be read yet come again and again, and must not disturb the
          // others; and while there is something to read, the running requests of other rounds are worth waiting for.
          const hasMore = response.shards.some(({ batches }) => batches.length > 0)
          if (!isMerged && !hasMore && round.cursors.length > 0) {
            this.#takeOver(round)
            isMerged = true
          }
          await this.#pause(round, sorted, this.#options.settings.monotonic() < early)
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

  /**
   * Waits before the next request if the answer came too early without news, or without the records that it reports. A sound
   * host answers when it has news or the requested wait ends. One that is about to stop answers at once, for some time. A host
   * that always does, or withholds the records that it reports, would otherwise be asked as fast as it answers.
   */
  async #pause(round: Round, { isNews, withheld }: Sorted, isEarly: boolean): Promise<void> {
    const { random, retry } = this.#options.settings
    if (isNews || (withheld.length === 0 && !isEarly)) {
      round.emptyAnswers = 0
      for (const cursor of round.cursors) cursor.failures = 0
      return
    }
    const { emptyAnswersMax, emptyAnswersSoon } = readingLimits
    const attempt = round.emptyAnswers++ - emptyAnswersSoon
    const [cursor] = withheld
    if (cursor !== undefined && round.emptyAnswers >= emptyAnswersMax) {
      const message =
        `The host of ${cursor.shardId} tells of records from ${cursor.next} to ${cursor.tail! - 1}, and has answered ` +
        `${round.emptyAnswers} requests for them with none.`
      round.cursors = round.cursors.filter((other) => other !== cursor)
      this.#events.lost([cursor], invalidAnswer(message))
    } else if (attempt >= 0) {
      await sleep(backoffMs(retry, attempt, random), this.#events.closing)
    }
  }

  /** Returns the shards to ask for now, the resting shards, and the milliseconds until the first of these is due. */
  #dueOf(cursors: readonly ShardCursor[]): {
    due: ShardCursor[]
    resting: ShardCursor[]
    untilNextMs: number
  } {
    const now = this.#options.settings.monotonic()
    const resting = cursors.filter(({ restsUntil }) => restsUntil > now)
    const untilNextMs = Math.ceil(Math.min(...resting.map(({ restsUntil }) => restsUntil - now)))
    return { due: cursors.filter(({ restsUntil }) => restsUntil <= now), resting, untilNextMs }
  }

  async #fetch(
    cursors: readonly ShardCursor[],
    { endpoint }: Round,
    waitMs: number,
  ): Promise<ResponseOf<'fetch'>> {
    const { pool, bufferBytesMax, shardBytesMax } = this.#options
    const { closing } = this.#events
    const connection = await pool.connect(endpoint, closing)
    const most = shardBytesMax?.() ?? Infinity
    const bytesMax = Math.min(readingLimits.fetchBytes, bufferBytesMax, most * cursors.length)
    const share = Math.ceil((2 * bytesMax) / cursors.length)
    const ofShard = Math.min(bytesMax, most, Math.max(readingLimits.fetchShardBytesMin, share))
    const request = {
      shards: cursors.map((cursor) => ({
        streamId: this.#streamIds.get(cursor)!,
        shardIndex: cursor.shardIndex,
        sequenceNumber: cursor.next,
        bytesMax: ofShard,
      })),
      bytesMax,
      waitMs,
    }
    return unlessAborted(connection.request('fetch', request, waitMs), closing)
  }

  /** Passes on the batches of an answer. The shards to go on with are ordered: those that got nothing come first. */
  #sort(cursors: readonly ShardCursor[], { shards: answers, time }: ResponseOf<'fetch'>): Sorted {
    if (answers.length !== cursors.length) {
      const counts = `${countOf(cursors.length, 'shard')} with ${answers.length}`
      this.#events.lost(cursors, invalidAnswer(`The host answered a fetch of ${counts}.`))
      return { cursors: [], isNews: true, withheld: [] }
    }
    const moment = { time, at: this.#options.settings.monotonic() }
    const before = cursors.map(({ next }) => next)
    const going = cursors.filter((cursor, i) => this.#goesOnAfter(cursor, answers[i]!, moment))
    const served = new Set(cursors.filter((_, i) => answers[i]!.batches.length > 0))
    return {
      // An answer has one bound for all shards, so a shard at the end of the request may get nothing. It comes first next time.
      cursors: [
        ...going.filter((cursor) => !served.has(cursor)),
        ...going.filter((cursor) => served.has(cursor)),
      ],
      isNews: cursors.some(({ next }, i) => next > before[i]! || answers[i]!.code !== 0 || answers[i]!.ended),
      withheld: going.filter((cursor) => !cursor.isAtTail && cursor.restsUntil <= moment.at),
    }
  }

  #goesOnAfter(
    cursor: ShardCursor,
    answer: FetchedShard,
    moment: { time: number | undefined; at: number },
  ): boolean {
    if (answer.code !== 0) return this.#goesOnRefused(cursor, answer, moment)
    cursor.heard({ ...answer, ...moment })
    cursor.rests = 0
    if (!this.#events.arrived(cursor, answer.batches, answer.nextSequenceNumber)) return false
    if (!answer.ended) return true
    if (cursor.isAtTail) this.#events.ended(cursor)
    else this.#events.lost([cursor], endedEarly(cursor))
    return false
  }

  #goesOnRefused(
    cursor: ShardCursor,
    answer: FetchedShard,
    moment: { time: number | undefined; at: number },
  ): boolean {
    const code = errorCodeOf(answer.code)
    if (code === 'trimmed' || code === 'provisionedThroughputExceeded') cursor.heard({ ...answer, ...moment })
    if (code === 'trimmed' && this.#options.onTrimmed === 'horizon') {
      return this.#events.trimmed(cursor, answer.trimHorizon)
    }
    if (code === 'provisionedThroughputExceeded') {
      const { restMs, restMsMin } = readingLimits
      const leastMs = Math.min(restMs, restMsMin * 2 ** cursor.rests++)
      cursor.restsUntil = moment.at + Math.max(leastMs, believedMs(answer.retryAfterMs ?? restMs))
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

/** Makes the error about a host that says that a shard ends before its tail. */
export function endedEarly({
  shardId,
  next,
  tail,
}: Pick<ShardCursor, 'shardId' | 'next' | 'tail'>): MillraceError {
  return invalidAnswer(
    `The host says that ${shardId} was read to its end, with ${next} to come next, and holds records up to ${tail! - 1}.`,
  )
}
