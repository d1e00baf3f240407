// A program that copies chunks of records into a stream by prepared appends, and keeps what a real one would have on its disk. Runs in
// the test's process. It can be killed at any moment: from then on nothing of what it does counts, and the next one begins from
// what was kept.
import type { AppendPlan, Client, PreparedWriter, RecordInput } from '../../../../client/index.ts'

/** What is on the program's disk. */
export class Journal {
  /** Chunks that were begun and not finished, with the plan that was kept last, in the order in which they were begun. */
  readonly begun = new Map<number, AppendPlan>()
  /** The first chunk that was not begun. */
  next = 0
  keeps = 0

  /** As it is written, and read again. */
  keep(chunk: number, plan: AppendPlan): void {
    this.begun.set(chunk, JSON.parse(JSON.stringify(plan)) as AppendPlan)
    this.next = Math.max(this.next, chunk + 1)
  }
}

export interface PreparedProgramParts {
  readonly journal: Journal
  readonly client: Client
  readonly writer: PreparedWriter
  readonly recordsOf: (chunk: number) => readonly RecordInput[]
  /** Calls at a time. */
  readonly callsMax: number
  /** How long it takes until what is kept is on the disk. */
  readonly flush: () => Promise<void>
  /** Called at each step of keeping. */
  readonly onStep?: (step: 'keep' | 'kept') => void
}

export class PreparedProgram {
  readonly #parts: PreparedProgramParts
  isKilled = false

  constructor(parts: PreparedProgramParts) {
    this.#parts = parts
  }

  kill(): void {
    if (this.isKilled) return
    this.isKilled = true
    const reason = new Error('killed')
    void this.#parts.client.close({ signal: AbortSignal.abort(reason) }).catch(() => {})
  }

  /** Resumes what was begun, then appends chunk after chunk while `isWanted` says so. Rejects when it is killed. */
  async run(isWanted: (chunk: number) => boolean): Promise<void> {
    const { journal, writer, recordsOf, callsMax } = this.#parts
    for (const [chunk, plan] of journal.begun) {
      await writer.resume(plan, recordsOf(chunk), { keep: (newer) => this.#keep(chunk, newer) })
      this.#finish(chunk)
    }
    let appends: Promise<void>[] = []
    for (let chunk = journal.next; isWanted(chunk); chunk++) {
      const append = writer.append(recordsOf(chunk), { keep: (plan) => this.#keep(chunk, plan) })
      appends.push(append.then(() => this.#finish(chunk)))
      if (appends.length < callsMax) continue
      await Promise.all(appends)
      appends = []
    }
    await Promise.all(appends)
  }

  #finish(chunk: number): void {
    if (!this.isKilled) this.#parts.journal.begun.delete(chunk)
  }

  async #keep(chunk: number, plan: AppendPlan): Promise<void> {
    const { journal, flush, onStep } = this.#parts
    journal.keeps++
    onStep?.('keep')
    await flush()
    if (this.isKilled) throw new Error('killed')
    journal.keep(chunk, plan)
    onStep?.('kept')
    await flush()
    if (this.isKilled) throw new Error('killed')
  }
}
