// Fetch: answers whole batches of several shards, or waits if there are none. Host main thread.
// A waiting fetch costs one object in the waiters of its shards and one timer; it holds no bytes. A fetch reads only while its
// session's connection takes earlier answers. Answers are in the order of the request, but each fetch begins to read at
// another shard, so that a busy shard cannot use up the byte budget before those behind it.
import { limits } from '../../../protocol/limits.ts'
import type { RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import type { Context } from '../../server/dispatch.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { SessionGrants } from '../shards/session-grants.ts'
import type { ShardsByName } from '../shards/shards-contract.ts'
import type { Time } from '../../time.ts'
import { FetchAnswer, type FetchRefusal, type ShardToFetch } from './fetch-answer.ts'
import type { Outflow, Outflows } from './outflow.ts'
import { checkReadFrom } from './positions.ts'
import type { ReadRefusal } from './read-refusal.ts'
import type { ShardReads, StoredRun } from './shard-reads.ts'
import type { BatchRun } from '../tail/batch-run.ts'
import { WaitingFetch } from './waiting-fetch.ts'

/**
 * Multiples of it, modulo 1, fill the unit interval evenly, and so does every regular selection of them. So fetches that
 * alternate in any pattern begin at each of their shards equally often.
 */
const GOLDEN_RATIO = 0.618_033_988_749_894_9

export interface FetchesOptions {
  readonly shards: ShardsByName
  readonly grants: SessionGrants
  readonly reads: ShardReads
  readonly outflows: Outflows
  readonly metrics: Instruments
  readonly time: Time
}

/** Answers fetches. */
export class Fetches {
  readonly #options: FetchesOptions
  readonly #waiting = new Set<WaitingFetch>()
  #started = 0
  #draining = false

  constructor(options: FetchesOptions) {
    this.#options = options
  }

  /** How many fetches wait for data. */
  get waiting(): number {
    return this.#waiting.size
  }

  async fetch(request: RequestOf<'fetch'>, context: Context<'fetch'>): Promise<ResponseOf<'fetch'>> {
    const { outflows, time, metrics } = this.#options
    const outflow = outflows.of(context.session)
    const { signal } = context
    const started = time.elapsed()
    const rotation = (this.#started++ * GOLDEN_RATIO) % 1
    for (;;) {
      const answer = await outflow.inLine(() => this.#readWhenOpen(request, outflow, rotation, signal))
      const waitMs = started + request.waitMs - time.elapsed()
      const mustAnswer = answer.hasNews || request.shards.length === 0 || waitMs <= 0
      if (mustAnswer || this.#draining || signal.aborted) {
        if (!answer.hasNews) answer.charge(time.elapsed())
        metrics.millrace_fetches_total.add(1)
        metrics.millrace_fetched_batches_total.add(answer.batchCount)
        metrics.millrace_fetched_bytes_total.add(answer.bytes)
        metrics.millrace_fetch_seconds.observe((time.elapsed() - started) / 1000)
        return { shards: answer.shards, time: time.now() }
      }
      await this.#news(request.shards, waitMs, context)
    }
  }

  /** Answers all waiting fetches without records. */
  drain(): void {
    this.#draining = true
    for (const fetch of this.#waiting) fetch.wake()
  }

  /** Waits until one of the shards, all read up to their tails, has more records or is gone, or the wait is over. */
  #news(
    wanted: readonly ShardToFetch[],
    waitMs: number,
    { signal, session }: Context<'fetch'>,
  ): Promise<void> {
    const shards: HostedShard[] = []
    for (const { streamId, shardIndex, sequenceNumber } of wanted) {
      const shard = this.#options.shards.find(streamId, shardIndex)
      // The shard changed between the read and now, so the wake for that change is over.
      if (shard?.tail !== sequenceNumber || shard.closed) return Promise.resolve()
      shards.push(shard)
    }
    return new Promise((resolve) => {
      const fetch = new WaitingFetch(shards, () => {
        cancelTimer()
        signal.removeEventListener('abort', wake)
        forgetIdentity()
        this.#waiting.delete(fetch)
        resolve()
      })
      const wake = (): void => fetch.wake()
      const cancelTimer = this.#options.time.after(waitMs, wake)
      signal.addEventListener('abort', wake)
      // What may not be read any more is refused, and that ends the wait.
      const forgetIdentity = session.onIdentity(wake)
      this.#waiting.add(fetch)
    })
  }

  async #readWhenOpen(
    request: RequestOf<'fetch'>,
    outflow: Outflow,
    rotation: number,
    signal: AbortSignal,
  ): Promise<FetchAnswer> {
    while (!outflow.open && !signal.aborted) await opened(outflow, signal)
    const answer = await this.#read(request, outflow, rotation)
    outflow.answered(answer.bytes)
    // The cost is taken before the next fetch in line reads, so that it finds the limits used up.
    if (answer.hasNews) answer.charge(this.#options.time.elapsed())
    return answer
  }

  async #read(
    { shards, bytesMax }: RequestOf<'fetch'>,
    outflow: Outflow,
    rotation: number,
  ): Promise<FetchAnswer> {
    const first = Math.floor(rotation * shards.length)
    const answer = new FetchAnswer(Math.min(bytesMax, limits.fetchBytesMax, outflow.session.answerBytesMax))
    for (let i = 0; i < shards.length; i++) {
      const index = (first + i) % shards.length
      const wanted = shards[index]!
      const found = this.#options.shards.find(wanted.streamId, wanted.shardIndex)
      const denial = found && this.#options.grants.denialOf(outflow.session, 'fetch', found)
      const shard = denial === undefined ? found : undefined
      const refusal =
        denial?.code === 'permissionDenied'
          ? denial
          : fetchRefusal(shard, wanted.sequenceNumber, this.#options.time.elapsed())
      if (refusal?.code === 'provisionedThroughputExceeded') {
        this.#options.metrics.millrace_throttled_reads_total.add(1)
        shard?.readThrottle?.refusedFetch()
      }
      const now = this.#options.time.now()
      if (!shard || refusal) answer.refuse(index, wanted, refusal!, shard, now)
      else if (wanted.sequenceNumber === shard.tail || answer.full) answer.skip(index, wanted, shard, now)
      else {
        const read = this.#readShard(shard, wanted, answer, outflow)
        // Batches in memory are answered within the turn; only storage needs an await.
        const run = read instanceof Promise ? await read : read
        if (run === undefined) answer.skip(index, wanted, shard, now)
        else if ('code' in run) answer.refuse(index, wanted, run, shard, now)
        else answer.take(index, shard, run, now)
      }
    }
    return answer
  }

  /** Returns undefined if the answer should rather leave with what it has. */
  #readShard(
    shard: HostedShard,
    wanted: ShardToFetch,
    answer: FetchAnswer,
    outflow: Outflow,
  ): BatchRun | Promise<StoredRun | ReadRefusal> | undefined {
    const { reads } = this.#options
    const room = {
      bytes: Math.min(wanted.bytesMax, answer.bytesLeft),
      firstBytes: answer.batchCount === 0 ? Infinity : answer.bytesLeft,
    }
    const cached = reads.cached(shard, wanted.sequenceNumber, room)
    if (cached !== undefined) return cached
    // While it waits for its turn, an answer must hold nothing: hundreds of readers wait at the same time.
    if (answer.batchCount > 0 && reads.mustWait) return undefined
    return reads.stored(shard, wanted.sequenceNumber, room, outflow)
  }
}

/** Waits until the session's connection takes more, or until the session is over. */
function opened(outflow: Outflow, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outflow.forget(done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    outflow.whenOpen(done)
    signal.addEventListener('abort', done)
  })
}

/** Says why a shard gives nothing from a number on, at this moment of the monotonic clock; undefined if it does. */
export function fetchRefusal(
  shard: HostedShard | undefined,
  sequenceNumber: number,
  now: number,
): FetchRefusal | undefined {
  if (!shard) return { code: 'shardNotFound' }
  const refused = checkReadFrom(shard, sequenceNumber)
  if (refused) return refused
  if (!shard.readThrottle) return undefined
  // A read at the end of a closed shard costs nothing.
  if (shard.closed && sequenceNumber === shard.tail) return undefined
  const usedUp = shard.readThrottle.usedUp(now)
  return usedUp && { code: 'provisionedThroughputExceeded', retryAfterMs: usedUp.waitMs }
}
