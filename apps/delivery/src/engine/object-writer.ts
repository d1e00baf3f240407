// Writes objects whose ranges are fixed: prepare, write, commit; some at a time. Runs in the app. What does not succeed is tried again for
// as long as the lease holds: nothing is given up, and why it does not move can be read.
import { DeliveryFault } from '../errors/delivery-fault.ts'
import { Fenced } from '../progress/progress-document.ts'
import type { PendingObject } from '../progress/shard-progress.ts'
import { backoff, wait, type Clock } from './clock.ts'
import type { LaneTargets, Written } from '../targets/lane-target.ts'
import type { Entry } from './lane.ts'

export interface ObjectWriterParts {
  readonly targets: LaneTargets
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Makes durable what the lanes say. */
  readonly save: () => Promise<void>
  /** The object is there; its end is about to be made durable. */
  readonly onWritten: (entry: Entry, written: Written) => void
  /** Its end is durable. */
  readonly onDone: (entry: Entry) => void
  /** It stands still, or moves again. */
  readonly onTrouble: (message: string, error?: unknown) => void
  readonly onFault: (error: Error) => void
}

const nothing: Written = { objects: 0, bytes: 0, failed: 0 }

export class ObjectWriter {
  readonly #parts: ObjectWriterParts
  readonly #ready: Entry[] = []
  readonly #troubles = new Map<Entry, { readonly message: string; readonly since: number }>()
  #active = 0

  constructor(parts: ObjectWriterParts) {
    this.#parts = parts
  }

  get isBusy(): boolean {
    return this.#active > 0 || this.#ready.length > 0
  }

  /** Why the oldest object that stands still does so. */
  get trouble(): { readonly message: string; readonly since: number } | undefined {
    for (const trouble of this.#troubles.values()) return trouble
    return undefined
  }

  /** Takes an object with a fixed range. */
  add(entry: Entry): void {
    this.#ready.push(entry)
    this.#pump()
  }

  #pump(): void {
    while (this.#active < this.#parts.targets.writesMax && !this.#parts.signal.aborted) {
      const entry = this.#ready.shift()
      if (entry === undefined) return
      this.#active++
      void this.#run(entry)
    }
  }

  /** Never rejects. */
  async #run(entry: Entry): Promise<void> {
    const { save, onWritten, onDone, onFault } = this.#parts
    try {
      const isNew = !entry.isPrepared
      entry.isPrepared = true
      const prepared = isNew ? save() : Promise.resolve()
      // What it rejects with is met where it is awaited.
      prepared.catch(() => {})
      const written = await this.#write(entry, prepared)
      entry.isWritten = true
      onWritten(entry, written)
      await save()
      this.#active--
      onDone(entry)
      this.#pump()
    } catch (error) {
      this.#active--
      onFault(error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #write(entry: Entry, prepared: Promise<void>): Promise<Written> {
    const { clock, random, signal, onTrouble } = this.#parts
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      try {
        const written = await this.#writeOnce(entry, prepared)
        if (this.#troubles.delete(entry)) onTrouble(`${entry.fixed.key} is written.`)
        return written
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof Fenced) throw error
        await prepared
        const isLasting = error instanceof DeliveryFault && !error.retry
        const message = error instanceof Error ? error.message : String(error)
        const isNews = this.#troubles.get(entry)?.message !== message
        this.#troubles.set(entry, { message, since: this.#troubles.get(entry)?.since ?? clock.now() })
        if (isNews)
          onTrouble(`${entry.fixed.key} could not be written, and is tried again: ${message}`, error)
        await wait(clock, backoff(attempt, random, isLasting), signal)
      }
    }
  }

  async #writeOnce(entry: Entry, prepared: Promise<void>): Promise<Written> {
    const { signal, save } = this.#parts
    const { heap, fixed, isTorn } = entry
    // What is left of the records must not replace what was made of all of them.
    if (isTorn && (await this.#targetOf(entry)?.isThere(fixed, signal)) === true) return nothing
    if (heap === undefined || heap.records === 0) {
      await prepared
      await this.#targetOf(entry)?.withdraw(fixed, signal)
      return nothing
    }
    const keep = async (plan: unknown): Promise<void> => {
      entry.fixed = { ...(entry.fixed satisfies PendingObject), plan }
      await save()
    }
    return heap.write(entry.fixed, { prepared, keep, signal })
  }

  /** The target of a lane, also where no record of it has come. */
  #targetOf({ lane }: Entry) {
    const { targets } = this.#parts
    if (lane.target !== undefined) return lane.target
    if (lane.kind === 'o') return targets.main('')
    return lane.kind === 'e' ? targets.errors('processing-failed') : targets.backup
  }
}
