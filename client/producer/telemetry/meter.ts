// What a producer has done so far, in numbers, and told on diagnostics channels as it happens. Runs in the client. Counts
// are by the batch, so that they cost nothing by the record.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { BatchAcknowledgement } from '../acknowledgement.ts'
import type { PendingBatch } from '../batches/pending-batch.ts'
import { publish } from './channels.ts'
import { Latency, type LatencySummary } from './latency.ts'

/** How it stands with a producer now, and what it has done since it was made. */
export interface ProducerMetrics {
  /** Records accepted and not settled. */
  readonly bufferedRecords: number
  /** Their bytes, as `bufferBytesMax` counts them. */
  readonly bufferedBytes: number
  /** How long the oldest of them has been there, in milliseconds; 0 if there is none. */
  readonly oldestMs: number
  /** Batches that were sent and are not answered. */
  readonly batchesInFlight: number
  /** Shards to which nothing is sent for now, because of a refusal or of their limits. */
  readonly shardsDelayed: number
  /** Records that are stored. */
  readonly storedRecords: number
  /** Batches that are stored. */
  readonly storedBatches: number
  /** Bytes of these batches, as they were sent. */
  readonly storedBytes: number
  /** Records that were refused for good, the expired ones too. */
  readonly refusedRecords: number
  /** Records that were not stored within `recordTtlMs`. */
  readonly expiredRecords: number
  /** Append requests sent. */
  readonly requests: number
  /** Batches sent; a batch that is sent again counts again. */
  readonly sentBatches: number
  /** Batches sent again. */
  readonly retries: number
  /** Batches that a shard refused because its limit was used up. */
  readonly throttles: number
  /** Batches that were sent and not stored by that, by the code of the error. */
  readonly errors: Readonly<Partial<Record<ErrorCode, number>>>
  /** From the acceptance of a batch's oldest record to the acknowledgement, of all stored batches, in milliseconds. */
  readonly latencyMs: LatencySummary
}

/** What is not counted, but can be seen at any time. */
export type ProducerState = Pick<
  ProducerMetrics,
  'bufferedRecords' | 'bufferedBytes' | 'oldestMs' | 'batchesInFlight' | 'shardsDelayed'
>

export class ProducerMeter {
  readonly #stream: string
  readonly #counts = {
    storedRecords: 0,
    storedBatches: 0,
    storedBytes: 0,
    refusedRecords: 0,
    expiredRecords: 0,
    requests: 0,
    sentBatches: 0,
    retries: 0,
    throttles: 0,
  }
  readonly #errors = new Map<ErrorCode, number>()
  readonly #latency = new Latency()

  constructor(stream: string) {
    this.#stream = stream
  }

  /** A request with these batches is sent. */
  requested(sendings: readonly { readonly batch: PendingBatch }[]): void {
    const counts = this.#counts
    counts.requests++
    counts.sentBatches += sendings.length
    for (const { batch } of sendings) if (batch.attempts.length > 0) counts.retries++
  }

  stored(acknowledgement: BatchAcknowledgement, bytes: number, latencyMs: number): void {
    const { shardId, recordCount, firstSequenceNumber, attempts } = acknowledgement
    const counts = this.#counts
    counts.storedBatches++
    counts.storedRecords += recordCount
    counts.storedBytes += bytes
    this.#latency.add(latencyMs)
    publish('batchAcknowledged', () => {
      return { ...this.#of(shardId), recordCount, bytes, firstSequenceNumber, latencyMs, attempts }
    })
  }

  /** One sending of a batch did not lead to an acknowledgement. */
  failed(shardId: string, { code, retryAfterMs }: MillraceError): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1)
    if (code !== 'provisionedThroughputExceeded') return
    this.#counts.throttles++
    publish('throttled', () => ({ ...this.#of(shardId), retryAfterMs }))
  }

  delayed(shardId: string, error: MillraceError, delayMs: number): void {
    publish('retry', () => ({ ...this.#of(shardId), delayMs, error }))
  }

  /** Records are refused for good. */
  refused(shardId: string, recordCount: number, error: MillraceError): void {
    this.#counts.refusedRecords += recordCount
    const isExpired = isExpiry(error)
    if (isExpired) this.#counts.expiredRecords += recordCount
    publish(isExpired ? 'expired' : 'batchRefused', () => ({ ...this.#of(shardId), recordCount, error }))
  }

  metrics(state: ProducerState): ProducerMetrics {
    const errors = Object.fromEntries(this.#errors)
    return { ...state, ...this.#counts, errors, latencyMs: this.#latency.summary() }
  }

  #of(shardId: string): { stream: string; shardId: string } {
    return { stream: this.#stream, shardId }
  }
}

/** Returns true if a record expired. If it may be stored, the error is `outcomeUnknown`, and the expiry is its cause. */
function isExpiry(error: MillraceError): boolean {
  return error.code === 'recordExpired' || MillraceError.is(error.cause, 'recordExpired')
}
