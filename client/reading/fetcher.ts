// Pull: fetch requests, each for all of a reading's shards on one host, the next one under way while the loop uses the
// last. Runs in the client. Stops asking while more than the buffer is waiting for the loop. A shard whose limits are used
// up rests as long as its host says; the others go on meanwhile. Shards that are begun later, once they have caught up,
// take those of their host into their own requests: however often shards split, a host has one request to wait for.
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
  /** Bytes of one shard that are asked for at a time, at most. */
  readonly shardBytesMax?: () => number
  readonly onTrimmed: 'fail' | 'horizon'
  readonly settings: Pick<Settings, 'monotonic' | 'random' | 'retry'>
}

/** Shards of one host that are asked for together. */
interface Round {
  readonly endpoint: Endpoint
  cursors: ShardCursor[]
  /** Its shards went over to another round: whatever it is still answered is not used, since they ask again. */
  isTakenOver: boolean
  /** Answers in a row that brought nothing, although the host need not have answered yet. */
  emptyAnswers: number
}

/** What one answer came to. */
interface Sorted {
  /** The shards to go on with. */
  readonly cursors: ShardCursor[]
  /** Something of it is new. */
  readonly isNews: boolean
  /** Of these it says that there is more, and holds nothing. */
  readonly withheld: readonly ShardCursor[]
}

export class Fetcher implements Intake {
  readonly #options: FetcherOptions
  readonly #events: IntakeEvents
  readonly #rounds = new Set<Round>()
  /** The streams of shards: one host may have shards of several that are read together. */
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

  /** Its shard is left out of the next request, since `arrived` answers false. */
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
          // Not before: shards that cannot be read yet, and come again and again, must not disturb the others; and a request
          // that others have under way is worth waiting for while there is something to read.
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
   * A host answers when there is something, or when the wait that it was asked for is over. One that is about to stop answers at once, some time;
   * one that always does, or keeps back what it tells of, is not to be asked as fast as it answers.
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

  /** The shards that may be asked for now, those that rest, and how long the first of these still does. */
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

  /** Passes on what came; answers the shards to go on with, those that got the least first. */
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
      // The answer is bounded as a whole: who came last this time must not come last every time.
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
    else this.#events.lost([cursor], invalidAnswer(endedEarly(cursor)))
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

function endedEarly({ shardId, next, tail }: ShardCursor): string {
  return `The host says that ${shardId} was read to its end, with ${next} to come next, and holds records up to ${tail! - 1}.`
}
