// Carries out wishes that error documents are replayed: one copy of the app at a time for each. Runs in the app. A copy that is not heard
// of any more is replaced by another; what it had begun is gone on with.
import type { Client } from 'millrace'
import { deliveryKinds, type DeliveryDefinition, type DeliveryRetry } from 'millrace/protocol'
import type { ShardProgress } from '../progress/shard-progress.ts'
import type { SpoolRoom } from '../spool/spool-room.ts'
import { wait, type Clock } from '../engine/clock.ts'
import type { DeliveryParts, OpenDelivery } from '../engine/delivery-parts.ts'
import { errorKeys, replay } from './error-replay.ts'

export interface RetriesParts {
  readonly client: Client
  /** A name of this copy that no other has. */
  readonly copy: string
  readonly open: OpenDelivery
  readonly room: SpoolRoom
  readonly clock: Clock
  readonly random: () => number
  readonly log: (level: 'info' | 'warn', message: string, error?: unknown) => void
}

/** How often wishes are looked at, and how long a copy may be silent before another takes its place. */
const LOOK_MS = 1000
const SILENT_MS = 30_000

export class Retries {
  readonly #parts: RetriesParts

  constructor(parts: RetriesParts) {
    this.#parts = parts
  }

  /** Carries out the wishes of one delivery, until the signal fires. Never rejects. */
  async run(
    name: string,
    definition: DeliveryDefinition,
    parts: DeliveryParts,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = this.#parts
    while (!signal.aborted) {
      try {
        const wish = await this.#claim(name)
        if (wish !== undefined) await this.#carryOut(wish, { name, definition, parts, signal })
      } catch (error) {
        if (!signal.aborted) log('warn', `${name}: error documents could not be replayed`, error)
      }
      await wait(clock, LOOK_MS, signal).catch(() => {})
    }
  }

  async #claim(name: string): Promise<DeliveryRetry | undefined> {
    const { client, copy, clock } = this.#parts
    const retries = client.documents<DeliveryRetry>(deliveryKinds.retries)
    const found = await retries.get(name)
    if (found === undefined) return undefined
    const { state, by } = found.value
    const isSilent = by === undefined || by.copy === copy || by.renewedAt < clock.now() - SILENT_MS
    if (state !== 'wanted' && !(state === 'running' && isSilent)) return undefined
    const wish: DeliveryRetry = { ...found.value, state: 'running', by: { copy, renewedAt: clock.now() } }
    try {
      await retries.put(name, wish, { expectedVersion: found.version })
      return wish
    } catch {
      // Another copy was first, or it is looked at again.
      return undefined
    }
  }

  async #carryOut(
    wish: DeliveryRetry,
    delivery: {
      readonly name: string
      readonly definition: DeliveryDefinition
      readonly parts: DeliveryParts
      readonly signal: AbortSignal
    },
  ): Promise<void> {
    const { client, open, room, clock, random, log } = this.#parts
    const { name, signal, parts } = delivery
    const store = parts.errorStore
    let state: DeliveryRetry = wish
    try {
      if (store === undefined) throw new Error('It has no place for error documents.')
      const documents = client.documents<ShardProgress>(deliveryKinds.progress)
      const rim = { room, clock, random, signal, log, documents }
      for (const key of await errorKeys(store, name, wish.prefix, signal)) {
        const records = await replay(key, store, {
          ...delivery,
          ...rim,
          open: (earlier) => open(name, earlier),
        })
        state = { ...state, documents: state.documents + 1, records: state.records + records }
        state = await this.#keep(name, state)
      }
      await this.#keep(name, { ...state, state: 'done' })
    } catch (error) {
      // The app ends: another copy goes on.
      if (signal.aborted) return
      const reason = error instanceof Error ? error.message : String(error)
      await this.#keep(name, { ...state, state: 'failed', reason })
    }
  }

  /** Says how far it is. Rejects where another copy has taken it. */
  async #keep(name: string, state: DeliveryRetry): Promise<DeliveryRetry> {
    const { client, copy, clock } = this.#parts
    const kept = { ...state, by: { copy, renewedAt: clock.now() } }
    await client.documents<DeliveryRetry>(deliveryKinds.retries).update(name, (now) => {
      if (now?.id !== state.id || now.by?.copy !== copy)
        throw new Error('Another copy of the app replays them.')
      return kept
    })
    return kept
  }
}
