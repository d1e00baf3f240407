// Brings accepted records to their shards: gives lanes to the senders of their hosts, and decides what becomes of them
// after refusals, lost connections, deadlines and resharding. Runs in the client. The reasoning is in lane.ts.
// Records of a shard that is no more move to the shards that took its place only when nothing of it is in flight or in
// doubt; until then new records of its keys wait behind them, in its lane (see lanes.ts). So order per key survives a
// reshard, and no shard waits for another.
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { AppendResult } from '../../../protocol/operations.ts'
import type { RecordFields } from '../../../protocol/batch/record.ts'
import { encryptionOf } from '../../encryption/of-stream.ts'
import { asMillraceError, invalidAnswer } from '../../errors.ts'
import type { ConnectionPool } from '../../connecting/pool.ts'
import { backoffMs } from '../../retry.ts'
import type { BatchEncryption } from '../../encryption/batch-encryption.ts'
import type { Routing, RoutingCache } from '../../connecting/routing.ts'
import type { LogEntry, Settings } from '../../settings.ts'
import { sleep } from '../../waiting.ts'
import { Accumulator } from '../batches/accumulator.ts'
import { Backoffs } from './backoffs.ts'
import { HostSender, type SenderEvents } from './host-sender.ts'
import type { Lane, LaneVerdict } from '../lanes/lane.ts'
import { producerLimits, type ProducerSettings } from '../options.ts'
import type { BatchAcknowledgement } from '../acknowledgement.ts'
import type { BufferLoad } from '../buffer/room.ts'
import type { BatchWatch, PendingBatch } from '../batches/pending-batch.ts'
import { Pacer } from '../pacing/pacer.ts'
import type { WriteLimits } from '../pacing/shard-pace.ts'
import { ProducerMeter, type ProducerMetrics } from '../telemetry/meter.ts'
import { Relocation } from './relocation.ts'
import { Senders } from './senders.ts'
import { Sweep } from './sweep.ts'
import { storedUnknown, triedBy } from './waits.ts'

export interface DeliveryOptions {
  readonly stream: string
  readonly routing: Routing
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  /** Asks for the limits that each shard of the stream has. */
  readonly askLimits: (signal: AbortSignal) => Promise<WriteLimits>
  readonly settings: Settings
  readonly producerSettings: ProducerSettings
  readonly onStored: (acknowledgement: BatchAcknowledgement) => void
  readonly onRefused: (batch: PendingBatch, error: MillraceError, shardId: string) => void
  readonly onDelayed: (error: MillraceError, wait: { shardId: string; delayMs: number }) => void
}

export class Delivery implements SenderEvents {
  readonly #options: DeliveryOptions
  readonly #records: Accumulator
  readonly #relocation: Relocation
  readonly #senders: Senders
  readonly #backoffs: Backoffs
  /** Lanes that a refresh of the routing sets going again. */
  readonly #awaitingRouting = new Set<Lane>()
  readonly #encryption: BatchEncryption | undefined
  readonly #sweep: Sweep
  readonly #pacer: Pacer
  readonly #meter: ProducerMeter
  readonly #closing = new AbortController()
  #routing: Routing
  #isRefreshing = false
  /** How often the routing was asked for since something was stored. */
  #reroutes = 0
  #flushes = 0

  constructor(options: DeliveryOptions) {
    const { routing, producerSettings, settings } = options
    this.#options = options
    this.#routing = routing
    this.#encryption = encryptionOf(options.stream, settings, {
      onKey: (lane) => this.#schedule(lane),
      onNoKey: (lane, error) => lane.obstructed(error),
    })
    this.#records = new Accumulator({
      routing,
      encryption: this.#encryption,
      producerSettings,
      monotonic: settings.monotonic,
      random: settings.random,
      randomBytes: settings.randomBytes,
      onReady: (lane) => this.#schedule(lane),
    })
    this.#relocation = new Relocation(this.#records, (lane) => this.#forget(lane))
    this.#backoffs = new Backoffs(settings)
    this.#sweep = new Sweep({
      monotonic: settings.monotonic,
      deadlines: producerSettings,
      lanes: () => this.#records.lanes.all(),
      stateOf: (lane) => ({
        isConnected: this.#senders.isConnected(lane),
        asksForPlace: this.#awaitingRouting.has(lane),
        backsOff: this.#backoffs.has(lane),
        needsKey: this.#encryption?.holds(lane) === true,
      }),
      onDue: (lane) => this.#due(lane),
      log: (entry) => this.#log(entry),
    })
    this.#pacer = new Pacer({
      monotonic: settings.monotonic,
      isOn: producerSettings.pacing,
      askLimits: () => options.askLimits(this.#closing.signal),
    })
    this.#meter = new ProducerMeter(options.stream)
    const { pool } = options
    const { signal: closing } = this.#closing
    const shared = { pool, settings, producerSettings, events: this, meter: this.#meter, closing }
    this.#senders = new Senders((endpoint, streamId) => new HostSender({ ...shared, endpoint, streamId }))
  }

  /** What is accepted and not settled, now and later. */
  get load(): BufferLoad {
    return this.#records
  }

  metrics(): ProducerMetrics {
    const lanes = this.#records.lanes.all()
    const oldestAt = Math.min(...lanes.map((lane) => lane.oldestAt))
    return this.#meter.metrics({
      bufferedRecords: this.#records.bufferedRecords,
      bufferedBytes: this.#records.bufferedBytes,
      oldestMs: oldestAt === Infinity ? 0 : this.#options.settings.monotonic() - oldestAt,
      batchesInFlight: lanes.reduce((sum, { inFlight }) => sum + inFlight, 0),
      shardsDelayed: this.#backoffs.size,
    })
  }

  get isFlushing(): boolean {
    return this.#flushes > 0
  }

  /** Takes a record: see Accumulator.add. */
  add(record: RecordFields, hashKey: Uint32Array, hashKeyAt: number): PendingBatch {
    this.#sweep.start()
    return this.#records.add(record, hashKey, hashKeyAt)
  }

  /** Fulfils when everything accepted so far is settled. What lingers leaves now. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => {
      const watch: BatchWatch = { left: 1, done: resolve }
      for (const lane of this.#records.lanes.all()) for (const batch of lane.batches()) batch.addWatch(watch)
      this.#flushes++
      this.#senders.wakeAll()
      if (--watch.left === 0) resolve()
    })
    this.#flushes--
  }

  /** Sends nothing more, and refuses everything that is not settled. */
  close(error: MillraceError): void {
    this.#closing.abort()
    this.#sweep.stop()
    this.#relocation.close()
    this.#encryption?.close()
    this.#refuseAll(error)
    this.#senders.closeAll()
  }

  seal(lane: Lane): void {
    this.#records.seal(lane)
  }

  /** The time of its first batch is over: it is given up once nothing of the lane is in flight. */
  #due(lane: Lane): void {
    lane.halt()
    if (lane.inFlight > 0) return
    if (lane.hasOnlyOpen) this.seal(lane)
    this.stoodStill(lane)
  }

  holds(lane: Lane): boolean {
    if (lane.sendsAnew && this.#encryption?.isReadyFor(lane) === false) return true
    const waitMs = this.#pacer.waitMs(lane)
    if (waitMs === 0) return false
    if (!this.#backoffs.has(lane)) this.#backoffs.wait(lane, waitMs, () => this.#schedule(lane))
    return true
  }

  sent(lane: Lane, batch: PendingBatch): void {
    this.#records.prepare(batch)
    this.#pacer.sent(lane, batch)
  }

  stored(lane: Lane, batch: PendingBatch, result: AppendResult): void {
    const fault = lane.faultOf(batch, result.baseSequenceNumber)
    if (fault !== undefined) {
      this.#notStored(lane, batch, invalidAnswer(fault))
      return
    }
    const now = this.#options.settings.monotonic()
    batch.answered(lane.shardId, null, now)
    if (!lane.stored(batch, result.baseSequenceNumber)) return
    this.#reroutes = 0
    const acknowledgement: BatchAcknowledgement = {
      streamId: lane.streamId,
      shardId: lane.shardId,
      firstSequenceNumber: result.baseSequenceNumber,
      recordCount: batch.recordCount,
      arrivalTime: new Date(result.arrivalTime),
      durability: result.durability,
      attempts: batch.attempts,
    }
    this.#meter.stored(acknowledgement, batch.sentBytes.length, now - batch.acceptedAt)
    this.#records.releaseStored(batch)
    batch.acknowledge(acknowledgement)
    this.#options.onStored(acknowledgement)
  }

  refused(lane: Lane, batch: PendingBatch, error: MillraceError): void {
    if (error.code !== 'duplicateTooOld') this.#notStored(lane, batch, error)
    // Stored, and so long ago that its number is forgotten: the sequence goes on behind it.
    else if (lane.stored(batch)) this.#refuse(lane, batch, storedUnknown(error, lane.place))
  }

  #notStored(lane: Lane, batch: PendingBatch, error: MillraceError): void {
    batch.answered(lane.shardId, error.code, this.#options.settings.monotonic())
    this.#meter.failed(lane.shardId, error)
    this.#pacer.refused(lane, batch, error)
    lane.refused(batch, error)
  }

  stoodStill(lane: Lane): void {
    if (!this.#records.lanes.has(lane)) return
    this.#stopWaiting(lane)
    const { settings, producerSettings } = this.#options
    const verdict = lane.verdict(settings.monotonic(), producerSettings)
    if (verdict.verdict === 'giveUp') this.#giveUp(lane, verdict)
    else if (verdict.verdict === 'reroute' && (lane.isInDoubt || !lane.isVanishing))
      this.#awaitRouting([lane])
    else if (lane.isVanishing) this.#vanish(lane)
    else this.#retry(lane)
  }

  unreachable(sender: HostSender, error: MillraceError): void {
    this.#log({ level: 'warn', message: 'a host cannot be reached; asking where its shards are', error })
    const lanes = sender.release()
    for (const lane of lanes) lane.obstructed(error)
    this.#awaitRouting(lanes)
  }

  /** Gives the lane to the host of its shard; while something is in flight it stays with the host that has it. */
  #schedule(lane: Lane): void {
    if (this.#closing.signal.aborted) return
    const endpoint = this.#isKnown(lane) ? this.#routing.hostOf(lane.shardIndex) : undefined
    const sender = this.#senders.assign(lane, endpoint)
    if (sender === undefined) this.#vanish(lane)
    else sender.schedule(lane)
  }

  /** The shard takes records, or can at least be asked for those that it has: it is not expired, nor another stream's. */
  #isKnown(lane: Lane): boolean {
    return lane.streamId === this.#routing.streamId && this.#routing.shard(lane.shardIndex) !== undefined
  }

  /** Sends the lane's batches again, after a while where their refusal asks for it. */
  #retry(lane: Lane): void {
    this.#stopWaiting(lane)
    const { refusal } = lane
    if (refusal === undefined || refusal.retry === 'reconnect') {
      this.#resume(lane)
      return
    }
    // It may be on its way again: whose host could not be reached was not halted by a refusal.
    lane.halt()
    const delayMs = this.#backoffs.delayOf(lane, refusal)
    const { shardId } = lane
    this.#log({ level: 'debug', message: 'appends are tried again', shardId, delayMs, error: refusal })
    this.#meter.delayed(shardId, refusal, delayMs)
    if (refusal.retry === 'backoff') this.#options.onDelayed(refusal, { shardId, delayMs })
    this.#backoffs.wait(lane, delayMs, () => {
      // A closed shard never opens again: what to ask for is not the shard, but where its records go now.
      if (refusal.code === 'shardClosed' && !lane.isVanishing) this.#awaitRouting([lane])
      else this.#resume(lane)
    })
  }

  #resume(lane: Lane): void {
    lane.resume()
    this.#schedule(lane)
  }

  #stopWaiting(lane: Lane): void {
    this.#backoffs.end(lane)
    this.#awaitingRouting.delete(lane)
  }

  #giveUp(lane: Lane, verdict: LaneVerdict & { verdict: 'giveUp' }): void {
    for (const batch of lane.drop(verdict.count)) this.#refuse(lane, batch, verdict.error)
    if (lane.isVanishing) {
      this.#vanish(lane)
      return
    }
    this.#records.startOver(lane)
    // A host that has forgotten the producer takes its next epoch. If it refuses that too, the lane waits before it asks again.
    if (verdict.count > 0 || lane.attempts++ === 0) return
    lane.halt()
    lane.obstructed(verdict.error)
    this.#backoffs.wait(lane, this.#backoffs.delayOf(lane, verdict.error), () => this.#resume(lane))
  }

  #refuse(lane: Lane, batch: PendingBatch, reason: MillraceError): void {
    const error = triedBy(reason, batch.attempts)
    this.#records.release(batch)
    this.#meter.refused(lane.shardId, batch.recordCount, error)
    batch.refuse(error)
    this.#options.onRefused(batch, error, lane.shardId)
  }

  #refuseAll(error: MillraceError): void {
    for (const lane of this.#records.lanes.all()) {
      // Removed: what comes later gets new lanes, and so new producer ids. Of these, some may still arrive.
      this.#forget(lane)
      for (const end of lane.end(error)) this.#refuse(lane, end.batch, end.error)
    }
  }

  #forget(lane: Lane): void {
    this.#stopWaiting(lane)
    this.#senders.forget(lane)
    this.#encryption?.forget(lane)
    this.#relocation.forget(lane)
    this.#records.lanes.remove(lane)
  }

  #awaitRouting(lanes: readonly Lane[]): void {
    for (const lane of lanes) this.#awaitingRouting.add(lane)
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    this.#refresh().then(
      (routing) => {
        this.#isRefreshing = false
        this.#adopt(routing)
      },
      (thrown: unknown) => {
        this.#isRefreshing = false
        if (this.#closing.signal.aborted) return
        const error = asMillraceError(thrown)
        this.#log({ level: 'warn', message: 'the shards of the stream cannot be learnt', error })
        if (error.retry === 'never') {
          this.#refuseAll(error)
          return
        }
        for (const lane of this.#awaitingRouting) lane.obstructed(error)
        this.#goOn()
      },
    )
  }

  /** Fresh routing; after some that did not help, not at once. */
  async #refresh(): Promise<Routing> {
    const { routings, stream, settings } = this.#options
    const { signal } = this.#closing
    const attempt = this.#reroutes++ - producerLimits.reroutesAtOnce
    if (attempt >= 0) await sleep(backoffMs(settings.retry, attempt, settings.random), signal)
    return routings.refresh(stream, this.#routing, signal)
  }

  #adopt(routing: Routing): void {
    if (this.#closing.signal.aborted) return
    this.#routing = routing
    const vanishing = this.#records.lanes.adopt(routing)
    for (const lane of vanishing) {
      this.#stopWaiting(lane)
      if (lane.standsStill) this.#vanish(lane)
    }
    this.#goOn()
    this.#senders.closeUnused()
  }

  #goOn(): void {
    const lanes = [...this.#awaitingRouting]
    this.#awaitingRouting.clear()
    for (const lane of lanes) {
      if (lane.inFlight > 0) continue
      if (lane.isVanishing) this.#vanish(lane)
      else this.#retry(lane)
    }
  }

  /** The shard is no more, and nothing of it is in flight: what is in doubt is asked for, or given up; the rest moves. */
  #vanish(lane: Lane): void {
    if (this.#relocation.has(lane)) return
    if (lane.isInDoubt && this.#isKnown(lane)) {
      this.#retry(lane)
      return
    }
    if (lane.isInDoubt) {
      const { count, error } = lane.giveUp(new MillraceError('shardNotFound', 'The shard is gone.'))
      for (const batch of lane.drop(count)) this.#refuse(lane, batch, error)
    }
    lane.halt()
    this.#relocation.begin(lane)
  }

  #log(entry: LogEntry): void {
    this.#options.settings.log({ ...entry, stream: this.#options.stream })
  }
}
