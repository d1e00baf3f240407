// Moves batches of many shards to one host: append requests over one shared connection, a bounded number at a time.
// Runs in the client. Batching is natural: full batches leave as soon as a request is free; others only while the pipeline
// is nearly empty, or when they have grown so far that waiting gains nothing. At most one round of sending a turn.
import { errorCodeOf } from '../../../protocol/error-codes.ts'
import { limits } from '../../../protocol/limits.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { AppendResult, ResponseOf } from '../../../protocol/operations.ts'
import { countOf } from '../../../protocol/text/count-text.ts'
import { addressText, type Endpoint } from '../../connecting/address.ts'
import type { Connection } from '../../connecting/connection.ts'
import { asMillraceError, invalidAnswer } from '../../errors.ts'
import type { ConnectionPool } from '../../connecting/pool.ts'
import type { Settings } from '../../settings.ts'
import type { Lane } from '../lanes/lane.ts'
import { producerLimits, type ProducerSettings } from '../options.ts'
import type { PendingBatch, SendTime } from '../batches/pending-batch.ts'
import type { ProducerMeter } from '../telemetry/meter.ts'

/** What a sender tells of its lanes. */
export interface SenderEvents {
  stored(lane: Lane, batch: PendingBatch, result: AppendResult): void
  refused(lane: Lane, batch: PendingBatch, error: MillraceError): void
  /** Nothing of the lane is in flight, and it is halted. */
  stoodStill(lane: Lane): void
  /** No connection could be made. */
  unreachable(sender: HostSender, error: MillraceError): void
  /** The lane's open batch is to be sealed. */
  seal(lane: Lane): void
  /** The lane is not to send for now; then it is scheduled again. */
  holds(lane: Lane): boolean
  /** The batch goes out with the next request. */
  sent(lane: Lane, batch: PendingBatch): void
  /** Batches that are not full leave without lingering. */
  readonly isFlushing: boolean
}

interface Sending {
  readonly lane: Lane
  readonly batch: PendingBatch
}

export interface HostSenderOptions {
  readonly endpoint: Endpoint
  readonly streamId: number
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly producerSettings: ProducerSettings
  readonly events: SenderEvents
  readonly meter: ProducerMeter
  readonly closing: AbortSignal
}

export class HostSender {
  readonly #options: HostSenderOptions
  /** Lanes that may have a sealed batch to send, in the order of their turn; and those with an open one only. */
  readonly #sealed = new Set<Lane>()
  readonly #partial = new Set<Lane>()
  #requestsInFlight = 0
  #connection: Connection | undefined
  #isConnecting = false
  #turn: NodeJS.Immediate | undefined
  #linger: NodeJS.Timeout | undefined
  readonly #onRoom = () => this.wake()

  constructor(options: HostSenderOptions) {
    this.#options = options
  }

  /** host:port of the host. */
  get address(): string {
    return addressText(this.#options.endpoint)
  }

  get isConnected(): boolean {
    return this.#connection?.isOpen === true
  }

  /** The lane may have something to send. */
  schedule(lane: Lane): void {
    if (lane.hasSealed) this.#sealed.add(lane)
    else if (lane.hasPartial) this.#partial.add(lane)
    else return
    this.wake()
  }

  /** Lanes that wait for this host, handed back. */
  release(): Lane[] {
    const lanes = [...this.#sealed, ...this.#partial]
    this.#sealed.clear()
    this.#partial.clear()
    return lanes
  }

  forget(lane: Lane): void {
    this.#sealed.delete(lane)
    this.#partial.delete(lane)
  }

  wake(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      this.#send()
    })
  }

  close(): void {
    clearImmediate(this.#turn)
    clearTimeout(this.#linger)
    this.release()
    this.#connection?.offerRoom()
  }

  #send(): void {
    const connection = this.#connection
    if (this.#options.closing.aborted || this.#sealed.size + this.#partial.size === 0) {
      connection?.offerRoom()
      return
    }
    if (!connection?.isOpen) {
      this.#connect()
      return
    }
    while (this.#requestsInFlight < producerLimits.requestsInFlightMax && connection.hasRoomForAppend) {
      const sendings = this.#gather()
      if (sendings.length === 0) break
      this.#append(connection, sendings)
    }
    if (connection.hasRoomForAppend) connection.offerRoom()
    // Producers of many streams share the connection: who finds it full waits for its turn.
    else if (this.#sealed.size + this.#partial.size > 0) connection.onRoomForAppend(this.#onRoom)
  }

  #connect(): void {
    if (this.#isConnecting) return
    this.#isConnecting = true
    const { pool, endpoint, closing, events } = this.#options
    pool.connect(endpoint, closing).then(
      (connection) => {
        this.#isConnecting = false
        this.#connection = connection
        this.wake()
      },
      (error: unknown) => {
        this.#isConnecting = false
        if (!closing.aborted) events.unreachable(this, asMillraceError(error))
      },
    )
  }

  /** What the next request carries. */
  #gather(): Sending[] {
    const { events } = this.#options
    const sendings: Sending[] = []
    let bytes = 0
    const isFull = () => bytes >= producerLimits.requestBytes || sendings.length >= limits.appendBatchesMax
    const take = (lane: Lane) => {
      const batch = lane.take()
      events.sent(lane, batch)
      bytes += batch.sentBytes.length
      sendings.push({ lane, batch })
    }
    for (const lane of this.#sealed) {
      if (isFull()) return sendings
      this.#sealed.delete(lane)
      let isHeld = false
      while (lane.hasSealed && !isFull() && !(isHeld = events.holds(lane))) take(lane)
      if (isHeld) continue
      // To the end of the line: the lanes before it come first in the next request.
      if (lane.hasSealed) this.#sealed.add(lane)
      else if (lane.hasPartial) this.#partial.add(lane)
    }
    const countMax = sendings.length + this.#partialAllowance()
    for (const lane of this.#partial) {
      if (isFull() || sendings.length >= countMax) return sendings
      if (lane.hasPartial && !this.#isRipe(lane)) continue
      this.#partial.delete(lane)
      if (!lane.hasPartial || events.holds(lane)) continue
      events.seal(lane)
      take(lane)
    }
    return sendings
  }

  /** How many batches that are not full may leave with the next request. */
  #partialAllowance(): number {
    const { partialRequestsInFlightMax, partialBatchesMax, partialBatchBytes, requestBytes } = producerLimits
    if (this.#requestsInFlight < partialRequestsInFlightMax) return partialBatchesMax
    let bytes = 0
    for (const lane of this.#partial) bytes += lane.open?.bufferedBytes ?? 0
    // With very many shards the buffer is full before their batches have grown.
    const share = this.#options.producerSettings.bufferBytesMax / 4
    const grown = Math.min(this.#partial.size * partialBatchBytes, share)
    return bytes >= Math.max(grown, requestBytes) ? Infinity : 0
  }

  /** Whether a batch that is not full has lingered long enough; if not, a timer looks again. */
  #isRipe(lane: Lane): boolean {
    const { settings, producerSettings, events } = this.#options
    if (producerSettings.lingerMs === 0 || events.isFlushing) return true
    const left = lane.oldestAt + producerSettings.lingerMs - settings.monotonic()
    if (left <= 0) return true
    this.#linger ??= setTimeout(() => {
      this.#linger = undefined
      this.#send()
    }, left)
    return false
  }

  #append(connection: Connection, sendings: readonly Sending[]): void {
    const { streamId, settings, meter } = this.#options
    const sentAt: SendTime = { at: new Date(settings.clock()), tick: settings.monotonic() }
    const batches = sendings.map(({ lane, batch }) => {
      batch.sentAt = sentAt
      return {
        streamId,
        shardIndex: lane.shardIndex,
        batch: batch.sentBytes,
        producerSecret: batch.producerSecret,
      }
    })
    meter.requested(sendings)
    this.#requestsInFlight++
    const settle = (error: MillraceError | undefined, response: ResponseOf<'append'> | undefined) => {
      this.#requestsInFlight--
      this.#settle(sendings, error, response?.results ?? [])
    }
    try {
      connection.send('append', { batches }, settle)
    } catch (error) {
      settle(asMillraceError(error), undefined)
    }
  }

  #settle(
    sendings: readonly Sending[],
    error: MillraceError | undefined,
    results: readonly AppendResult[],
  ): void {
    const { events } = this.#options
    const isCounted = results.length === sendings.length
    const failure = error ?? (isCounted ? undefined : miscounted(sendings.length, results.length))
    for (const [i, { lane, batch }] of sendings.entries()) {
      const result = results[i]!
      if (failure !== undefined) events.refused(lane, batch, failure)
      else if (result.code === 0) events.stored(lane, batch, result)
      else events.refused(lane, batch, refusalOf(result))
    }
    for (const lane of new Set(sendings.map((sending) => sending.lane))) {
      if (lane.standsStill) events.stoodStill(lane)
      else this.schedule(lane)
    }
    this.wake()
  }
}

function refusalOf(result: AppendResult): MillraceError {
  const code = errorCodeOf(result.code)
  const message = result.message ?? `The batch was refused: ${code}.`
  return new MillraceError(
    code,
    message,
    result.retryAfterMs === undefined ? {} : { retryAfterMs: result.retryAfterMs },
  )
}

function miscounted(sent: number, answered: number): MillraceError {
  return invalidAnswer(
    `The host answered an append of ${countOf(sent, 'batch', 'batches')} with ${countOf(answered, 'result')}.`,
  )
}
