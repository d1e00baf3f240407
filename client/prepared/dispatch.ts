// Brings the parts of prepared appends to their shards: one queue a shard, each driven by itself. Runs in the client. What is sent
// again has the same numbers and is stored once; what a closed shard did not store is laid out anew. The reasoning is in
// docs/adr/0021-appends-that-are-prepared.md.
import { encryptBatch } from '../../protocol/batch/encryption.ts'
import { NONCE_BYTES } from '../../protocol/batch/envelope.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { Connection } from '../connecting/connection.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import type { Routing, RoutingCache } from '../connecting/routing.ts'
import { ensureKey } from '../encryption/of-stream.ts'
import { asMillraceError } from '../errors.ts'
import { drawIdentity } from '../producer/lanes/identity.ts'
import { madeAgain } from '../reading/start.ts'
import { backoffMs, boundsFor } from '../retry.ts'
import type { Settings } from '../settings.ts'
import type { BrokerClock } from './broker-clock.ts'
import type { PreparedCall } from './call.ts'
import { layOut, type LayoutSettings } from './layout.ts'
import { isOld, PartLookups, timesFor } from './part-lookups.ts'
import { Part, type PreparedBatch } from './part.ts'
import type { KnownPart } from './plan.ts'
import { sendRound } from './round.ts'
import { ShardQueue, type RoundBatch } from './shard-queue.ts'

export interface DispatchDependencies {
  readonly stream: string
  readonly routing: Routing
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly layout: LayoutSettings
  readonly clock: BrokerClock
  /** Fires when the writer is closed. */
  readonly closing: AbortSignal
  /** Called when the stream is no more. */
  readonly onGone: (error: MillraceError) => void
}

export class Dispatch {
  readonly #dependencies: DispatchDependencies
  readonly #lookups: PartLookups
  readonly #queues = new Map<number, ShardQueue>()
  /** By which records are laid out. */
  #routing: Routing
  /** The newest one. Records are laid out by it once nothing of the shards that it closes is in doubt. */
  #fresh: Routing
  #refreshing: Promise<void> | undefined

  constructor(dependencies: DispatchDependencies) {
    this.#dependencies = dependencies
    this.#routing = dependencies.routing
    this.#fresh = dependencies.routing
    this.#lookups = new PartLookups({ ...dependencies, routing: () => this.#fresh })
    dependencies.closing.addEventListener('abort', () => this.#wakeAll(), { once: true })
  }

  get streamId(): number {
    return this.#routing.streamId
  }

  /** Lays records of a call out, and sends them once their plan is kept. Throws `invalidArgument`, and has done nothing then. */
  place(call: PreparedCall, indexes: Iterable<number>): void {
    const now = this.#dependencies.settings.monotonic()
    const { layout } = this.#dependencies
    const numberingOf = (shardIndex: number) => {
      const queue = this.#queueOf(shardIndex)
      queue.refresh(now)
      return queue.numbering
    }
    const laidOut = layOut(call.records, indexes, { map: this.#routing.map, settings: layout, numberingOf })
    for (const [shardIndex, batches] of laidOut) {
      const queue = this.#queueOf(shardIndex)
      const range = this.#routing.rangeOf(shardIndex)!
      const part = new Part(call, { shardIndex, range, ...queue.numbering }, batches)
      call.add(part)
      queue.add(part)
      this.#start(queue)
    }
    // At once, before its turn in the queues; if the broker cannot be asked, they try again.
    if (laidOut.size > 0) this.#keep(call).catch(() => {})
  }

  /** Sends what of a plan is not known to be stored, under the numbers of the plan. `isKept`: the plan says just that already. */
  placePlanned(
    call: PreparedCall,
    parts: readonly (KnownPart & { readonly batches: PreparedBatch[] })[],
    isKept: boolean,
  ): void {
    for (const { planned, shardIndex, range, identity, batches } of parts) {
      const counts = planned.batches.slice(0, planned.stored)
      for (const batch of batches) batch.inDoubt = true
      const place = { shardIndex, range, identity, firstSequence: planned.firstSequence }
      const part = new Part(call, place, batches, { counts, times: planned })
      if (part.isEmpty) continue
      call.add(part)
      if (part.isSettled) continue
      const queue = this.#queueOf(shardIndex)
      queue.addPlanned(part)
      this.#start(queue)
    }
    if (isKept) call.isAsKept()
    this.#settle(call)
  }

  /** Forgets a call that is over. */
  drop(call: PreparedCall): void {
    for (const queue of this.#queues.values()) queue.drop(call)
  }

  #queueOf(shardIndex: number): ShardQueue {
    let queue = this.#queues.get(shardIndex)
    if (queue === undefined) {
      const from = this.#fresh.shard(shardIndex)?.startingSequenceNumber ?? 0
      queue = new ShardQueue(shardIndex, from, () => drawIdentity(this.#dependencies.settings.randomBytes))
      this.#queues.set(shardIndex, queue)
    }
    return queue
  }

  #start(queue: ShardQueue): void {
    if (queue.isDriven) return
    queue.isDriven = true
    void this.#drive(queue)
  }

  async #drive(queue: ShardQueue): Promise<void> {
    const { closing } = this.#dependencies
    let attempts = 0
    // After the turn in which records are laid out: until then a call does not have all of its parts.
    await Promise.resolve()
    for (;;) {
      queue.shift()
      const part = queue.parts[0]
      if (part === undefined || closing.aborted) break
      try {
        const hasStored = await this.#step(queue, part)
        if (hasStored) attempts = 0
      } catch (error) {
        if (!closing.aborted) await this.#refused(queue, part, asMillraceError(error), attempts++)
      }
    }
    queue.isDriven = false
    // Others may wait for nothing but this one.
    if (!closing.aborted) this.#adopt()
  }

  /** Takes the next step with the first part of a queue; fulfils with whether batches were stored. Rejects with a refusal. */
  async #step(queue: ShardQueue, part: Part): Promise<boolean> {
    const { clock, closing } = this.#dependencies
    const { call } = part
    if (this.#isVanishing(queue) && !part.inDoubt) {
      await this.#rest(queue)
      return false
    }
    if (!call.isKept) {
      await this.#keep(call)
      return false
    }
    // Whether the broker still knows what may be stored is not guessed.
    const time = await (part.inDoubt ? clock.ask(closing) : clock.time(closing))
    // The call may have been given up meanwhile.
    if (queue.parts[0] !== part) return false
    const times = part.times!
    if (part.inDoubt && isOld(times, time)) {
      await this.#look(part)
      return false
    }
    if (time >= times.sentUntil) {
      part.times = timesFor(queue, part, time)
      call.changed()
      return false
    }
    const maySend = (other: Part) =>
      other.call.isKept && time < other.times!.sentUntil && !(other.inDoubt && isOld(other.times!, time))
    const round = queue.round(maySend)
    return round.length > 0 && this.#send(queue, round)
  }

  /** Has the plan of a call kept. One that is given up meanwhile does not wait for its caller. */
  async #keep(call: PreparedCall): Promise<void> {
    const prepare = (parts: readonly Part[]) =>
      this.#lookups.prepare(parts, (shardIndex) => this.#queueOf(shardIndex))
    await Promise.race([call.keep(prepare), call.settled.catch(() => {})])
  }

  /** Sends batches once; fulfils with whether they are stored, rejects with what the first one that is not was refused with. */
  async #send(queue: ShardQueue, round: readonly RoundBatch[]): Promise<boolean> {
    const { pool, closing } = this.#dependencies
    const { shardIndex } = queue
    await this.#encrypt(round)
    const endpoint = this.#fresh.hostOf(shardIndex)
    if (endpoint === undefined) {
      this.#gone(queue)
      return false
    }
    const connection = await pool.connect(endpoint, closing)
    await roomOn(connection)
    // What was given up meanwhile is not sent.
    if (round.some(({ part }) => part.call.isOver)) return false
    const { storedTo, refusal } = await sendRound(connection, { streamId: this.streamId, shardIndex }, round)
    if (storedTo !== undefined) {
      queue.from = Math.max(queue.from, storedTo)
      queue.isPlaced = true
    }
    for (const call of new Set(round.map(({ part }) => part.call))) this.#settle(call)
    queue.isHeldBack = refusal !== undefined
    if (refusal !== undefined) throw refusal
    return true
  }

  async #encrypt(round: readonly RoundBatch[]): Promise<void> {
    const { stream, settings, layout, closing } = this.#dependencies
    if (!layout.isEncrypted) return
    for (const { batch } of round) {
      if (batch.encrypted !== undefined) continue
      await ensureKey(stream, settings, { signal: undefined, closing })
      const { key } = settings.encryption!.keys.current(stream)
      if (key === undefined)
        throw new MillraceError('unavailable', 'The key to encrypt with has become too old.')
      const nonce = settings.randomBytes(NONCE_BYTES)
      batch.encrypted = encryptBatch(batch.bytes, { key, stream, nonce, random: settings.random })
    }
  }

  /** Decides what becomes of a part that was refused, or could not be sent. */
  async #refused(queue: ShardQueue, part: Part, error: MillraceError, attempts: number): Promise<void> {
    if (part.call.isOver) return
    try {
      switch (error.code) {
        case 'outOfOrderSequence':
        case 'producerUnproven':
        case 'producerFenced':
          if (part.inDoubt) await this.#look(part)
          if (part.isSettled || part.call.isOver || queue.parts[0] !== part) return
          // It cannot be stored any more under these numbers: the broker takes them only after those before them.
          for (const batch of part.batches) batch.inDoubt = false
          if (!this.#isVanishing(queue)) queue.renumber()
          if (attempts === 0) return
          break
        case 'shardClosed':
        case 'hashKeyOutOfRange':
          // The shard says that it does not have the batch and never will.
          for (const batch of part.batches) batch.inDoubt = false
          await this.#refresh()
          if (this.#isVanishing(queue)) return
          break
        default:
          if (error.retry === 'never') {
            part.call.fail(error)
            return
          }
          if (error.retry === 'reroute' || error.code === 'unavailable') await this.#refresh()
      }
    } catch (thrown) {
      if (this.#dependencies.closing.aborted) return
      const failure = asMillraceError(thrown)
      if (failure.retry === 'never') {
        part.call.fail(failure)
        return
      }
    }
    const { stream, settings } = this.#dependencies
    const bounds = boundsFor(error, settings.retry, attempts)
    const delayMs = backoffMs(bounds, attempts, settings.random, error.retryAfterMs)
    const shardId = shardIdOf(queue.shardIndex)
    settings.log({
      level: 'debug',
      message: 'a prepared append is tried again',
      stream,
      shardId,
      delayMs,
      error,
    })
    await this.#pause(queue, delayMs)
  }

  /** Waits; ends early when something of the queue has changed. */
  #pause(queue: ShardQueue, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs)
      queue.wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#dependencies.closing.aborted) queue.wake()
    })
  }

  #wakeAll(): void {
    for (const queue of this.#queues.values()) queue.wake()
  }

  async #look(part: Part): Promise<void> {
    await this.#lookups.look(part)
    part.call.changed()
    this.#settle(part.call)
  }

  /** Something of the call was settled. */
  #settle(call: PreparedCall): void {
    if (call.isOver || !call.hasStoredParts) return
    const { left } = call
    if (left.length === 0) {
      call.done()
      return
    }
    call.left = []
    this.#placeOrFail(call, left)
  }

  /** Records that were changed since the call may be none any more. */
  #placeOrFail(call: PreparedCall, indexes: readonly number[]): void {
    try {
      this.place(call, indexes)
    } catch (error) {
      call.fail(error)
    }
  }

  /** The shard has expired: what of it is in doubt cannot be known. */
  #gone(queue: ShardQueue): void {
    const { stream, settings } = this.#dependencies
    const message = 'records that may have been stored are stored again: their shard has expired'
    settings.log({ level: 'warn', message, stream, shardId: shardIdOf(queue.shardIndex) })
    for (const part of queue.parts) for (const batch of part.batches) batch.inDoubt = false
  }

  #isVanishing(queue: ShardQueue): boolean {
    return this.#fresh.shard(queue.shardIndex)?.state !== 'OPEN'
  }

  async #refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshNow().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  async #refreshNow(): Promise<void> {
    const { routings, stream, closing, onGone } = this.#dependencies
    try {
      const fresh = await routings.refresh(stream, this.#fresh, closing)
      if (fresh.streamId !== this.streamId) throw madeAgain(stream)
      this.#fresh = fresh
    } catch (error) {
      if (MillraceError.is(error, 'streamNotFound')) onGone(error)
      throw error
    }
    this.#adopt()
    // Those that wait before they send again may have to move.
    this.#wakeAll()
  }

  /** Waits until the records of the queue are laid out anew: until nothing of any shard that vanishes is in doubt. */
  async #rest(queue: ShardQueue): Promise<void> {
    queue.isAtRest = true
    this.#adopt()
    while (queue.parts.length > 0 && this.#isVanishing(queue) && !this.#dependencies.closing.aborted) {
      await new Promise<void>((resolve) => (queue.wake = resolve))
      this.#adopt()
    }
    queue.isAtRest = false
  }

  /** Lays out by the newest routing what the shards that it closes did not store: in the order of calls, and of their records. */
  #adopt(): void {
    const vanishing = [...this.#queues.values()].filter((queue) => this.#isVanishing(queue))
    if (vanishing.length === 0 && this.#fresh === this.#routing) return
    if (vanishing.some(({ parts, isAtRest }) => parts.length > 0 && !isAtRest)) return
    const moving = new Map<PreparedCall, number[]>()
    for (const queue of vanishing) {
      for (const part of queue.parts) {
        const indexes = part.cut().flatMap((batch) => batch.indexes)
        part.call.removeEmpty(part)
        const others = moving.get(part.call)
        moving.set(part.call, others === undefined ? indexes : [...others, ...indexes])
      }
      queue.parts = []
      this.#queues.delete(queue.shardIndex)
      queue.wake()
    }
    this.#routing = this.#fresh
    for (const [call, indexes] of [...moving].sort(([a], [b]) => a.number - b.number)) {
      const inOrder = indexes.sort((a, b) => a - b)
      this.#placeOrFail(call, inOrder)
    }
  }
}

/** Waits until another append may be sent. */
async function roomOn(connection: Connection): Promise<void> {
  while (connection.isOpen && !connection.hasRoomForAppend) {
    await new Promise<void>((resolve) => connection.onRoomForAppend(resolve))
  }
}
