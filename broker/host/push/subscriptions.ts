// All subscriptions of this host, by session: their opening, credit, heartbeats and end. Host main thread.
// One interval serves all heartbeats, for a part of the subscriptions at a time, so that no turn is long however many exist.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import type { EventBody } from '../../../protocol/events.ts'
import { limits } from '../../../protocol/limits.ts'
import type { RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import { noShard, streamGone } from '../../access/absence.ts'
import { anothersConsumer, isOwnConsumer } from '../../access/consumer-owner.ts'
import type { Identity } from '../../access/identity.ts'
import type { Context } from '../../server/dispatch.ts'
import type { Session } from '../../server/session.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import { hostLimits } from '../host-limits.ts'
import type { Outflows } from '../read/outflow.ts'
import { resolvePosition } from '../read/positions.ts'
import type { ShardReads } from '../read/shard-reads.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { SessionGrants } from '../shards/session-grants.ts'
import type { ShardsByName } from '../shards/shards-contract.ts'
import type { Time } from '../../time.ts'
import { ReadLine } from '../limits/read-line.ts'
import type { ConsumerSeat } from './consumer-seat.ts'
import type { HostConsumers } from './host-consumers.ts'
import { SharedBatches } from './shared-batches.ts'
import { Subscription } from './subscription.ts'

/** Groups of subscriptions for heartbeats; each subscription is checked twice in the time allowed between heartbeats. */
const BEAT_GROUPS = 8
const BEAT_MS = limits.heartbeatMs / 2 / BEAT_GROUPS

export interface SubscriptionsOptions {
  readonly shards: ShardsByName
  readonly grants: SessionGrants
  readonly reads: ShardReads
  readonly consumers: HostConsumers
  readonly outflows: Outflows
  readonly metrics: Instruments
  readonly time: Time
  readonly onBroken: (error: Error) => void
}

/** The subscriptions of one session. Ids are never reused within it. */
interface SessionSubscriptions {
  readonly byId: Map<number, Subscription>
  lastId: number
  /** Subscriptions that are being opened. They count towards the limit. */
  opening: number
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions
  readonly #bySession = new Map<Session, SessionSubscriptions>()
  readonly #beatGroups: readonly Set<Subscription>[] = Array.from({ length: BEAT_GROUPS }, () => new Set())
  readonly #cancelBeats: () => void
  /** Subscriptions without a consumer share the limits of their shard. */
  readonly #lines = new WeakMap<HostedShard, ReadLine>()
  readonly #shared = new SharedBatches()
  #opened = 0
  #beats = 0
  /** Groups whose round of heartbeats is not over; the next round waits for it. */
  readonly #beating = new Set<ReadonlySet<Subscription>>()
  #draining = false

  constructor(options: SubscriptionsOptions) {
    this.#options = options
    this.#cancelBeats = options.time.every(BEAT_MS, () => this.#beat())
  }

  get size(): number {
    return this.#beatGroups.reduce((sum, group) => sum + group.size, 0)
  }

  async subscribe(
    request: RequestOf<'subscribe'>,
    context: Context<'subscribe'>,
  ): Promise<ResponseOf<'subscribe'>> {
    const mine = this.#subscriptionsOf(context.session)
    if (mine.byId.size + mine.opening >= limits.subscriptionsPerSessionMax) {
      context.fail(
        'limitExceeded',
        `A session has ${limits.subscriptionsPerSessionMax} subscriptions at most. End one, or use another connection.`,
      )
    }
    const { usage } = context.session
    const over = usage.subscribe()
    if (over !== undefined) context.fail(over.code, over.message)
    mine.opening++
    try {
      return await this.#open(request, context, mine)
    } catch (error) {
      usage.unsubscribe()
      throw error
    } finally {
      mine.opening--
    }
  }

  unsubscribe(
    { subscriptionId }: RequestOf<'unsubscribe'>,
    context: Context<'unsubscribe'>,
  ): ResponseOf<'unsubscribe'> {
    const subscription = this.#bySession.get(context.session)?.byId.get(subscriptionId)
    if (!subscription) {
      context.fail('subscriptionNotFound', `Subscription ${subscriptionId} is not open on this connection.`)
    }
    subscription.stop('unsubscribed')
    return {}
  }

  /** Adds credit. Ignores credit for a subscription that has just ended, because the client may not have its end yet. */
  credit({ subscriptionId, bytes }: EventBody<'credit'>, session: Session): void {
    this.#bySession.get(session)?.byId.get(subscriptionId)?.give(bytes)
  }

  /** Ends the subscriptions to a stream that was deleted. */
  endStream(streamId: number): void {
    this.#endWhere(({ shard }) => shard.streamId === streamId, 'streamNotFound', streamGone)
  }

  /** Ends the subscriptions to a shard that has expired; their clients go on with its children. */
  endShard(gone: HostedShard): void {
    this.#endWhere(({ shard }) => shard === gone, 'shardNotFound', `${gone.label} has expired.`)
    this.#options.consumers.forgetShard(gone)
  }

  /** Ends all subscriptions and refuses new ones, because the host stops. */
  drain(): void {
    this.#draining = true
    this.#cancelBeats()
    this.#endWhere(() => true, 'unavailable', 'The host stops. Subscribe again from nextSequenceNumber.')
  }

  async #open(
    request: RequestOf<'subscribe'>,
    context: Context<'subscribe'>,
    mine: SessionSubscriptions,
  ): Promise<ResponseOf<'subscribe'>> {
    const { shards, reads, outflows, time, metrics, onBroken } = this.#options
    const shard = shards.find(request.streamId, request.shardIndex)
    if (!shard) context.fail('shardNotFound', noShard(request.streamId, request.shardIndex))
    const outflow = outflows.of(context.session)
    const resolved = await resolvePosition(shard, request.position, reads, outflow)
    if ('refusal' in resolved) context.fail(resolved.refusal.code, resolved.refusal.message)
    if (!shard.served) context.fail('shardNotFound', `${shard.label} is no longer served here.`)
    if (this.#draining || context.signal.aborted) context.fail('unavailable', 'The host stops.')
    // A grant may have been taken meanwhile.
    const denial = this.#options.grants.denialOf(context.session, 'subscribe', shard)
    if (denial?.code === 'permissionDenied') context.fail(denial.code, denial.message)
    if (denial) context.fail('shardNotFound', noShard(request.streamId, request.shardIndex))
    const seat = this.#seatOf(shard, request, context)
    seat?.clear(context.fail)
    const group = this.#beatGroups[this.#opened++ % BEAT_GROUPS]!
    const subscription = new Subscription({
      id: ++mine.lastId,
      shard,
      sequenceNumber: resolved.sequenceNumber,
      creditBytes: request.creditBytes,
      outflow,
      reads,
      shared: this.#shared,
      pace: seat?.pace ?? this.#lineOf(shard),
      time,
      metrics,
      onBroken,
      seat,
      ...(seat && { onSent: (records, bytes) => this.#sentTo(seat, records, bytes) }),
      onEnd: (ended) => {
        mine.byId.delete(ended.id)
        context.session.usage.unsubscribe()
        group.delete(ended)
        seat?.leave(ended)
      },
    })
    seat?.take(subscription)
    mine.byId.set(subscription.id, subscription)
    group.add(subscription)
    // The answer names the subscription, so it must leave before the first records.
    time.atTurnEnd(() => subscription.pump())
    return { subscriptionId: subscription.id, sequenceNumber: resolved.sequenceNumber }
  }

  /** The place of the consumer that is asked for; undefined if none is. Refuses a consumer that the stream does not have. */
  #seatOf(
    shard: HostedShard,
    { consumer }: RequestOf<'subscribe'>,
    { fail, session }: Context<'subscribe'>,
  ): ConsumerSeat | undefined {
    if (consumer === undefined) return undefined
    const seat = this.#options.consumers.seatOf(shard, consumer)
    const { streamName } = shard
    if (seat !== undefined && !this.#mayTake(seat, session.identity)) {
      const { code, message } = anothersConsumer(session.identity, streamName, consumer)
      fail(code, message)
    }
    return seat ?? fail('consumerNotFound', `Stream ${streamName} has no consumer called ${consumer}.`)
  }

  /** A consumer belongs to the principal that registered it; who manages the stream may take its place too. */
  #mayTake({ shard, principal }: ConsumerSeat, identity: Identity): boolean {
    return isOwnConsumer(principal, identity) || this.#options.grants.mayManage(identity, shard)
  }

  /** Ends the subscriptions of a session that it may not have any more. */
  #recheck(session: Session, { byId }: SessionSubscriptions): void {
    for (const subscription of byId.values()) {
      const { shard, seat } = subscription
      const denial = this.#options.grants.denialOf(session, 'subscribe', shard)
      if (denial !== undefined) subscription.end(denial.code, denial.message)
      else if (seat !== undefined && !this.#mayTake(seat, session.identity)) {
        const { code, message } = anothersConsumer(session.identity, shard.streamName, seat.consumer)
        subscription.end(code, message)
      }
    }
  }

  #lineOf(shard: HostedShard): ReadLine {
    const known = this.#lines.get(shard)
    if (known !== undefined) return known
    const line = new ReadLine(shard, this.#options.time)
    this.#lines.set(shard, line)
    return line
  }

  #sentTo(seat: ConsumerSeat, records: number, bytes: number): void {
    const { metrics } = this.#options
    seat.sent(records, bytes)
    metrics.millrace_consumer_records_total.add(records)
    metrics.millrace_consumer_bytes_total.add(bytes)
  }

  #subscriptionsOf(session: Session): SessionSubscriptions {
    let found = this.#bySession.get(session)
    if (found) return found
    found = { byId: new Map(), lastId: 0, opening: 0 }
    const { byId } = found
    this.#bySession.set(session, found)
    const mine = found
    const forget = session.onIdentity(() => this.#recheck(session, mine))
    session.onClose(() => {
      forget()
      this.#bySession.delete(session)
      for (const subscription of byId.values()) subscription.stop('closed')
    })
    return found
  }

  #endWhere(matches: (subscription: Subscription) => boolean, code: ErrorCode, message: string): void {
    for (const group of this.#beatGroups) {
      for (const subscription of group) if (matches(subscription)) subscription.end(code, message)
    }
  }

  #beat(): void {
    const group = this.#beatGroups[this.#beats++ % BEAT_GROUPS]!
    if (this.#beating.has(group)) return
    this.#beating.add(group)
    this.#beatOn(group, group.values())
  }

  /** Checks one group, part by part: a hundred readers of thousands of shards have hundreds of thousands of subscriptions. */
  #beatOn(group: ReadonlySet<Subscription>, left: Iterator<Subscription>): void {
    for (let count = 0; count < hostLimits.beatsPerTurn; count++) {
      const next = left.next()
      if (next.done) return void this.#beating.delete(group)
      next.value.beat()
    }
    this.#options.time.atTurnEnd(() => this.#beatOn(group, left))
  }
}
