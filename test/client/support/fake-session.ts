// One connection of the fake broker, from its side: what is written to it, and its subscriptions, which send within their
// credit and may pass it by one batch.
import { anyone } from '../../../broker/access/identity.ts'
import type { Duplex } from 'node:stream'
import { encodeEvent, errorCodes } from '../../../protocol/index.ts'
import type { Damage } from '../../../protocol/structs.ts'
import { millisBehind } from '../../../broker/host/read/shard-reads.ts'
import type { FakeShard } from './fake-shard.ts'

/** Each event of the fake carries one batch. */
const ONE_BATCH = { bytes: 0, firstBytes: Infinity }

let sessions = 0

export interface FakeSubscription {
  readonly id: number
  readonly shard: FakeShard
  next: number
  credit: number
}

export class FakeSession {
  readonly id = ++sessions
  readonly identity = anyone
  readonly remote = '127.0.0.1:1'
  readonly stream: Duplex
  readonly port: number
  readonly subscriptions = new Map<number, FakeSubscription>()
  /** Of requests that wait. */
  readonly timers = new Set<NodeJS.Timeout>()
  isOpen = true
  readonly #onDropped: () => void
  readonly #time: () => number
  #lastSubscriptionId = 0

  constructor(stream: Duplex, port: number, broker: { dropped: () => void; time: () => number }) {
    this.stream = stream
    this.port = port
    this.#onDropped = broker.dropped
    this.#time = broker.time
    for (const event of ['error', 'end', 'close']) stream.on(event, () => this.drop())
  }

  write(chunks: readonly Uint8Array[]): void {
    if (!this.isOpen) return
    // Copies: what was written belongs to the other side, and stored batches belong to the broker.
    for (const chunk of chunks) this.stream.write(Uint8Array.from(chunk))
  }

  drop(): void {
    if (!this.isOpen) return
    this.isOpen = false
    for (const timer of this.timers) clearTimeout(timer)
    this.stream.end()
    this.stream.destroy()
    this.#onDropped()
  }

  subscribe(shard: FakeShard, next: number, credit: number): number {
    const id = ++this.#lastSubscriptionId
    this.subscriptions.set(id, { id, shard, next, credit })
    return id
  }

  credit(id: number, bytes: number): void {
    const subscription = this.subscriptions.get(id)
    if (subscription === undefined) return
    subscription.credit += bytes
    this.#push(subscription)
  }

  /** Sends what every subscription may send. */
  push(): void {
    for (const subscription of this.subscriptions.values()) this.#push(subscription)
  }

  beat(): void {
    for (const { id, shard, next } of this.subscriptions.values()) {
      this.write(
        encodeEvent('heartbeat', {
          subscriptionId: id,
          nextSequenceNumber: next,
          tail: shard.tail,
          time: this.#time(),
        }),
      )
    }
  }

  endAll(code: number, message: string): void {
    for (const subscription of this.subscriptions.values()) this.#end(subscription, code, message)
  }

  #push(subscription: FakeSubscription): void {
    const { id, shard } = subscription
    const { hosted } = shard
    while (subscription.next < hosted.tail) {
      if (subscription.next < hosted.trimHorizon)
        return this.#end(subscription, errorCodes.trimmed.id, 'expired')
      if (subscription.credit <= 0) return
      const run = shard.read(subscription.next, ONE_BATCH)
      if (run.batches.length === 0) break
      subscription.credit -= run.bytes
      subscription.next = run.next
      const time = this.#time()
      const millisBehindLatest = millisBehind(hosted, run, time)
      const place = { nextSequenceNumber: run.next, tail: hosted.tail, millisBehindLatest, time }
      this.write(encodeEvent('records', { subscriptionId: id, batches: run.batches, ...place }))
    }
    const damage = shard.damageAt(subscription.next)
    if (damage !== undefined) this.#end(subscription, errorCodes.corruptData.id, damage.reason, damage)
    else if (hosted.closed && subscription.next === hosted.tail) {
      this.#end(subscription, 0, 'read to its end')
    }
  }

  #end(subscription: FakeSubscription, code: number, message: string, damage?: Damage): void {
    const { id, next } = subscription
    this.subscriptions.delete(id)
    this.write(
      encodeEvent('subscriptionEnded', {
        subscriptionId: id,
        code,
        nextSequenceNumber: next,
        message,
        damage,
      }),
    )
  }
}
