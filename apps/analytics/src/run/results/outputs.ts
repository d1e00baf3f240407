// Stores results in their targets, each once: the plans of all targets of a chunk are kept together before any record is sent. Runs in the
// app. A target that cannot be written is tried again until it can: nothing is lost, and the query says why it waits.
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, type AppendPlan, type Client, type PreparedWriter, type RecordInput } from 'millrace'
import { QueryTakenError } from '../place/progress-store.ts'

export type Plans = Readonly<Record<string, AppendPlan>>

/** Records by target. */
export type Batches = ReadonlyMap<string, readonly RecordInput[]>

export interface OutputsParts {
  readonly client: Pick<Client, 'describeStream' | 'preparedWriter'>
  /** Takes why a target cannot be written; undefined when it can. */
  readonly onWait: (reason: string | undefined) => void
  /** Whether results for a target are given up where there is no such stream; left out: none are. */
  readonly isGivenUp?: ((target: string) => boolean) | undefined
  /** When it fires, a target that cannot be written is waited for no more: who goes on resumes. */
  readonly stopping: AbortSignal
  readonly signal: AbortSignal
}

/** How long a target that cannot be written is left alone. */
const AGAIN_MS = 1000

export class Outputs {
  readonly #parts: OutputsParts
  readonly #writers = new Map<string, PreparedWriter>()

  constructor(parts: OutputsParts) {
    this.#parts = parts
  }

  /**
   * Stores the records of a chunk. `plans` of an earlier try of the same records are resumed. `keep` makes plans durable; what it rejects
   * with ends the call.
   */
  async store(batches: Batches, plans: Plans, keep: (plans: Plans) => Promise<void>): Promise<void> {
    const keeper = new PlanKeeper([...batches.keys()], plans, keep)
    await Promise.all([...batches].map(([target, records]) => this.#store(target, records, keeper)))
    this.#parts.onWait(undefined)
  }

  async close(): Promise<void> {
    for (const target of this.#writers.keys()) await this.#drop(target)
  }

  async #store(target: string, records: readonly RecordInput[], keeper: PlanKeeper): Promise<void> {
    const { signal, stopping, onWait } = this.#parts
    for (;;) {
      try {
        await this.#try(target, records, keeper)
        return
      } catch (error) {
        if (signal.aborted || stopping.aborted || error instanceof QueryTakenError) throw error
        await this.#drop(target)
        const isMissing = MillraceError.is(error, 'streamNotFound')
        if (isMissing && this.#parts.isGivenUp?.(target) === true) {
          keeper.leave(target)
          return
        }
        const reason = error instanceof Error ? error.message : String(error)
        const advice = isMissing ? ' Make it again, or replace the query by one that writes elsewhere.' : ''
        onWait(`The results for ${target} cannot be stored: ${reason}${advice}`)
        await sleep(AGAIN_MS, undefined, { signal: stopping })
      }
    }
  }

  async #try(target: string, records: readonly RecordInput[], keeper: PlanKeeper): Promise<void> {
    const { client, signal } = this.#parts
    let writer = this.#writers.get(target)
    if (writer === undefined)
      this.#writers.set(target, (writer = await client.preparedWriter(target, { signal })))
    const options = { keep: (plan: AppendPlan) => keeper.keep(target, plan), signal }
    const plan = keeper.planOf(target)
    // What was prepared for a stream that was made again since is stored in the one that has its name now.
    const isOfStream =
      plan !== undefined && plan.streamId === (await client.describeStream(target, { signal })).id
    await (isOfStream ? writer.resume(plan, records, options) : writer.append(records, options))
  }

  async #drop(target: string): Promise<void> {
    const writer = this.#writers.get(target)
    this.#writers.delete(target)
    await writer?.close()
  }
}

/** Keeps the plans of several targets in one document: at first when all are known, then whenever one changes. */
class PlanKeeper {
  readonly #targets: Set<string>
  readonly #keep: (plans: Plans) => Promise<void>
  readonly #plans = new Map<string, AppendPlan>()
  #kept: Plans
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  #isKeeping = false

  constructor(targets: readonly string[], plans: Plans, keep: (plans: Plans) => Promise<void>) {
    this.#targets = new Set(targets)
    this.#keep = keep
    this.#kept = plans
    for (const [target, plan] of Object.entries(plans)) this.#plans.set(target, plan)
  }

  planOf(target: string): AppendPlan | undefined {
    return this.#kept[target]
  }

  /** Fulfils when the plan is durable. */
  keep(target: string, plan: AppendPlan): Promise<void> {
    this.#plans.set(target, plan)
    const kept = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    this.#begin()
    return kept
  }

  /** A target that is written no more. */
  leave(target: string): void {
    this.#targets.delete(target)
    this.#begin()
  }

  #begin(): void {
    if (!this.#isKeeping && [...this.#targets].every((each) => this.#plans.has(each))) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isKeeping = true
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting.splice(0)
      try {
        const plans = Object.fromEntries(this.#plans)
        await this.#keep(plans)
        this.#kept = plans
        for (const { resolve } of waiting) resolve()
      } catch (error) {
        for (const { reject } of waiting) reject(error)
      }
    }
    this.#isKeeping = false
  }
}
