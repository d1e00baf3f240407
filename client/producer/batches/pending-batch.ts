// Records that a producer has accepted and that are not settled yet: first open, gathering in a builder, then sealed bytes.
// Runs in the client. Every record in it is settled exactly once: acknowledged, refused, or carried over to another
// batch together with its waiters.
import { invariant } from '../../../protocol/invariant.ts'
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import type { AppendAttempt, MillraceError } from '../../../protocol/millrace-error.ts'
import type { BatchBuilder, BatchIdentity } from '../../../protocol/batch/record.ts'
import type { Acknowledgement, BatchAcknowledgement } from '../acknowledgement.ts'
import { noAttempts, withAttempt } from './attempts.ts'

/** A caller that waits for the record at `index` of a batch. */
export interface RecordWaiter {
  /** Another one when the record is carried over to another batch. */
  index: number
  stored(acknowledgement: Acknowledgement): void
  refused(error: MillraceError): void
}

/** A caller that waits for whole batches, as a `flush` or a sink does. */
export interface BatchWatch {
  /** Batches that are not settled; at 0 it is done. */
  left: number
  readonly done: () => void
  /** Called for each of the batches that is refused, before it is done. */
  readonly refused?: (error: MillraceError) => void
}

/** When a request with batches was sent. */
export interface SendTime {
  readonly at: Date
  /** On the monotonic clock. */
  readonly tick: number
}

export class PendingBatch {
  /** When its oldest record was accepted, on the monotonic clock: the delivery deadline counts from here. */
  acceptedAt: number
  /** When its newest record was accepted. Kept only if records have a time to live. */
  lastAcceptedAt: number
  recordCount = 0
  /** What it takes of the producer's buffer. */
  bufferedBytes = 0
  /** Its place among the batches of its lane, from when it is sealed. */
  place = -1
  /** The sealed batch. Owned: no code may change it while it may be sent again. */
  bytes: Uint8Array | undefined
  /** What is sent in place of the sealed batch, once it was sent and where it is encrypted. Owned as that. */
  encrypted: Uint8Array | undefined
  /** Shows the host that the sealed batch is its producer's own. */
  producerSecret: Uint8Array | undefined
  /** How often these bytes were sent. */
  sendings = 0
  /** When it was sent last. */
  sentAt: SendTime | undefined
  /** How it was tried, under all of its identities. */
  attempts: readonly AppendAttempt[] = noAttempts
  /**
   * It was sent, and its fate was not told: it may be stored, or may become so by a request that still lingers on a
   * lost connection. See lane.ts.
   */
  inDoubt = false
  /** It was sent, and the answer has not come yet. */
  isUnderWay = false
  /** What the last answer refused it with. */
  refusal: MillraceError | undefined
  #builder: BatchBuilder | undefined
  readonly #waiters: RecordWaiter[] = []
  /** Records of sinks, which tell of refusals themselves. */
  sinkRecords = 0
  readonly #watches = new Set<BatchWatch>()

  constructor(builder: BatchBuilder, acceptedAt: number) {
    this.#builder = builder
    this.acceptedAt = acceptedAt
    this.lastAcceptedAt = acceptedAt
  }

  /** The builder of an open batch. */
  get builder(): BatchBuilder {
    invariant(this.#builder !== undefined, 'records are added to open batches only')
    return this.#builder
  }

  /** What is sent of a sealed batch: never its plain bytes where it is encrypted. */
  get sentBytes(): Uint8Array {
    return this.encrypted ?? this.bytes!
  }

  get waiters(): readonly RecordWaiter[] {
    return this.#waiters
  }

  /** True if every record has a waiter or a sink that learns its result. */
  get isWatched(): boolean {
    return this.#waiters.length + this.sinkRecords === this.recordCount
  }

  /** In the order of indexes: that is, for the record added last. */
  addWaiter(waiter: RecordWaiter): void {
    this.#waiters.push(waiter)
  }

  /** Ends the gathering. The builder is free again. */
  seal(identity: BatchIdentity): BatchBuilder {
    const { builder } = this
    this.bytes = builder.finish(identity)
    this.#builder = undefined
    return builder
  }

  /** Its sending has an end: it is stored, or else `errorCode` says why not. `now` is of the monotonic clock. */
  answered(shardId: string, errorCode: ErrorCode | null, now: number): void {
    const { sentAt } = this
    if (sentAt === undefined) return
    const tookMs = now - sentAt.tick
    this.attempts = withAttempt(this.attempts, { shardId, sentAt: sentAt.at, tookMs, errorCode })
    this.sentAt = undefined
  }

  addWatch(watch: BatchWatch): void {
    if (this.#watches.has(watch)) return
    this.#watches.add(watch)
    watch.left++
  }

  acknowledge(stored: BatchAcknowledgement): void {
    const { streamId, shardId, firstSequenceNumber, arrivalTime, durability, attempts } = stored
    for (const waiter of this.#waiters) {
      const sequenceNumber = firstSequenceNumber + waiter.index
      waiter.stored({ streamId, shardId, sequenceNumber, arrivalTime, durability, attempts })
    }
    this.#endWatches()
  }

  refuse(error: MillraceError): void {
    for (const waiter of this.#waiters) waiter.refused(error)
    for (const { refused } of this.#watches) refused?.(error)
    this.#endWatches()
  }

  /** Called when the records and their waiters went over to other batches. Watches of this batch then watch those. */
  carriedOver(targets: Iterable<PendingBatch>): void {
    for (const target of targets) {
      for (const watch of this.#watches) target.addWatch(watch)
      if (target.attempts.length < this.attempts.length) target.attempts = this.attempts
    }
    this.#endWatches()
  }

  #endWatches(): void {
    for (const watch of this.#watches) if (--watch.left === 0) watch.done()
    this.#watches.clear()
  }
}
