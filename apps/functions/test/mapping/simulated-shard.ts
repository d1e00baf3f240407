// A shard whose mapping runs on a clock of its own: the machine, a function that is a script, an output stream and a failure destination. Calls and
// appends take the time that they are given. It can be killed and begun again with what was kept.
import { laneOfKey } from '../../src/mapping/lane-of-key.ts'
import type { MappingRules } from '../../src/mapping/rules.ts'
import { pieceOfSettled } from '../../src/mapping/machine-progress.ts'
import { ShardMachine } from '../../src/mapping/shard-machine.ts'
import type { GiveUpCondition, MappingAction, Settled, Work, WorkOutcome } from '../../src/mapping/work.ts'
import type { WindowOfCall } from '../../src/events/kinesis-batch.ts'
import type { ShardProgress } from '../../src/progress/shard-progress.ts'

/** A record of the shard. */
export interface TestRecord {
  readonly sequenceNumber: number
  readonly key: string
  readonly arrivedAt: number
  readonly eventBytes?: number
}

/** A call of the function. */
export interface TestCall {
  readonly at: number
  readonly lane: number
  readonly records: readonly number[]
  readonly window: WindowOfCall | undefined
}

/** What the function does: by the records and how often it was called with the first of them. */
export type Script = (call: TestCall, nth: number) => WorkOutcome<readonly number[]>

export const plainRules: MappingRules = {
  batchSize: 4,
  batchWindowMs: 0,
  lanes: 1,
  retriesMax: -1,
  recordAgeMaxMs: -1,
  retentionMs: 365 * 24 * 60 * 60 * 1000,
  bisectsOnError: false,
  tumblingWindowMs: 0,
  skips: [],
}

export interface SimulationOptions {
  readonly rules: MappingRules
  readonly records: readonly TestRecord[]
  readonly script: Script
  readonly callMs?: number
  readonly appendMs?: number
  readonly tellMs?: number
  readonly random?: () => number
}

interface Due {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

type Action = MappingAction<TestRecord, readonly number[]>

export class SimulatedShard {
  readonly calls: TestCall[] = []
  /** Records of calls that succeeded, and outputs, in order. */
  readonly succeeded: number[] = []
  readonly output: number[] = []
  readonly givenUp: { readonly condition: GiveUpCondition; readonly records: readonly number[] }[] = []
  now = 0
  /** The checkpoint, and the document that is kept. */
  position = 0
  kept: ShardProgress | undefined
  readonly #options: SimulationOptions
  readonly #counts = new Map<number, number>()
  #machine: ShardMachine<TestRecord, readonly number[]>
  #dues: Due[] = []
  #order = 0
  #life = 0
  #seen = 0
  #fed = 0
  /** By plan: how much of it the stream has. */
  readonly #plans = new Map<number, { readonly records: readonly number[]; stored: boolean }>()

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#machine = this.#begin()
  }

  get machine(): ShardMachine<TestRecord, readonly number[]> {
    return this.#machine
  }

  /** Gives the machine the next records, all that are left by default. */
  feed(count = Infinity, { isEnded = false }: { readonly isEnded?: boolean } = {}): void {
    const { records } = this.#options
    const some = records.slice(this.#fed, this.#fed + count)
    this.#fed += some.length
    const lanes = this.#machine.lanes
    this.#machine.receive(
      some.map((record) => ({
        sequenceNumber: record.sequenceNumber,
        arrivedAt: record.arrivedAt,
        receivedAt: this.now,
        lane: laneOfKey(record.key, lanes),
        eventBytes: record.eventBytes ?? 100,
        record,
      })),
      (some.at(-1)?.sequenceNumber ?? -1) + 1,
    )
    if (isEnded) this.#machine.end()
    this.step()
  }

  get isFed(): boolean {
    return this.#fed >= this.#options.records.length
  }

  /** Carries out what begins now. */
  step(): void {
    for (const action of this.#machine.advance(this.now)) this.#carryOut(action)
    this.#save()
  }

  /** Lets the next thing happen; returns false if nothing ever will, or not before `until`. */
  next(until = Infinity): boolean {
    const [due] = this.#dues.toSorted((a, b) => a.at - b.at || a.order - b.order)
    const wakeAt = this.#machine.wakeAt ?? Infinity
    const at = Math.min(due?.at ?? Infinity, wakeAt)
    if (at === Infinity || at > until) return false
    this.now = Math.max(this.now, at)
    if (due !== undefined && due.at <= wakeAt) {
      this.#dues = this.#dues.filter((each) => each !== due)
      due.run()
    }
    this.step()
    return true
  }

  /** Runs until nothing happens any more. */
  run(until = Infinity): this {
    for (let steps = 0; this.next(until); steps++) if (steps > 200_000) throw new Error('it never ends')
    return this
  }

  /** The process dies; another one begins with what was kept. What is under way is lost, or stored unseen. */
  crash({ isAppendStored = true }: { readonly isAppendStored?: boolean } = {}): void {
    this.#life++
    this.#dues = []
    for (const plan of this.#plans.values()) {
      if (!plan.stored && isAppendStored) this.#store(plan)
    }
    this.#machine = this.#begin()
    this.#machine.receive([], this.position)
    this.#fed = this.#options.records.findIndex(({ sequenceNumber }) => sequenceNumber >= this.position)
    if (this.#fed < 0) this.#fed = this.#options.records.length
  }

  #begin(): ShardMachine<TestRecord, readonly number[]> {
    const { rules, random = () => 0 } = this.#options
    // As a document: what is no JSON does not survive.
    const progress =
      this.kept === undefined ? undefined : (JSON.parse(JSON.stringify(this.kept)) as ShardProgress)
    this.#seen = 0
    return new ShardMachine({ rules, progress, random })
  }

  #carryOut(action: Action): void {
    if (action.type === 'invoke') this.#invoke(action.work, action.window)
    else if (action.type === 'giveUp') this.#giveUp(action.settled)
    else this.#append(action)
  }

  #invoke(work: Work<TestRecord>, window: WindowOfCall | undefined): void {
    const records = work.records.map(({ sequenceNumber }) => sequenceNumber)
    const call: TestCall = { at: this.now, lane: work.lane, records, window }
    this.calls.push(call)
    const first = records[0] ?? -1
    const nth = (this.#counts.get(first) ?? 0) + 1
    this.#counts.set(first, nth)
    const outcome = this.#options.script(call, nth)
    this.#after(this.#options.callMs ?? 10, () => {
      if (outcome.ok)
        this.succeeded.push(...records.filter((number) => number < (outcome.failedFrom ?? Infinity)))
      this.#machine.answered(work, outcome, this.now)
    })
  }

  #giveUp(settled: Settled<TestRecord, readonly number[]>): void {
    this.#after(this.#options.tellMs ?? 1, () => {
      this.givenUp.push({
        condition: settled.givenUp!.condition,
        records: settled.records.map(({ sequenceNumber }) => sequenceNumber),
      })
      this.#machine.failureTold(settled)
    })
  }

  #append({ outputs, works, plan }: Action & { readonly type: 'output' }): void {
    const known = typeof plan === 'number' ? this.#plans.get(plan) : undefined
    if (known !== undefined) {
      // What the first run prepared stands, whatever comes out now.
      if (!known.stored) this.#store(known)
      this.#after(this.#options.appendMs ?? 5, () => this.#machine.outputStored())
      return
    }
    const prepared = { records: outputs.flat(), stored: false }
    const id = this.#plans.size
    this.#plans.set(id, prepared)
    const pieces = works.map(pieceOfSettled)
    this.#keep({ pieces, plan: id })
    this.#after(this.#options.appendMs ?? 5, () => {
      this.#store(prepared)
      this.#machine.outputStored()
    })
  }

  #store(plan: { readonly records: readonly number[]; stored: boolean }): void {
    plan.stored = true
    this.output.push(...plan.records)
  }

  #keep(output: ShardProgress['output']): void {
    const machine = this.#machine.progress()
    this.kept = { epoch: this.#life, at: this.now, ...machine, ...(output !== undefined && { output }) }
    this.#seen = this.#machine.changes
  }

  /** As the app does: what has changed is kept, and then the checkpoint moves. */
  #save(): void {
    if (this.#machine.changes !== this.#seen) this.#keep(this.kept?.output)
    const { position } = this.#machine
    if (position < this.position && this.isFed)
      throw new Error(`the position went back from ${this.position} to ${position}`)
    this.position = Math.max(this.position, position)
  }

  #after(ms: number, run: () => void): void {
    const life = this.#life
    this.#dues.push({ at: this.now + ms, order: this.#order++, run: () => life === this.#life && run() })
  }
}

/** Records of one key each in turn, `everyMs` apart. */
export function recordsOf(
  count: number,
  {
    keys = 1,
    everyMs = 0,
    from = 0,
  }: { readonly keys?: number; readonly everyMs?: number; readonly from?: number } = {},
): TestRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    sequenceNumber: from + i,
    key: `key ${i % keys}`,
    arrivedAt: i * everyMs,
  }))
}
