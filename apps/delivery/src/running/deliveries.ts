// All deliveries of a broker, as this copy of the app carries them out: follows their definitions, and begins, restarts and ends each as
// its definition says. Runs in the app. What cannot be carried out is said in its verdict, and the others go on.
import type { Client } from 'millrace'
import { deliveryKinds, type DeliveryDefinition, type DeliveryVerdict } from 'millrace/protocol'
import { checkDefinition } from '../definitions/check.ts'
import { refusal } from '../definitions/delivery-error.ts'
import { isInUse, removeDelivery } from '../definitions/removal.ts'
import type { SpoolRoom } from '../spool/spool-room.ts'
import { backoff, wait, type Clock } from '../engine/clock.ts'
import type { DeliveryParts, OpenDelivery } from '../engine/delivery-parts.ts'
import { DeliveryRunner } from './delivery-runner.ts'
import { Retries } from '../replay/retries.ts'

export interface DeliveriesParts {
  readonly client: Client
  /** A name of this copy that no other has. */
  readonly copy: string
  readonly open: OpenDelivery
  readonly room: SpoolRoom
  readonly clock: Clock
  readonly random: () => number
  readonly log: (level: 'info' | 'warn', message: string, error?: unknown) => void
}

interface Slot {
  /** What it should be; undefined for a delivery that is gone. */
  wanted: DeliveryDefinition | undefined
  runner: DeliveryRunner | undefined
  /** The change that is being made. */
  changing: Promise<void> | undefined
}

export class Deliveries {
  readonly #parts: DeliveriesParts
  readonly #slots = new Map<string, Slot>()
  readonly #ending = new AbortController()
  readonly #following: Promise<void>
  readonly #retries: Retries

  constructor(parts: DeliveriesParts) {
    this.#parts = parts
    this.#retries = new Retries(parts)
    this.#following = this.#follow()
  }

  /** Ends all deliveries in good order. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('The app is ended.'))
    await this.#following
    const ended = async (slot: Slot): Promise<void> => {
      await slot.changing
      await slot.runner?.stop()
    }
    await Promise.all(Array.from(this.#slots.values(), ended))
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    const { client, clock, random, log } = this.#parts
    const { signal } = this.#ending
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const documents = client.documents<DeliveryDefinition>(deliveryKinds.definitions)
        for await (const change of documents.watch({ signal })) {
          attempt = 0
          this.#want(change.name, change.type === 'put' ? change.value : undefined)
        }
        if (!signal.aborted) return
      } catch (error) {
        if (signal.aborted) return
        log('warn', 'the definitions of deliveries cannot be followed now', error)
        await wait(clock, backoff(attempt, random), signal).catch(() => {})
      }
    }
  }

  #want(name: string, wanted: DeliveryDefinition | undefined): void {
    const slot = this.#slots.get(name) ?? { wanted: undefined, runner: undefined, changing: undefined }
    this.#slots.set(name, slot)
    slot.wanted = wanted
    slot.changing ??= this.#change(name, slot).finally(() => {
      slot.changing = undefined
      if (slot.wanted === undefined && slot.runner === undefined) this.#slots.delete(name)
    })
  }

  /** Makes a slot what it should be, for as long as that changes. Never rejects. */
  async #change(name: string, slot: Slot): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      const { wanted, runner } = slot
      const isRunning = runner !== undefined
      const isRight = isRunning ? isSame(runner.definition, wanted) : wanted?.state !== 'active'
      if (isRunning && !isRight) {
        slot.runner = undefined
        await runner.stop({ isDeleted: wanted === undefined || wanted.state === 'deleting' })
      } else if (!isRunning && wanted?.state === 'active') {
        slot.runner = await this.#begin(name, wanted)
        // It is refused: another definition may be better.
        if (slot.runner === undefined && slot.wanted === wanted) return
      } else if (wanted?.state === 'deleting') {
        await this.#remove(name)
        if (slot.wanted === wanted) return
      } else if (slot.wanted === wanted) return
    }
  }

  async #begin(name: string, definition: DeliveryDefinition): Promise<DeliveryRunner | undefined> {
    const { client, open, room, clock, random, log } = this.#parts
    let parts: DeliveryParts
    try {
      const refused = refusal(checkDefinition(definition).faults)
      if (refused !== undefined) throw refused
      parts = await open(name, definition)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log('warn', `the delivery ${name} cannot be carried out: ${reason}`)
      await this.#judge(name, { version: definition.version, verdict: 'refused', reason, at: clock.now() })
      return undefined
    }
    await this.#judge(name, { version: definition.version, verdict: 'accepted', at: clock.now() })
    const retries = this.#retries
    return new DeliveryRunner({ client, name, definition, parts, open, retries, room, clock, random, log })
  }

  async #judge(name: string, verdict: DeliveryVerdict): Promise<void> {
    const { client, log } = this.#parts
    try {
      const verdicts = client.documents<DeliveryVerdict>(deliveryKinds.verdicts)
      const known = (await verdicts.get(name))?.value
      const isKnown =
        known?.version === verdict.version &&
        known.verdict === verdict.verdict &&
        known.reason === verdict.reason
      if (!isKnown) await verdicts.put(name, verdict)
    } catch (error) {
      log('warn', `the verdict on ${name} could not be stored`, error)
    }
  }

  /** Waits until no copy of the app works on it, and deletes it. */
  async #remove(name: string): Promise<void> {
    const { client, clock, random, log } = this.#parts
    const { signal } = this.#ending
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        if (!(await isInUse(client, name))) {
          await removeDelivery(client, name)
          return
        }
      } catch (error) {
        log('warn', `the delivery ${name} could not be deleted yet`, error)
      }
      await wait(clock, backoff(attempt, random), signal).catch(() => {})
    }
  }
}

/** True where nothing needs to be begun anew. */
function isSame(running: DeliveryDefinition, wanted: DeliveryDefinition | undefined): boolean {
  return (
    wanted?.state === 'active' && wanted.version === running.version && wanted.createdAt === running.createdAt
  )
}
