// When and where the batches of parts may have been stored, and the look into a shard for those that may be. Runs in the client.
// All times are those of the broker.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import type { Routing, RoutingCache } from '../connecting/routing.ts'
import { toWirePosition } from '../reading/position.ts'
import { ShardLookups } from '../reading/start.ts'
import type { Settings } from '../settings.ts'
import type { BrokerClock } from './broker-clock.ts'
import { preparedLimits } from './options.ts'
import type { Part, SendingTimes } from './part.ts'
import { readBack } from './read-back.ts'
import type { ShardQueue } from './shard-queue.ts'

export interface PartLookupsDependencies {
  readonly stream: string
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly clock: BrokerClock
  readonly closing: AbortSignal
  /** The newest routing. */
  readonly routing: () => Routing
}

/** Whether the broker may have forgotten what was sent at these times. */
export function isOld({ sentFrom }: SendingTimes, now: number): boolean {
  return now - sentFrom > preparedLimits.rememberedMs || now < sentFrom - preparedLimits.clockBackMs
}

/** Times for another while of sending. */
export function timesFor(queue: ShardQueue, { times, inDoubt }: Part, time: number): SendingTimes {
  const sentUntil = time + preparedLimits.sendingMs
  return inDoubt ? { ...times!, sentUntil } : { from: queue.from, sentFrom: time, sentUntil }
}

export class PartLookups {
  readonly #dependencies: PartLookupsDependencies

  constructor(dependencies: PartLookupsDependencies) {
    this.#dependencies = dependencies
  }

  /** Looks for a part in its shard. What is found is settled; what is not was not stored until now. */
  async look(part: Part): Promise<void> {
    const { stream, settings, clock, closing, routing } = this.#dependencies
    const times = part.times!
    const found = await readBack(part, times, {
      ...this.#dependencies,
      routing: routing(),
      signal: closing,
    })
    const now = await clock.time(closing)
    part.settleBelow(found.nextSequence)
    part.times = { from: found.readTo, sentFrom: now, sentUntil: now + preparedLimits.sendingMs }
    if (found.isIncomplete && !part.isSettled) {
      const message =
        'records that may have been stored are stored again: what they are looked for in has expired'
      settings.log({ level: 'warn', message, stream, shardId: shardIdOf(part.shardIndex) })
    }
  }

  /** Gives parts the times of their first plan. */
  async prepare(parts: readonly Part[], queueOf: (shardIndex: number) => ShardQueue): Promise<void> {
    const { clock, closing } = this.#dependencies
    const untimed = parts.filter(({ times }) => times === undefined)
    if (untimed.length === 0) return
    const queues = new Set(untimed.map(({ shardIndex }) => queueOf(shardIndex)))
    await Promise.all([...queues].map((queue) => this.#placeQueue(queue)))
    const time = await clock.time(closing)
    for (const part of untimed) {
      const { from } = queueOf(part.shardIndex)
      part.times ??= { from, sentFrom: time, sentUntil: time + preparedLimits.sendingMs }
    }
  }

  /** Asks where the shard stands, so that little has to be read if something is looked for later. */
  async #placeQueue(queue: ShardQueue): Promise<void> {
    if (queue.isPlaced) return
    const { stream, routings, pool, settings, closing } = this.#dependencies
    const lookups = new ShardLookups<Routing>(this.#dependencies.routing(), {
      stream,
      routings,
      pool,
      settings,
      signal: closing,
    })
    try {
      const place = await lookups.resolve(queue.shardIndex, toWirePosition('LATEST'))
      queue.from = Math.max(queue.from, place?.tail ?? 0)
      queue.isPlaced = true
    } catch (error) {
      if (closing.aborted) throw error
      // Who may not read can write all the same, and is not asked for each append.
      queue.isPlaced = MillraceError.is(error) && error.retry === 'never'
    }
  }
}
