// Push: a subscription for each shard, whose batches the broker sends within the given credit. Runs in the client.
// Credit is renewed as the loop takes batches, at half the window, so that bytes which have arrived and are not taken exceed
// the window by one batch at most. An idle broker sends heartbeats, so silence means a dead connection.
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
import { offCourse, type ArrivedBatch } from './inbox.ts'
import type { Intake, IntakeEvents } from './intake.ts'
import type { ShardCursor } from './shard-cursor.ts'
import { damageError } from './unreadable.ts'
import { clientLimits } from '../settings.ts'

export interface SubscriberOptions {
  readonly pool: ConnectionPool
  /** Credit of each shard. */
  readonly creditBytes: number
  readonly onTrimmed: 'fail' | 'horizon'
  /** The registered consumer as which it subscribes. */
  readonly consumer: string | undefined
  readonly monotonic: () => number
}

const subscriberLimits = {
  /** Most concurrent requests to subscribe and unsubscribe. */
  requestsInFlightMax: 256,
} as const

/** Where a subscription begins: at the reading's next number, or at the trim horizon above it. */
type Begin = 'next' | 'horizon'

/** The subscription to one shard on one connection. */
interface ShardSubscription {
  readonly cursor: ShardCursor
  readonly connection: Connection
  readonly id: number
  readonly streamId: number
  readonly stopWatchingEnd: () => void
  /** Taken bytes for which no credit was sent yet; below 0 if more is buffered than the window allows. */
  owedBytes: number
  /** Heartbeat intervals in which nothing was received. */
  silentFor: number
}

export class Subscriber implements Intake {
  readonly #options: SubscriberOptions
  readonly #events: IntakeEvents
  readonly #subscriptions = new Map<ShardCursor, ShardSubscription>()
  /** Requests that wait until fewer are running; each returns true if it was sent. */
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
    // Between two subscriptions, bytes that are taken now count for the next one.
    if (subscription === undefined) return
    subscription.owedBytes += arrived.batch.length
    this.#giveCredit(subscription)
  }

  stop(cursor: ShardCursor): void {
    const subscription = this.#subscriptions.get(cursor)
    if (subscription !== undefined) this.#unsubscribe(subscription)
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

  #subscribe(cursor: ShardCursor, connection: Connection, streamId: number, from: Begin = 'next'): void {
    this.#inTurn(() => {
      if (this.#events.closing.aborted) return false
      const { shardIndex, next, bufferedBytes } = cursor
      const position = toWirePosition(from === 'next' ? { atSequenceNumber: next } : 'TRIM_HORIZON')
      const creditBytes = Math.max(0, this.#options.creditBytes - bufferedBytes)
      const { consumer } = this.#options
      const request = { streamId, shardIndex, position, creditBytes, consumer }
      try {
        connection.send('subscribe', request, (error, response) => {
          this.#settled()
          if (error !== undefined) this.#refused(cursor, error, { connection, streamId, from })
          else {
            // Bytes taken since the request left are owed at once, because there may be no more to take.
            const owedBytes = this.#options.creditBytes - cursor.bufferedBytes - creditBytes
            this.#subscribed(cursor, { connection, streamId, owedBytes }, { ...response!, from })
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
    { subscriptionId: id, sequenceNumber, from }: ResponseOf<'subscribe'> & { from: Begin },
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
    const goesOn = () =>
      from === 'next'
        ? this.#events.arrived(cursor, [], sequenceNumber)
        : this.#events.trimmed(cursor, sequenceNumber)
    if (!this.#events.closing.aborted && goesOn()) this.#giveCredit(subscription)
    else this.#unsubscribe(subscription)
  }

  /** Sends a request when there is room, because a connection does not take one for each of very many shards at once. */
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
        cursor.failures = 0
        this.#events.arrived(cursor, [], message.body.nextSequenceNumber)
        return
      case 'subscriptionEnded': {
        this.#forget(subscription)
        const { code, message: reason, damage, nextSequenceNumber } = message.body
        if (code === 0) this.#end(cursor, nextSequenceNumber)
        else if (damage !== undefined) this.#goOnBehind(subscription, damage)
        else {
          const error = new MillraceError(errorCodeOf(code), reason)
          this.#refused(cursor, error, { ...subscription, from: 'next' })
        }
        break
      }
      default:
    }
  }

  /** The closed shard was sent to its end, or so the host says. */
  #end(cursor: ShardCursor, nextSequenceNumber: number): void {
    if (nextSequenceNumber === cursor.next) this.#events.ended(cursor)
    else this.#events.lost([cursor], offCourse(cursor, 0, nextSequenceNumber))
  }

  /** Called when the broker cannot read some records. If the reading skips them, a new subscription begins after them. */
  #goOnBehind({ cursor, connection, streamId }: ShardSubscription, damage: Damage): void {
    if (this.#events.closing.aborted) return
    const goesOn = this.#events.unreadable(cursor, damageError(cursor.shardId, damage))
    if (goesOn) this.#subscribe(cursor, connection, streamId)
  }

  #refused(
    cursor: ShardCursor,
    error: MillraceError,
    place: Pick<ShardSubscription, 'connection' | 'streamId'> & { readonly from: Begin },
  ): void {
    if (this.#events.closing.aborted) return
    // A host that does not give what it has from its horizon on either gives nothing.
    if (error.code === 'trimmed' && this.#options.onTrimmed === 'horizon' && place.from === 'next') {
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
    // The end of a reading ends all that it knows: it was told already.
    if (this.#subscriptions.get(subscription.cursor) !== subscription) return
    this.#forget(subscription)
    const { connection, id } = subscription
    this.#inTurn(() => {
      if (!connection.isOpen) return false
      try {
        // The answer is not needed, because later events of the subscription are ignored.
        connection.send('unsubscribe', { subscriptionId: id }, () => this.#settled())
        return true
      } catch {
        // The connection has no room for the request. The subscription gets no more credit, and its host ends it after a while.
        return false
      }
    })
  }

  /** Counts intervals, not time, so that a loop that blocks the thread is not taken for a silent broker. */
  #lookForSilence(): void {
    for (const subscription of this.#subscriptions.values()) {
      subscription.silentFor++
      if (subscription.silentFor < clientLimits.heartbeatsMissedMax) continue
      subscription.connection.close(new Error('the heartbeats of a subscription stopped'))
    }
  }
}
