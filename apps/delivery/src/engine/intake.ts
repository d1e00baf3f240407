// Records on their way through the pipeline: runs of them, processed side by side, and appended in order. Runs in the app. With a
// transform, records are gathered until there are enough for a call of the function.
import { backoff, wait, type Clock } from './clock.ts'
import type { Pipeline, PipelineResult } from './pipeline.ts'
import type { SourceRecord } from './source-record.ts'

/** Records that go through the pipeline together. */
export interface IntakeRun {
  readonly records: readonly SourceRecord[]
  /** Number behind the last one. */
  readonly next: number
}

export interface IntakeParts {
  readonly pipeline: Pipeline
  readonly gather: { readonly bufferBytes: number; readonly bufferIntervalMs: number } | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly onProcessed: (run: IntakeRun, result: PipelineResult) => void
  readonly onTrouble: () => void
  /** What cannot be gone on from. */
  readonly onFault: (error: Error) => void
}

/** Runs in the pipeline at a time: as many as Firehose calls a function for a shard. */
const RUNS_MAX = 5

export class Intake {
  readonly #parts: IntakeParts
  #gathered: SourceRecord[] = []
  #gatheredBytes = 0
  #gatheredNext = -1
  #cancelTimer: (() => void) | undefined
  #runs = 0
  #appending: Promise<void> = Promise.resolve()
  #trouble: { readonly message: string; readonly since: number } | undefined

  constructor(parts: IntakeParts) {
    this.#parts = parts
    parts.signal.addEventListener('abort', () => this.#cancelTimer?.(), { once: true })
  }

  /** No more should be given now. */
  get isFull(): boolean {
    return this.#runs >= RUNS_MAX
  }

  get isBusy(): boolean {
    return this.#runs > 0 || this.#gatheredNext >= 0
  }

  get trouble(): { readonly message: string; readonly since: number } | undefined {
    return this.#trouble
  }

  take(records: readonly SourceRecord[], next: number): void {
    const { gather, clock } = this.#parts
    if (gather === undefined) {
      this.#begin({ records, next })
      return
    }
    for (const record of records) {
      this.#gathered.push(record)
      this.#gatheredBytes += record.data.length
      this.#gatheredNext = record.sequenceNumber + 1
      if (this.#gatheredBytes >= gather.bufferBytes) this.#cut()
    }
    this.#gatheredNext = next
    if (this.#gathered.length === 0) this.#cut()
    else this.#cancelTimer ??= clock.after(gather.bufferIntervalMs, () => this.#cut())
  }

  /** Sends what is gathered, and fulfils when all is appended. */
  async flush(): Promise<void> {
    this.#cut()
    await this.#appending
  }

  #cut(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#gatheredNext < 0) return
    const run = { records: this.#gathered, next: this.#gatheredNext }
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#gatheredNext = -1
    this.#begin(run)
  }

  #begin(run: IntakeRun): void {
    this.#runs++
    const processed = this.#process(run)
    processed.catch(() => {})
    this.#appending = this.#appending.then(async () => {
      try {
        const result = await processed
        this.#runs--
        this.#parts.onProcessed(run, result)
      } catch (error) {
        this.#parts.onFault(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  async #process({ records }: IntakeRun): Promise<PipelineResult> {
    const { pipeline, clock, random, signal, onTrouble } = this.#parts
    if (records.length === 0) return { delivered: [], failed: [] }
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await pipeline.process(records, signal)
        if (attempt > 0) {
          this.#trouble = undefined
          onTrouble()
        }
        return result
      } catch (error) {
        signal.throwIfAborted()
        const message = error instanceof Error ? error.message : String(error)
        if (attempt === 0) {
          this.#trouble = { message, since: clock.now() }
          onTrouble()
        }
        await wait(clock, backoff(attempt, random), signal)
      }
    }
  }
}
