// The measurements of one of two that carry out the same query. Pure, but for the clock.
import { monotonicMs } from '../harness/clock.ts'
import { medianOf } from '../harness/median.ts'
import type { Figure } from '../report/figure.ts'

/** What a query took. */
export interface Run {
  /** From the question to its last result. */
  readonly seconds: number
  /** From when its cluster runs and it is planned, where each query has a cluster of its own. */
  readonly jobSeconds?: number
  /** By processes. */
  readonly spent: readonly {
    readonly of: string
    readonly processorSeconds: number
    readonly megabytes: number
  }[]
}

export class Side {
  readonly #name: string
  readonly #records: number
  readonly #runs: Run[] = []
  #startSeconds = Number.NaN

  /** A name, and how many records a query reads. */
  constructor(name: string, records: number) {
    this.#name = name
    this.#records = records
  }

  /** Measures the work from the start of its processes. */
  async start(work: () => Promise<unknown>): Promise<void> {
    const before = monotonicMs()
    await work()
    this.#startSeconds = (monotonicMs() - before) / 1000
  }

  take(run: Run): void {
    this.#runs.push(run)
  }

  /** Records a second, without the start of a cluster. */
  get workRate(): number {
    return this.#records / medianOf(this.#runs.map(({ seconds, jobSeconds = seconds }) => jobSeconds))
  }

  figures(): readonly Figure[] {
    const figures: Figure[] = [{ name: this.#name, value: this.workRate, unit: 'records/s' }]
    if (this.#runs.some(({ jobSeconds }) => jobSeconds !== undefined)) {
      const value = this.#records / medianOf(this.#runs.map(({ seconds }) => seconds))
      figures.push({ name: `${this.#name}, with the start of its cluster`, value, unit: 'records/s' })
    }
    const fromStart = this.#records / this.#startSeconds
    figures.push({
      name: `${this.#name}, with the start of its processes`,
      value: fromStart,
      unit: 'records/s',
    })
    for (const [at, { of }] of this.#runs[0]!.spent.entries()) {
      const seconds = medianOf(this.#runs.map(({ spent }) => spent[at]!.processorSeconds))
      const value = (1e6 * seconds) / this.#records
      figures.push({ name: `${this.#name}: processor time of 1,000,000, ${of}`, value, unit: 's' })
    }
    for (const [at, { of }] of this.#runs[0]!.spent.entries()) {
      const value = Math.max(...this.#runs.map(({ spent }) => spent[at]!.megabytes))
      figures.push({ name: `${this.#name}: memory, ${of}`, value, unit: 'MB' })
    }
    return figures
  }
}
