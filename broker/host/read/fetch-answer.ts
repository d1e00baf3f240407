// Builds the answer to one fetch: the batches of each shard, and how much still fits. Host main thread.
// An answer with news (batches, an error, or the end of a closed shard) leaves at once. An answer without news may wait.
import { errorCodes } from '../../../protocol/error-codes.ts'
import type { FetchedShard, RequestOf } from '../../../protocol/operations.ts'
import type { Damage } from '../../../protocol/structs.ts'
import type { Throttle } from '../limits/throttle.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { ReadRefusal } from './read-refusal.ts'
import { millisBehind } from './shard-reads.ts'
import type { BatchRun } from '../tail/batch-run.ts'

export type ShardToFetch = RequestOf<'fetch'>['shards'][number]

/** Why a shard has no batches in the answer. */
export interface FetchRefusal {
  readonly code:
    ReadRefusal['code'] | 'invalidPosition' | 'provisionedThroughputExceeded' | 'permissionDenied'
  readonly retryAfterMs?: number
  readonly damage?: Damage
}

export class FetchAnswer {
  readonly shards: FetchedShard[] = []
  /** True if the answer holds batches, an error or the end of a closed shard. */
  hasNews = false
  batchCount = 0
  bytes = 0
  /** True once a batch did not fit: later shards get their turn in the next fetch. */
  full = false
  readonly #bytesMax: number
  /** Bytes that shards with limits gave. */
  readonly #limited: { readonly throttle: Throttle; readonly bytes: number }[] = []

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytesLeft(): number {
    return Math.max(0, this.#bytesMax - this.bytes)
  }

  refuse(
    index: number,
    wanted: ShardToFetch,
    refusal: FetchRefusal,
    shard: HostedShard | undefined,
    now: number,
  ): void {
    this.hasNews = true
    const nothing = nothingFrom(wanted)
    this.shards[index] = {
      code: errorCodes[refusal.code].id,
      batches: [],
      nextSequenceNumber: wanted.sequenceNumber,
      trimHorizon: shard?.trimHorizon ?? 0,
      tail: shard?.tail ?? 0,
      millisBehindLatest: shard === undefined ? 0 : millisBehind(shard, nothing, now),
      ended: false,
      retryAfterMs: refusal.retryAfterMs,
      damage: refusal.damage,
    }
  }

  /** Adds nothing of a shard, which was read up to its tail or comes after a full answer. */
  skip(index: number, wanted: ShardToFetch, shard: HostedShard, now: number): void {
    this.take(index, shard, nothingFrom(wanted), now)
  }

  take(index: number, shard: HostedShard, run: BatchRun, now: number): void {
    const ended = shard.closed && run.next === shard.tail
    if (run.batches.length > 0 || ended) this.hasNews = true
    else if (run.next < shard.tail) this.full = true
    this.batchCount += run.batches.length
    this.bytes += run.bytes
    if (shard.readThrottle) this.#limited.push({ throttle: shard.readThrottle, bytes: run.bytes })
    this.shards[index] = {
      code: 0,
      batches: run.batches,
      nextSequenceNumber: run.next,
      trimHorizon: shard.trimHorizon,
      tail: shard.tail,
      millisBehindLatest: millisBehind(shard, run, now),
      ended,
      retryAfterMs: undefined,
      damage: undefined,
    }
  }

  /** Takes the cost from the limits of the shards that gave something; of all shards if the answer has no news. */
  charge(now: number): void {
    for (const { throttle, bytes } of this.#limited) {
      if (bytes > 0 || !this.hasNews) throttle.take(bytes, 1, now)
    }
  }
}

function nothingFrom({ sequenceNumber }: ShardToFetch): BatchRun {
  return { batches: [], bytes: 0, next: sequenceNumber, arrivalTime: 0 }
}
