// A lease of a shard from its first record to its last: takes the progress over, and lets records go by the definition under which they
// were begun. Runs in the app. A new definition counts from where everything before is delivered: what an earlier one has fixed is made
// by the earlier one, into the destination that counts now.
import type { DeliveryDefinition } from 'millrace/protocol'
import { isObjectDestination } from '../definitions/check.ts'
import type { ProgressDocument } from '../progress/progress-document.ts'
import { horizonOf } from '../progress/shard-progress.ts'
import type { DeliveryParts } from './delivery-parts.ts'
import type { LaneTargets } from '../targets/lane-target.ts'
import type { NamedShard } from '../naming/object-key.ts'
import { ShardDelivery, type ShardDeliveryParts } from './shard-delivery.ts'
import type { SourceRecord } from './source-record.ts'

export interface ShardRunParts extends Pick<
  ShardDeliveryParts,
  'room' | 'clock' | 'random' | 'onPosition' | 'onFault' | 'log'
> {
  readonly shard: NamedShard
  readonly definition: DeliveryDefinition
  readonly current: DeliveryParts
  /** Opens what an earlier definition needs. */
  readonly open: (definition: DeliveryDefinition) => Promise<DeliveryParts>
  readonly progress: ProgressDocument
}

export class ShardRun {
  readonly #parts: ShardRunParts
  /** What an earlier definition has begun, up to the horizon. */
  #earlier:
    { readonly delivery: ShardDelivery; readonly parts: DeliveryParts; readonly horizon: number } | undefined
  #delivery: ShardDelivery | undefined
  #over: Error | undefined

  private constructor(parts: ShardRunParts) {
    this.#parts = parts
  }

  static async open(parts: ShardRunParts): Promise<ShardRun> {
    const run = new ShardRun(parts)
    const { definition, progress } = parts
    const { found } = progress
    const { madeBy } = found
    const horizon = horizonOf(found)
    if (madeBy === undefined || madeBy.version === definition.version || horizon <= found.position) {
      run.#delivery = run.#make(definition, parts.current, found)
      return run
    }
    await run.#withdraw(madeBy)
    const { destination, backup } = definition
    const { backup: _, ...rest } = madeBy
    const earlier: DeliveryDefinition = { ...rest, destination, ...(backup !== undefined && { backup }) }
    const opened = await parts.open(earlier)
    run.#earlier = { delivery: run.#make(earlier, opened, found), parts: opened, horizon }
    return run
  }

  /** Takes records, as `ShardDelivery.take` does. */
  async take(records: readonly SourceRecord[], next: number): Promise<void> {
    if (this.#over !== undefined) throw this.#over
    if (this.#earlier !== undefined) {
      const { delivery, horizon } = this.#earlier
      const before = records.filter(({ sequenceNumber }) => sequenceNumber < horizon)
      await delivery.take(before, Math.min(next, horizon))
      if (next < horizon) return
      await this.#cut()
    }
    await this.#delivery!.take(records, next)
  }

  /** Writes all that waits, as `ShardDelivery.finish` does. */
  async finish(): Promise<void> {
    if (this.#over !== undefined) throw this.#over
    await this.#earlier?.delivery.finish()
    await this.#delivery?.finish()
  }

  stop(error: Error): void {
    this.#over ??= error
    this.#earlier?.delivery.stop(error)
    this.#delivery?.stop(error)
    void this.#earlier?.parts.close()
  }

  /** Ends the earlier definition: all is delivered up to the horizon. */
  async #cut(): Promise<void> {
    const { delivery, parts, horizon } = this.#earlier!
    await delivery.finish()
    this.#earlier = undefined
    const { delivered } = delivery
    delivery.stop(new Error('This definition has ended.'))
    await parts.close()
    const start = { position: horizon, ahead: {}, pending: [], delivered }
    this.#delivery = this.#make(this.#parts.definition, this.#parts.current, start)
  }

  #make(
    definition: DeliveryDefinition,
    { pipeline, targets }: DeliveryParts,
    start: ShardDeliveryParts['start'],
  ): ShardDelivery {
    const { shard, progress, room, clock, random, onPosition, onFault, log } = this.#parts
    const made: LaneTargets = targets(shard)
    const rim = { room, clock, random, onPosition, onFault, log }
    return new ShardDelivery({ definition, pipeline, targets: made, progress, start, ...rim })
  }

  /** Takes back what may stand at a destination that counts no more. Where that one does not answer, it says so and goes on. */
  async #withdraw(madeBy: DeliveryDefinition): Promise<void> {
    const { definition, progress, shard, open, log } = this.#parts
    const unwritten = progress.found.pending.filter(({ written }) => written !== true)
    const isSame = JSON.stringify(madeBy.destination) === JSON.stringify(definition.destination)
    if (isSame || unwritten.length === 0 || !isObjectDestination(madeBy.destination)) return
    try {
      const before = await open(madeBy)
      try {
        const target = before.targets(shard).main('')
        for (const fixed of unwritten) await target.withdraw(fixed, AbortSignal.timeout(WITHDRAW_MS))
      } finally {
        await before.close()
      }
    } catch (error) {
      const keys = unwritten.map(({ key }) => key).join(', ')
      log(
        'warn',
        `These objects may stand at the destination before, and are written to the one of now: ${keys}`,
        error,
      )
    }
  }
}

/** How long a destination that counts no more is asked. */
const WITHDRAW_MS = 10_000
