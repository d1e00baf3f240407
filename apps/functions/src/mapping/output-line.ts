// The order in which answers of one shard go into the output stream: one append at a time, and what is answered meanwhile goes with the next.
// After a restart, output that was prepared before comes first, made again from the same batches. Runs in the app, pure.
import type { MappingAction, Settled } from './work.ts'

export class OutputLine<R, O> {
  #plan: unknown
  /** Batches of the plan that are not called with to their end. */
  #open: number
  #isRestoring: boolean
  #waiting: Settled<R, O>[] = []
  #appending: readonly Settled<R, O>[] | undefined

  constructor(plan: unknown, batches: number) {
    this.#plan = plan
    this.#open = batches
    this.#isRestoring = plan !== undefined
  }

  get isBusy(): boolean {
    if (this.#appending !== undefined) return true
    return this.#waiting.length > 0 && !(this.#isRestoring && this.#open > 0)
  }

  add(settled: Settled<R, O>): void {
    this.#waiting.push(settled)
  }

  /** So many batches of the plan are over; negative: there are more of them, since one was halved. */
  restored(batches: number): void {
    this.#open -= batches
  }

  next(): (MappingAction<R, O> & { readonly type: 'output' }) | undefined {
    if (this.#appending !== undefined) return undefined
    if (this.#isRestoring) {
      if (this.#open > 0) return undefined
      const works = this.#waiting.filter(({ restores }) => restores)
      this.#waiting = this.#waiting.filter(({ restores }) => !restores)
      return this.#begin(works, this.#plan)
    }
    if (this.#waiting.length === 0) return undefined
    return this.#begin(this.#waiting.splice(0), undefined)
  }

  stored(): void {
    for (const settled of this.#appending ?? []) settled.isDone = true
    this.#appending = undefined
    this.#isRestoring = false
    this.#plan = undefined
  }

  #begin(works: readonly Settled<R, O>[], plan: unknown): MappingAction<R, O> & { readonly type: 'output' } {
    this.#appending = works
    return { type: 'output', outputs: works.map(({ output }) => output!), works, plan }
  }
}
