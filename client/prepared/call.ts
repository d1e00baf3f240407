// One `append` or `resume` of a prepared writer: its records, the parts that they are laid out in, and the plan that its caller
// keeps. Runs in the client. A part is sent only by a plan that was kept as it is.
import { errorFrom } from '../errors.ts'
import { deferred } from '../waiting.ts'
import type { PrepareOptions } from './options.ts'
import type { Part, SendingTimes } from './part.ts'
import type { AppendPlan } from './plan.ts'
import type { PreparedRecords } from './records.ts'

export class PreparedCall {
  readonly records: PreparedRecords
  /** In the order of the plan. */
  parts: Part[] = []
  /** Records that the plan has no room for: laid out when everything before them is settled. They rise. */
  left: readonly number[] = []
  readonly number: number
  readonly #streamId: number
  readonly #onOver: (call: PreparedCall) => void
  readonly #keep: PrepareOptions['keep']
  readonly #settled = deferred<void>()
  #isOver = false
  /** Rises with every change of the plan that must be kept before anything is sent. */
  #version = 0
  #keptVersion = 0
  #keeping: Promise<void> | undefined
  readonly #begun = deferred<void>()
  readonly #previous: Promise<void> | undefined

  constructor(
    records: PreparedRecords,
    options: Pick<PrepareOptions, 'keep'> & {
      readonly streamId: number
      /** Its place among the calls of its writer. */
      readonly number: number
      /** Its caller is asked to keep a plan after the caller of this one was. */
      readonly previous: PreparedCall | undefined
      /** Called once, when it is settled or given up. */
      readonly onOver: (call: PreparedCall) => void
    },
  ) {
    this.records = records
    this.number = options.number
    this.#previous = options.previous?.begun
    this.#streamId = options.streamId
    this.#keep = options.keep
    this.#onOver = options.onOver
  }

  /** It is settled, or was given up. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Fulfils when every record is stored; rejects with what the call was given up for. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** Fulfils when its caller was first asked to keep a plan, or when it is over. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /** The plan was kept as it is now. */
  get isKept(): boolean {
    return this.#keptVersion === this.#version
  }

  /** Every part is settled. Records may be left. */
  get hasStoredParts(): boolean {
    return this.parts.every((part) => part.isSettled)
  }

  /** Bytes of what is not settled. */
  get bytes(): number {
    return this.parts.reduce((sum, part) => sum + part.bytes, 0)
  }

  add(part: Part): void {
    this.parts.push(part)
    this.changed()
  }

  /** What was left of a part goes under other numbers. */
  replace(part: Part, renewed: Part): void {
    this.removeEmpty(part)
    this.add(renewed)
  }

  /** Forgets a part of which nothing is left: it says nothing. */
  removeEmpty(part: Part): void {
    if (part.isEmpty) this.parts = this.parts.filter((other) => other !== part)
    this.changed()
  }

  /** The plan is as it was kept before. */
  isAsKept(): void {
    this.#keptVersion = this.#version
  }

  /** The plan must be kept anew before anything is sent. */
  changed(): void {
    this.#version++
  }

  /**
   * Has the plan kept, if it is not as it is. `prepare` gives parts the times that they lack. What the caller's `keep` rejects with
   * ends the call; what `prepare` rejects with is rejected with here.
   */
  keep(prepare: (parts: readonly Part[]) => Promise<void>): Promise<void> {
    this.#keeping ??= this.#keepAll(prepare).finally(() => (this.#keeping = undefined))
    return this.#keeping
  }

  async #keepAll(prepare: (parts: readonly Part[]) => Promise<void>): Promise<void> {
    while (!this.isKept && !this.#isOver) {
      const version = this.#version
      await prepare(this.parts)
      await this.#previous
      // What was changed meanwhile may lack its times.
      if (version !== this.#version || this.#isOver) continue
      try {
        this.#begun.resolve()
        await this.#keep(this.plan())
        this.#keptVersion = version
      } catch (error) {
        this.fail(error)
      }
    }
  }

  plan(): AppendPlan {
    const parts = this.parts.map((part) => part.planned(part.times ?? NEVER))
    return { version: 1, streamId: this.#streamId, parts }
  }

  /** Every record is stored. */
  done(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#begun.resolve()
    this.#settled.resolve()
    this.#onOver(this)
  }

  /** Gives it up: nothing of it is sent any more. */
  fail(reason: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#begun.resolve()
    this.#settled.reject(errorFrom(reason))
    this.#onOver(this)
  }
}

/** Of a part that was never sent. */
const NEVER: SendingTimes = { from: 0, sentFrom: 0, sentUntil: 0 }
