// One subscription: pushes the records of one shard to one session, from a sequence number on. Host main thread.
// It reads only while it has credit and the connection takes bytes, has at most one running read of storage, and keeps no
// bytes between deliveries. It sends every record from its start once, in order. A delivery may exceed the credit by one batch
// at most, which later credit pays off. It sends nothing after its end.
import { errorCodes, type ErrorCode } from '../../../protocol/error-codes.ts'
import { limits } from '../../../protocol/limits.ts'
import type { Damage } from '../../../protocol/structs.ts'
import type { ConsumerStanding } from '../../host-contract.ts'
import type { Session } from '../../server/session.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import { hostLimits } from '../host-limits.ts'
import type { Pace } from '../limits/subscription-pace.ts'
import type { Outflow } from '../read/outflow.ts'
import { millisBehind, type ShardReads } from '../read/shard-reads.ts'
import type { Room, BatchRun } from '../tail/batch-run.ts'
import type { HostedShard, Waiter } from '../shards/hosted-shard.ts'
import type { Time } from '../../time.ts'
import type { ConsumerSeat } from './consumer-seat.ts'
import type { SharedBatches } from './shared-batches.ts'

/** Why a subscription ended. `ended`: it reached the end of a closed shard; `closed`: its session was closed. */
type EndReason = ErrorCode | 'unsubscribed' | 'closed' | 'ended'

export interface SubscriptionOptions {
  readonly id: number
  readonly shard: HostedShard
  readonly sequenceNumber: number
  readonly creditBytes: number
  readonly outflow: Outflow
  readonly reads: ShardReads
  readonly shared: SharedBatches
  /** The place that it has as a consumer. */
  readonly seat: ConsumerSeat | undefined
  /** What it shares with other readers, or the rate of its consumer. */
  readonly pace: Pace
  readonly time: Time
  readonly metrics: Instruments
  /** Called with what was sent. */
  readonly onSent?: (records: number, bytes: number) => void
  /** Called once when the subscription ends, for any reason. */
  readonly onEnd: (subscription: Subscription) => void
  /** Called with a broken invariant. */
  readonly onBroken: (error: Error) => void
}

export class Subscription implements Waiter {
  readonly id: number
  readonly shard: HostedShard
  readonly shardCount = 1
  readonly #options: SubscriptionOptions
  #next: number
  #credit: number
  #lastSentAt: number
  #reading = false
  /** True while it waits for its next turn of the event loop, for the connection, or for its share of a limit. */
  #queued = false
  #cancelPause = (): void => {}
  #ended = false

  constructor(options: SubscriptionOptions) {
    this.id = options.id
    this.shard = options.shard
    this.#options = options
    this.#next = options.sequenceNumber
    this.#credit = options.creditBytes
    this.#lastSentAt = options.time.elapsed()
  }

  /** The number after the last record that was sent. */
  get next(): number {
    return this.#next
  }

  /** Who receives it. */
  get from(): Pick<Session, 'remote' | 'client'> {
    return this.#options.outflow.session
  }

  /** The place that it has as a consumer; undefined where it reads for itself. */
  get seat(): ConsumerSeat | undefined {
    return this.#options.seat
  }

  /** Why it is where it is. */
  get standing(): ConsumerStanding {
    if (this.#next >= this.shard.tail) return 'caughtUp'
    if (this.#credit <= 0) return 'waitingForCredit'
    if (!this.#options.outflow.open) return 'slowReader'
    return this.#options.pace.mustWait ? 'throttled' : 'reading'
  }

  /** Sends available records, as far as credit and connection allow, and arranges for the next call. */
  pump(): void {
    const { shard } = this
    const { outflow, reads, pace, time } = this.#options
    if (this.#ended || this.#reading || this.#queued) return
    for (let sent = 0; this.#next < shard.tail; sent++) {
      if (this.#next < shard.trimHorizon) return this.#endTrimmed()
      if (this.#credit <= 0) return this.#leaveTail() // `give` goes on
      if (!outflow.open) return this.#later((task) => outflow.whenOpen(task))
      // Other subscriptions have their turn between two rounds of deliveries.
      if (sent === hostLimits.deliveriesPerPump) return this.#later((task) => time.atTurnEnd(task))
      if (pace.mustWait) return this.#pause()
      const room = this.#room()
      const run = reads.cached(shard, this.#next, room)
      if (!run) return void this.#readStored(room).catch(this.#options.onBroken)
      this.#deliver(run)
    }
    if (shard.closed) this.#endWith(0, 'ended', shard.closedText)
    else shard.waiters.add(this)
  }

  /** Called when the shard has more records. */
  wake(): void {
    this.pump()
  }

  /** Adds credit. The total never exceeds the protocol's bound. */
  give(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, limits.subscriptionCreditBytesMax)
    this.pump()
  }

  /** Called at intervals: sends a heartbeat, or ends the subscription of a client that does not read what it asked for. */
  beat(): void {
    const { outflow, time } = this.#options
    if (this.#ended) return
    if (!outflow.open) {
      const wantsMore = this.#next < this.shard.tail && this.#credit > 0
      if (wantsMore && outflow.stuckMs >= hostLimits.slowConsumerMs) {
        this.end(
          'slowConsumer',
          `The connection took nothing for ${hostLimits.slowConsumerMs} ms. Read, or give less credit.`,
        )
      }
      return
    }
    const now = time.elapsed()
    if (now - this.#lastSentAt < limits.heartbeatMs / 2) return
    this.#lastSentAt = now
    outflow.session.sendEvent('heartbeat', {
      subscriptionId: this.id,
      nextSequenceNumber: this.#next,
      tail: this.shard.tail,
      time: time.now(),
    })
  }

  /** Ends the subscription, and sends the client the reason. */
  end(code: ErrorCode, message: string, damage?: Damage): void {
    this.#endWith(errorCodes[code].id, code, message, damage)
  }

  /** Ends the subscription without sending anything, because the client asked for that or is gone. */
  stop(why: EndReason): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelPause()
    this.#leaveTail()
    this.#options.metrics.millrace_subscriptions_ended_total.add(1, why)
    this.#options.onEnd(this)
  }

  #endWith(code: number, why: EndReason, message: string, damage?: Damage): void {
    if (this.#ended) return
    this.stop(why)
    this.#options.outflow.session.sendEvent('subscriptionEnded', {
      subscriptionId: this.id,
      code,
      nextSequenceNumber: this.#next,
      message,
      damage,
    })
  }

  #room(): Room {
    const { outflow, pace } = this.#options
    const { answerBytesMax } = outflow.session
    const bytes = Math.min(this.#credit, hostLimits.deliveryBytes, pace.deliveryBytes, answerBytesMax)
    return { bytes, firstBytes: Infinity }
  }

  #deliver(run: BatchRun): void {
    const { outflow, shared, pace, time, metrics, onSent } = this.#options
    this.#credit -= run.bytes
    pace.sent(run.bytes)
    onSent?.(run.next - this.#next, run.bytes)
    this.#next = run.next
    this.#lastSentAt = time.elapsed()
    const now = time.now()
    outflow.session.sendEvent('records', {
      subscriptionId: this.id,
      batches: shared.of(run),
      nextSequenceNumber: run.next,
      tail: this.shard.tail,
      millisBehindLatest: millisBehind(this.shard, run, now),
      time: now,
    })
    metrics.millrace_pushed_batches_total.add(run.batches.length)
    metrics.millrace_pushed_bytes_total.add(run.bytes)
  }

  async #readStored(room: Room): Promise<void> {
    const { outflow, reads } = this.#options
    this.#leaveTail()
    this.#reading = true
    try {
      const run = await reads.stored(this.shard, this.#next, room, outflow)
      if (this.#ended) return
      if ('code' in run) return this.end(run.code, run.message, run.damage)
      this.#deliver(run)
      const { damage } = run
      if (damage !== undefined) this.end('corruptData', `${this.shard.label}: ${damage.reason}`, damage)
    } finally {
      this.#reading = false
    }
    this.pump()
  }

  #later(schedule: (task: () => void) => void): void {
    this.#leaveTail()
    this.#queued = true
    schedule(() => {
      this.#queued = false
      this.pump()
    })
  }

  /** Waits for its share of a limit. */
  #pause(): void {
    this.#later((task) => {
      this.#cancelPause = this.#options.pace.wait(task)
    })
  }

  #leaveTail(): void {
    this.shard.waiters.delete(this)
  }

  #endTrimmed(): void {
    this.end('trimmed', `${this.shard.label} begins at ${this.shard.trimHorizon} now.`)
  }
}
