// One shard's queue in a producer: batches in the order of their sequence, and what may be sent next. Runs in the
// client, pure: no timer, no socket. What happens to a lane after trouble is one decision, `verdict`.
//
// Why nothing is stored twice and order holds. The broker stores a batch of (producer, epoch) only if the records before
// it in that epoch are stored, and answers a repeated one from its memory of the last 8 batches. So a lane never sends a
// batch while one that is 8 or more places before it is not settled, and
//
//   1. Sending a batch again, same bytes, is always safe, however often it was sent and on however many connections.
//   2. After any refusal the lane sends nothing until every batch in flight is answered. The batches behind a refused
//      one are refused too (`outOfOrderSequence`); all of them then go again, in order.
//   3. A refused batch whose every sending was answered by a refusal without side effects is not stored and never will
//      be. Nor will any batch behind it in this epoch, even if a copy lingers on an old connection: it would leave a gap.
//      All of these may be encoded anew, for a new epoch or for another shard.
//   4. A batch with a sending that was never answered is *in doubt*: the old connection may still deliver it, before or
//      after anything we send now. It must not be encoded anew: it is sent again as it is, or reported as
//      `outcomeUnknown`.
//
// So when the first batch of a lane is given up (refused for good, or past the delivery deadline):
//   – if it is not in doubt, it fails with its refusal, with those behind it whose deadline is past too, and by (3) the
//     others go on under the next epoch;
//   – if it is in doubt, it fails as `outcomeUnknown` together with the batches in doubt right behind it: whether those
//     are stored hangs on its fate, which is out of our hands. From the first one not in doubt on, (3) applies.
// The first batch of the next epoch fences what lingers of the old one (`producerFenced`); what of it slips in before is
// older than everything in the new epoch, so order per key holds either way.
import { renewBatch } from '../../../protocol/batch/batch-builder.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { BatchBuilder, BatchIdentity } from '../../../protocol/batch/record.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import { isOverdue, overdueOf, type LaneDeadlines, type Overdue } from './deadlines.ts'
import type { LaneIdentity } from './identity.ts'
import type { PendingBatch } from '../batches/pending-batch.ts'
import { producerLimits, type ProducerSettings } from '../options.ts'
import { endOf } from '../delivery/waits.ts'

/** When a lane gives its records up. */
export type LanePatience = LaneDeadlines & Partial<Pick<ProducerSettings, 'onThrottled'>>

/** What is to be done with a lane that has nothing in flight. */
export type LaneVerdict =
  | { readonly verdict: 'send' }
  | { readonly verdict: 'wait'; readonly refusal: MillraceError }
  | { readonly verdict: 'reroute'; readonly refusal: MillraceError }
  /** The first `count` batches fail with `error`; what is behind them is encoded anew in the next epoch. */
  | { readonly verdict: 'giveUp'; readonly count: number; readonly error: MillraceError }

/**
 * A refusal by which the shard itself says that it does not hold the batch and never will, so that no doubt is left: a
 * closed shard answers for what it stored, and a range never changes.
 */
const endsDoubt = (error: MillraceError) => error.code === 'shardClosed' || error.code === 'hashKeyOutOfRange'

export class Lane {
  readonly streamId: number
  readonly shardIndex: number
  readonly shardId: string
  /** Gathers records; not yet in the queue. */
  open: PendingBatch | undefined
  /** host:port that it was last given to. */
  address: string | undefined
  /** Refusals in a row. */
  attempts = 0
  /** The shard takes no more records: its own go elsewhere once nothing of it is in flight or in doubt. */
  #isVanishing = false
  #identity: LaneIdentity
  readonly #newIdentity: () => LaneIdentity
  /** Another producer has this id at the shard: nothing of this lane will ever be taken under it. */
  #isIdentityTaken = false
  #epoch = 0
  #nextSequence = 0
  /** Batches sealed so far. */
  #sealedCount = 0
  /** Sealed and not settled. The first `#sent` of them were sent since the lane last stood still. */
  #queue: PendingBatch[] = []
  #sent = 0
  #inFlight = 0
  /** Batches that may be outstanding: fewer after a refusal that asks to wait, since those behind it are refused as well. */
  #window: number = limits.producerWindowBatches
  /** A refusal came: nothing is sent until nothing is in flight. */
  #isHalted = false
  /** Of the last of its batches that was acknowledged: its place, and the number behind it. Numbers rise with places. */
  #lastStored = { place: -1, next: 0 }
  /** Why nothing could be sent since something last was. It tells nothing of any batch, so it decides nothing. */
  #obstacle: MillraceError | undefined
  /** What last kept records from being stored, since some last were. For people. */
  #lastError: MillraceError | undefined

  constructor(place: { streamId: number; shardIndex: number }, newIdentity: () => LaneIdentity) {
    const { streamId, shardIndex } = place
    this.streamId = streamId
    this.shardIndex = shardIndex
    this.shardId = shardIdOf(shardIndex)
    this.#newIdentity = newIdentity
    this.#identity = newIdentity()
  }

  get isVanishing(): boolean {
    return this.#isVanishing
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.open === undefined
  }

  /** True if no batch is in flight, and none is sent before a decision about the lane. */
  get standsStill(): boolean {
    return this.#inFlight === 0 && (this.#isHalted || this.#isVanishing)
  }

  /** A sealed batch may be sent now. */
  get hasSealed(): boolean {
    const next = this.#queue[this.#sent]
    return next !== undefined && this.#maySend(next.place)
  }

  /** An open batch may be sealed and sent now. */
  get hasPartial(): boolean {
    if (this.open === undefined || this.#sent < this.#queue.length || this.#isVanishing) return false
    return this.#maySend(this.#sealedCount)
  }

  /** The batch to be sent next was not sent before, as it is now. */
  get sendsAnew(): boolean {
    const next = this.#queue[this.#sent]
    return next === undefined || next.sendings === 0
  }

  get hasOnlyOpen(): boolean {
    return this.#queue.length === 0 && this.open !== undefined
  }

  get isInDoubt(): boolean {
    return this.#queue[0]?.inDoubt === true
  }

  /** Whether the broker will still know the first batch that is not settled when it has stored the one at `place`. */
  #maySend(place: number): boolean {
    const first = this.#queue[0]?.place ?? place
    return !this.#isHalted && place < first + this.#window
  }

  /** Whether the time of its first batch is over. */
  isDue(now: number, deadlines: LaneDeadlines): boolean {
    const first = this.#queue[0] ?? this.open
    return first !== undefined && isOverdue(first, now, deadlines)
  }

  /** When the oldest record was accepted; Infinity for an empty lane. */
  get oldestAt(): number {
    return (this.#queue[0] ?? this.open)?.acceptedAt ?? Infinity
  }

  /** What the first batch was refused with when it was sent last. */
  get refusal(): MillraceError | undefined {
    return this.#queue[0]?.refusal
  }

  /** What keeps its records from being stored, as far as an error said it. */
  get lastError(): MillraceError | undefined {
    return this.#obstacle ?? this.#lastError
  }

  /** Its shard and host, for messages. */
  get place(): string {
    return this.address === undefined ? this.shardId : `${this.shardId} at ${this.address}`
  }

  /**
   * Takes out every batch that is not settled, oldest first, with the error that it ends with for the reason. By (3), none
   * behind one that is not stored may be stored.
   */
  end(reason: MillraceError): { batch: PendingBatch; error: MillraceError }[] {
    const { place, lastError, open } = this
    let mayBeStored = true
    const ends = this.drop(Infinity).map((batch) => {
      mayBeStored &&= batch.inDoubt || batch.isUnderWay
      return { batch, error: endOf(reason, { place, mayBeStored, lastError }) }
    })
    this.open = undefined
    if (open === undefined) return ends
    return [...ends, { batch: open, error: endOf(reason, { place, mayBeStored: false, lastError }) }]
  }

  /** Every batch that is not settled, oldest first. */
  *batches(): Iterable<PendingBatch> {
    yield* this.#queue
    if (this.open !== undefined) yield this.open
  }

  /** Ends the open batch and gives it its place in the sequence. Returns the free builder. */
  seal(compression: BatchIdentity['codec']): BatchBuilder {
    const batch = this.open
    invariant(batch !== undefined && batch.recordCount > 0, 'a lane seals a batch that holds records')
    const builder = batch.seal({
      producerId: this.#identity.producerId,
      producerEpoch: this.#epoch,
      firstProducerSequence: this.#nextSequence,
      codec: compression,
    })
    this.open = undefined
    this.#enqueue(batch)
    return builder
  }

  /** Takes a sealed batch of another lane, or of the epoch before, with its records as they are. */
  renew(batch: PendingBatch): void {
    invariant(this.open === undefined, 'a lane seals what is open before it takes a sealed batch')
    batch.bytes = renewBatch(batch.bytes!, {
      producerId: this.#identity.producerId,
      producerEpoch: this.#epoch,
      firstProducerSequence: this.#nextSequence,
    })
    // Encrypted anew when it is sent: what was authenticated under the old identity is not under this one.
    batch.encrypted = undefined
    batch.sendings = 0
    batch.refusal = undefined
    // Under its new identity it was never sent; under the old one it is never stored any more.
    batch.inDoubt = false
    this.#enqueue(batch)
  }

  #enqueue(batch: PendingBatch): void {
    batch.place = this.#sealedCount++
    batch.producerSecret = this.#identity.secret
    this.#nextSequence += batch.recordCount
    this.#queue.push(batch)
  }

  /** The next sealed batch; it is in flight from now on. */
  take(): PendingBatch {
    const batch = this.#queue[this.#sent]
    invariant(batch !== undefined && this.hasSealed, 'a lane gives batches while it may send')
    this.#sent++
    this.#inFlight++
    batch.sendings++
    batch.isUnderWay = true
    this.#obstacle = undefined
    batch.refusal = undefined
    return batch
  }

  /** What is wrong with the number that the batch is said to be stored at; undefined where it may be. */
  faultOf({ place, recordCount }: PendingBatch, baseSequenceNumber: number): string | undefined {
    const { place: lastPlace, next } = this.#lastStored
    const isRising = place <= lastPlace || baseSequenceNumber >= next
    if (isRising && Number.isSafeInteger(baseSequenceNumber + recordCount)) return undefined
    return `The host of ${this.shardId} acknowledged a batch at ${baseSequenceNumber}, and the one before it up to ${next - 1}.`
  }

  /**
   * The batch was answered as stored, with this number, where the answer tells it: it leaves the queue. False where it was
   * settled before.
   */
  stored(batch: PendingBatch, baseSequenceNumber?: number): boolean {
    const { place, recordCount } = batch
    if (baseSequenceNumber !== undefined && place > this.#lastStored.place) {
      this.#lastStored = { place, next: baseSequenceNumber + recordCount }
    }
    this.#inFlight--
    batch.isUnderWay = false
    this.attempts = 0
    this.#lastError = undefined
    this.#window = Math.min(this.#window + 1, limits.producerWindowBatches)
    return this.#remove(batch)
  }

  /** The sending was refused, or its answer will never come (side effects: possible). The lane halts. */
  refused(batch: PendingBatch, error: MillraceError): void {
    this.#inFlight--
    this.#isHalted = true
    batch.isUnderWay = false
    batch.refusal = error
    this.#lastError = error
    if (error.sideEffects === 'possible') batch.inDoubt = true
    else if (endsDoubt(error)) batch.inDoubt = false
    if (error.retry === 'backoff') this.#window = 1
    if (error.code === 'producerUnproven') this.#isIdentityTaken = true
  }

  /** The shard takes no more records. Nothing is sent, but what is in doubt, to learn of its fate. */
  vanish(): void {
    this.#isVanishing = true
    this.#isHalted = true
  }

  /** Nothing can be sent for now: what is given up meanwhile says so, rather than what a host once answered. */
  obstructed(error: MillraceError): void {
    // The failed attempt held no batch, so the error must not say that one may be stored.
    const isHarmless = error.sideEffects === 'none'
    this.#lastError = error
    this.#obstacle = isHarmless ? error : new MillraceError('unavailable', error.message, { cause: error })
  }

  /** Sends nothing more until nothing is in flight and `verdict` was asked. */
  halt(): void {
    this.#isHalted = true
  }

  /** What to do next. Asked when nothing is in flight. */
  verdict(now: number, patience: LanePatience): LaneVerdict {
    invariant(this.#inFlight === 0, 'a lane is judged when nothing of it is in flight')
    const first = this.#queue[0]
    if (first === undefined) return { verdict: 'send' }
    const { refusal } = first
    const overdue = overdueOf(this.#queue, now, patience)
    if (overdue !== undefined) return this.giveUp(overdue.reason(this.#obstacle ?? refusal), overdue)
    if (refusal === undefined || refusal.retry === 'reconnect') return { verdict: 'send' }
    // What is in doubt is asked for until that is clear, or its caller would send again what is stored.
    const isThrottled = refusal.code === 'provisionedThroughputExceeded' && !this.isInDoubt
    const isFinal = isThrottled && patience.onThrottled === 'fail'
    if (isFinal || refusal.retry === 'never') return this.giveUp(refusal)
    if (refusal.retry === 'reroute') return { verdict: 'reroute', refusal }
    // Everything before the first batch is stored, so the broker has forgotten this producer: only a new epoch goes on.
    if (refusal.code === 'outOfOrderSequence') return this.#startOver(refusal)
    return { verdict: 'wait', refusal }
  }

  /** How the first batch fails for good, with those whose fate hangs on it, or those whose time is over as well. */
  giveUp(
    refusal: MillraceError,
    late?: Pick<Overdue, 'count' | 'triedMs'>,
  ): LaneVerdict & { verdict: 'giveUp' } {
    const { place, isInDoubt: mayBeStored } = this
    const lastError = refusal.code === 'recordExpired' ? this.lastError : undefined
    const error = endOf(refusal, { place, mayBeStored, triedMs: late?.triedMs, lastError })
    if (!mayBeStored) return { verdict: 'giveUp', count: late?.count ?? 1, error }
    const sure = this.#queue.findIndex((batch) => !batch.inDoubt)
    return { verdict: 'giveUp', count: sure < 0 ? this.#queue.length : sure, error }
  }

  /** Takes up sending again, from the first batch. */
  resume(): void {
    invariant(this.#inFlight === 0, 'a lane resumes when nothing of it is in flight')
    this.#sent = 0
    this.#isHalted = false
  }

  /** The first `count` batches, for good. */
  drop(count: number): PendingBatch[] {
    this.#sent = Math.max(0, this.#sent - count)
    return this.#queue.splice(0, count)
  }

  /** Takes every sealed batch out, to be encoded anew, and begins the next epoch. The open batch must be sealed before. */
  empty(): PendingBatch[] {
    invariant(this.#inFlight === 0 && this.open === undefined, 'a lane is emptied when it stands still')
    const queue = this.#queue
    this.#queue = []
    this.#sent = 0
    this.#isHalted = false
    this.#nextSequence = 0
    if (this.#isIdentityTaken || this.#epoch === producerLimits.epochMax) {
      this.#isIdentityTaken = false
      this.#epoch = 0
      this.#identity = this.#newIdentity()
    } else {
      this.#epoch++
    }
    return queue
  }

  #remove(batch: PendingBatch): boolean {
    const place = this.#queue.indexOf(batch)
    if (place < 0) return false
    this.#queue.splice(place, 1)
    if (place < this.#sent) this.#sent--
    return true
  }

  #startOver(refusal: MillraceError): LaneVerdict {
    return this.isInDoubt ? this.giveUp(refusal) : { verdict: 'giveUp', count: 0, error: refusal }
  }
}
