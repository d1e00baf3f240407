// Push: a subscription for each shard, whose batches the broker sends within the credit given. Runs in the client.
// Credit goes back as the loop takes batches, at half the window: what has arrived and is not taken never passes the
// window by more than one batch. Silence is taken for a dead connection, since an idle broker sends heartbeats.
import { errorCodeOf } from '../../protocol/error-codes.ts'
import { limits } from '../../protocol/limits.ts'
import type { EventMessage } from '../../protocol/frame/messages.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { ResponseOf } from '../../protocol/operations.ts'
import type { Damage } from '../../protocol/structs.ts'
import type { Endpoint } from '../connecting/address.ts'
import type { Connection } from '../connecting/connection.ts'
import { asMillraceError } from '../errors.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import { toWirePosition } from './position.ts'
import type { ArrivedBatch } from './inbox.ts'
import type { Intake, IntakeEvents } from './intake.ts'
import type { ShardCursor } from './shard-cursor.ts'
import { damageError } from './unreadable.ts'
import { clientLimits } from '../settings.ts'

export interface SubscriberOptions {
  readonly pool: ConnectionPool
  /** Credit of each shard. */
  readonly creditBytes: number
  readonly onTrimmed: 'fail' | 'horizon'
  readonly monotonic: () => number
}

const subscriberLimits = {
  /** Requests to subscribe, and to end that, under way at a time. */
  requestsInFlightMax: 256,
} as const

/** One shard's subscription on one connection. */
interface ShardSubscription {
  readonly cursor: ShardCursor
  readonly connection: Connection
  readonly id: number
  readonly streamId: number
  readonly stopWatchingEnd: () => void
  /** Bytes taken that the broker has not been told of; below 0 where more is buffered than the window allows. */
  owedBytes: number
  /** Heartbeat intervals in which nothing was heard. */
  silentFor: number
}

export class Subscriber implements Intake {
  readonly #options: SubscriberOptions
  readonly #events: IntakeEvents
  readonly #subscriptions = new Map<ShardCursor, ShardSubscription>()
  /** Requests that wait until fewer are under way; each says whether it is now. */
  readonly #waiting: (() => boolean)[] = []
  #underWay = 0
  readonly #watch: NodeJS.Timeout

  constructor(options: SubscriberOptions, events: IntakeEvents) {
    this.#options = options
    this.#events = events
    this.#watch = setInterval(() => this.#lookForSilence(), limits.heartbeatMs)
  }

  begin(cursors: readonly ShardCursor[], place: { endpoint: Endpoint; streamId: number }): void {
    this.#options.pool.connect(place.endpoint, this.#events.closing).then(
      (connection) => {
        for (const cursor of cursors) this.#subscribe(cursor, connection, place.streamId)
      },
      (error: unknown) => {
        if (!this.#events.closing.aborted) this.#events.lost(cursors, asMillraceError(error))
      },
    )
  }

  taken(arrived: ArrivedBatch): void {
    const subscription = this.#subscriptions.get(arrived.cursor)
    // Between two subscriptions: what is taken now, the next one begins with.
    if (subscription === undefined) return
    subscription.owedBytes += arrived.batch.length
    this.#giveCredit(subscription)
  }

  #giveCredit(subscription: ShardSubscription): void {
    if (subscription.owedBytes < this.#options.creditBytes / 2) return
    const bytes = Math.min(subscription.owedBytes, limits.subscriptionCreditBytesMax)
    subscription.owedBytes -= bytes
    subscription.connection.sendEvent('credit', { subscriptionId: subscription.id, bytes })
  }

  close(): void {
    clearInterval(this.#watch)
    for (const subscription of this.#subscriptions.values()) this.#unsubscribe(subscription)
  }

  #subscribe(
    cursor: ShardCursor,
    connection: Connection,
    streamId: number,
    from: 'next' | 'horizon' = 'next',
  ): void {
    this.#inTurn(() => {
      if (this.#events.closing.aborted) return false
      const { shardIndex, next, bufferedBytes } = cursor
      const position = toWirePosition(from === 'next' ? { atSequenceNumber: next } : 'TRIM_HORIZON')
      const creditBytes = Math.max(0, this.#options.creditBytes - bufferedBytes)
      const request = { streamId, shardIndex, position, creditBytes }
      try {
        connection.send('subscribe', request, (error, response) => {
          this.#settled()
          if (error !== undefined) this.#refused(cursor, error, { connection, streamId })
          else {
            // What was taken since the request left is owed already: it may be all that there was to take.
            const owedBytes = this.#options.creditBytes - cursor.bufferedBytes - creditBytes
            this.#subscribed(cursor, { connection, streamId, owedBytes }, response!)
          }
        })
        return true
      } catch (error) {
        this.#events.lost([cursor], asMillraceError(error))
        return false
      }
    })
  }

  #subscribed(
    cursor: ShardCursor,
    place: Pick<ShardSubscription, 'connection' | 'streamId' | 'owedBytes'>,
    { subscriptionId: id, sequenceNumber }: ResponseOf<'subscribe'>,
  ): void {
    const { connection } = place
    const subscription: ShardSubscription = {
      ...place,
      cursor,
      id,
      stopWatchingEnd: connection.onEnd((end) => this.#lost(subscription, end)),
      silentFor: 0,
    }
    this.#subscriptions.set(cursor, subscription)
    connection.listen(id, (message) => this.#receive(subscription, message))
    if (this.#events.closing.aborted || !this.#events.arrived(cursor, [], sequenceNumber)) {
      this.#unsubscribe(subscription)
    } else {
      this.#giveCredit(subscription)
    }
  }

  /** Sends a request when there is room: with very many shards, a connection does not take one for each at once. */
  #inTurn(send: () => boolean): void {
    this.#waiting.push(send)
    this.#sendNext()
  }

  #sendNext(): void {
    while (this.#underWay < subscriberLimits.requestsInFlightMax) {
      const send = this.#waiting.shift()
      if (send === undefined) return
      if (send()) this.#underWay++
    }
  }

  #settled(): void {
    this.#underWay--
    this.#sendNext()
  }

  #receive(subscription: ShardSubscription, message: EventMessage): void {
    const { cursor } = subscription
    subscription.silentFor = 0
    switch (message.event) {
      case 'records': {
        const { batches, nextSequenceNumber } = message.body
        cursor.heard({ ...message.body, at: this.#options.monotonic() })
        if (!this.#events.arrived(cursor, batches, nextSequenceNumber)) this.#unsubscribe(subscription)
        return
      }
      case 'heartbeat':
        cursor.heard({ ...message.body, at: this.#options.monotonic() })
        this.#events.arrived(cursor, [], message.body.nextSequenceNumber)
        return
      case 'subscriptionEnded': {
        this.#forget(subscription)
        const { code, message: reason, damage } = message.body
        if (code === 0) this.#events.ended(cursor)
        else if (damage !== undefined) this.#goOnBehind(subscription, damage)
        else this.#refused(cursor, new MillraceError(errorCodeOf(code), reason), subscription)
        break
      }
      default:
    }
  }

  /** The broker cannot read some records: where the reading passes them over, another subscription begins behind them. */
  #goOnBehind({ cursor, connection, streamId }: ShardSubscription, damage: Damage): void {
    if (this.#events.closing.aborted) return
    const goesOn = this.#events.unreadable(cursor, damageError(cursor.shardId, damage))
    if (goesOn) this.#subscribe(cursor, connection, streamId)
  }

  #refused(
    cursor: ShardCursor,
    error: MillraceError,
    place: Pick<ShardSubscription, 'connection' | 'streamId'>,
  ): void {
    if (this.#events.closing.aborted) return
    if (error.code === 'trimmed' && this.#options.onTrimmed === 'horizon') {
      this.#subscribe(cursor, place.connection, place.streamId, 'horizon')
    } else {
      this.#events.lost([cursor], error)
    }
  }

  #lost(subscription: ShardSubscription, error: MillraceError): void {
    this.#forget(subscription)
    if (!this.#events.closing.aborted) this.#events.lost([subscription.cursor], error)
  }

  #forget(subscription: ShardSubscription): void {
    this.#subscriptions.delete(subscription.cursor)
    subscription.stopWatchingEnd()
    subscription.connection.unlisten(subscription.id)
  }

  #unsubscribe(subscription: ShardSubscription): void {
    this.#forget(subscription)
    const { connection, id } = subscription
    this.#inTurn(() => {
      if (!connection.isOpen) return false
      try {
        // Nobody waits for the answer: what still comes of the subscription is not listened to.
        connection.send('unsubscribe', { subscriptionId: id }, () => this.#settled())
        return true
      } catch {
        // Others use up the connection. The subscription gets no more credit: its host ends it after a while.
        return false
      }
    })
  }

  /** Counts intervals, not time: a loop that blocks the thread must not take its own silence for the broker's. */
  #lookForSilence(): void {
    for (const subscription of this.#subscriptions.values()) {
      subscription.silentFor++
      if (subscription.silentFor < clientLimits.heartbeatsMissedMax) continue
      subscription.connection.close(new Error('the heartbeats of a subscription stopped'))
    }
  }
}
