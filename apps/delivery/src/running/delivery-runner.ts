// One delivery in this copy of the app, under one definition: a member of its group, and a run for each of the shards that it gets.
// Runs in the app. Several copies share the shards; what two of them could do at once is fenced by the progress document.
import { MillraceError, type BatchContext, type Client, type Group, type StreamRecord } from 'millrace'
import { deliveryKinds, type DeliveryDefinition } from 'millrace/protocol'
import { groupOfDelivery, progressPrefix } from '../definitions/deliveries.ts'
import { takeProgress } from '../progress/progress-document.ts'
import type { ShardProgress } from '../progress/shard-progress.ts'
import type { SpoolRoom } from '../spool/spool-room.ts'
import { backoff, wait, type Clock } from '../engine/clock.ts'
import type { DeliveryParts, OpenDelivery } from '../engine/delivery-parts.ts'
import type { Retries } from '../replay/retries.ts'
import { ShardRun } from '../engine/shard-run.ts'
import { sourceRecords } from '../engine/source-records.ts'

export interface DeliveryRunnerParts {
  readonly client: Client
  readonly name: string
  readonly definition: DeliveryDefinition
  readonly parts: DeliveryParts
  readonly open: OpenDelivery
  readonly retries: Retries
  readonly room: SpoolRoom
  readonly clock: Clock
  readonly random: () => number
  readonly log: (level: 'info' | 'warn', message: string, error?: unknown) => void
}

/** Attempts of the group for a call: for ever, by its bound. What fails is a destination, never a record. */
const ATTEMPTS_MAX = 1_000_000

/** How long all that waits may take to be written, when a shard is given back. */
const FINISH_MS = 20_000

/** How often the group is told where a shard is, while records come. */
const CHECKPOINT_MS = 250

/** How long a shard that could not be finished is kept. */
const UNFINISHED_MS = 3_000

interface Held {
  readonly epoch: number
  readonly run: ShardRun
  /** The newest call: its context can checkpoint all that was taken. */
  context: BatchContext
  /** When the group was last told of it, by the monotonic clock. */
  checkpointAt: number
}

export class DeliveryRunner {
  readonly #parts: DeliveryRunnerParts
  readonly #held = new Map<string, Held>()
  readonly #ending = new AbortController()
  #group: Group<Uint8Array> | undefined
  /** Faults since the position of a shard has moved. */
  #faults = 0
  readonly #running: Promise<void>
  readonly #retrying: Promise<void>

  constructor(parts: DeliveryRunnerParts) {
    this.#parts = parts
    this.#running = this.#run()
    const { name, definition, retries } = parts
    this.#retrying = retries.run(name, definition, parts.parts, this.#ending.signal)
  }

  get definition(): DeliveryDefinition {
    return this.#parts.definition
  }

  /** Writes what waits, and leaves the group; a delivery that is deleted writes no more. */
  async stop({ isDeleted = false }: { readonly isDeleted?: boolean } = {}): Promise<void> {
    this.#ending.abort(new Error('The delivery is ended.'))
    if (isDeleted) {
      for (const { run } of this.#held.values()) run.stop(new Error('The delivery is deleted.'))
      this.#group?.abort()
    }
    await this.#group?.stop().catch(() => {})
    await this.#running
    await this.#retrying
    await this.#parts.parts.close()
  }

  /** Joins the group again where it cannot be joined now. Never rejects. */
  async #run(): Promise<void> {
    const { client, name, definition, clock, random, log } = this.#parts
    const { signal } = this.#ending
    for (let attempt = 0; !signal.aborted; attempt++) {
      const group = client.group({
        name: groupOfDelivery(name),
        streams: [{ stream: definition.source.stream, from: startOf(definition) }],
        checkpoint: 'manual',
        retry: { attempts: ATTEMPTS_MAX },
        onEvent: (event) => {
          if (event.type === 'joined') attempt = 0
          if (event.type === 'lost' || event.type === 'released' || event.type === 'ended') this.#drop(event)
          if (event.type === 'trimmed') {
            const { shardId, sequenceNumber, nextSequenceNumber } = event
            log(
              'warn',
              `${name}: records ${sequenceNumber} to ${nextSequenceNumber - 1} of ${shardId} expired before they were delivered`,
            )
          }
        },
      })
      this.#group = group
      try {
        await group.run((records, context) => this.#handle(records, context))
        if (!signal.aborted) await wait(clock, backoff(this.#faults, random), signal).catch(() => {})
      } catch (error) {
        if (signal.aborted) return
        const isOwnGroup = MillraceError.is(error, 'groupNotFound')
        if (!isOwnGroup)
          log('warn', `${name} cannot read ${definition.source.stream} now, and tries again`, error)
        await wait(clock, backoff(attempt, random), signal).catch(() => {})
      } finally {
        for (const { run } of this.#held.values()) run.stop(new Error('The delivery has left its group.'))
        this.#held.clear()
      }
    }
  }

  async #handle(records: readonly StreamRecord[], context: BatchContext): Promise<void> {
    const held = await this.#heldFor(context)
    held.context = context
    if (context.isLast) {
      await this.#finish(held)
      return
    }
    await held.run.take(sourceRecords(records, this.#parts.definition), context.position)
  }

  /** Everything must be delivered before a shard counts as processed to its end. */
  async #finish({ run, context }: Held): Promise<void> {
    const { clock } = this.#parts
    const { signal } = this.#ending
    const late = new AbortController()
    try {
      const finished = run.finish()
      await Promise.race([
        finished,
        wait(clock, FINISH_MS, late.signal).then(() => run.stop(new Error('It takes too long.'))),
      ])
      await finished
    } catch (error) {
      await wait(clock, UNFINISHED_MS, signal).catch(() => {})
      throw error
    } finally {
      late.abort()
    }
    await context.checkpoint()
  }

  async #heldFor(context: BatchContext): Promise<Held> {
    const { epoch } = context
    const key = `${context.stream}/${context.shardId}`
    const known = this.#held.get(key)
    if (known?.epoch === epoch) return known
    known?.run.stop(new Error('Another lease of the shard has begun.'))
    const run = await this.#openRun(context, () => this.#held.get(key))
    const held: Held = { epoch, run, context, checkpointAt: -Infinity }
    this.#held.set(key, held)
    return held
  }

  async #openRun(context: BatchContext, held: () => Held | undefined): Promise<ShardRun> {
    const { client, name, definition, parts, open, room, clock, random, log } = this.#parts
    const { streamId, shardId, epoch, signal } = context
    const shardIndex = Number(shardId.slice(shardId.lastIndexOf('-') + 1))
    const progress = await takeProgress({
      documents: client.documents<ShardProgress>(deliveryKinds.progress),
      name: `${progressPrefix(name)}${streamId}/${shardIndex}`,
      epoch,
      pause: (attempt) => wait(clock, backoff(attempt, random), signal),
      onTrouble: (error) =>
        log('warn', `${name}: the progress of ${shardId} cannot be kept now, and that is tried again`, error),
    })
    return ShardRun.open({
      shard: { delivery: name, streamId, shardIndex },
      definition,
      current: parts,
      open: (earlier) => open(name, earlier),
      progress,
      room,
      clock,
      random,
      log: (level, message, error) => log(level, `${name}: ${message}`, error),
      onFault: (error) => {
        if (held()?.epoch === epoch && !signal.aborted) this.#beginAgain(shardId, error)
      },
      onPosition: (position, isIdle) => {
        const now = held()
        if (now?.epoch !== epoch || position <= 0) return
        // The document says where to go on; the group's checkpoint says from where to read, and may be behind: each costs a flush.
        this.#faults = 0
        const at = clock.monotonic()
        if (!isIdle && at - now.checkpointAt < CHECKPOINT_MS) return
        now.checkpointAt = at
        now.context.checkpoint({ shardId, sequenceNumber: position - 1 }).catch(() => {})
      },
    })
  }

  /** Leaves the group, and joins it anew: what the shard had taken is read again, from what is durable. */
  #beginAgain(shardId: string, error: Error): void {
    const { name, log } = this.#parts
    this.#faults++
    log(
      'warn',
      `${name}: ${shardId} could not be gone on with, and the delivery begins again: ${error.message}`,
      error,
    )
    void this.#group?.stop().catch(() => {})
  }

  #drop({
    stream,
    shardId,
    epoch,
  }: {
    readonly stream: string
    readonly shardId: string
    readonly epoch: number
  }): void {
    const key = `${stream}/${shardId}`
    const held = this.#held.get(key)
    if (held?.epoch !== epoch) return
    this.#held.delete(key)
    held.run.stop(new Error('The lease of the shard has ended.'))
  }
}

/** Where the group begins in a stream that it has not read: what came before the delivery was made is not delivered with LATEST. */
function startOf({
  source,
  createdAt,
}: DeliveryDefinition): 'TRIM_HORIZON' | { readonly atTimestamp: number } {
  if (source.from === 'LATEST') return { atTimestamp: createdAt }
  return source.from
}
