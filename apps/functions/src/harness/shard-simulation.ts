// One shard of a mapping in simulated time: the machine that the app uses, and what it asks for, done by a schedule that a seed makes. Runs in
// tests. What it has kept is all that a restart finds, as in the app: calls and documents of failures may be doubled, output is not.
import { answerKeys, packBatch, type EventSource, type WindowOfCall } from '../events/kinesis-batch.ts'
import { kinesisEvent, type KinesisEvent } from '../events/kinesis-event.ts'
import { failureDocument, type FailureDocument } from '../failures/failure-document.ts'
import type { RecordFilter } from 'millrace/protocol'
import type { InvocationResult } from '../invocation.ts'
import { judgedAnswer } from '../mapping/judged-answer.ts'
import { pieceOfSettled } from '../mapping/machine-progress.ts'
import { mappedRecord } from '../mapping/mapped-record.ts'
import type { MappingRules } from '../mapping/rules.ts'
import { ShardMachine } from '../mapping/shard-machine.ts'
import type { MappingAction, Settled, Work, WorkOutcome } from '../mapping/work.ts'
import type { PackedRecords } from '../output/packed-records.ts'
import type { ShardProgress, Standstill } from '../progress/shard-progress.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedRecord, SimulatedShard } from './simulated-stream.ts'

/** What a simulated shard needs. */
export interface ShardSimulationParts {
  readonly shard: SimulatedShard
  readonly source: EventSource
  readonly streamArn: string
  readonly functionArn: string
  readonly rules: MappingRules
  readonly reportsItemFailures: boolean
  readonly filter: RecordFilter | undefined
  readonly wantsRecords: boolean
  readonly random: SeededRandom
  readonly now: () => number
  readonly newId: () => string
  /** Calls the function, or has it fail. */
  readonly call: (event: KinesisEvent, about: CallPlace) => Promise<InvocationResult>
  readonly store: (outputs: readonly PackedRecords[]) => void
  readonly tellFailure: (document: FailureDocument) => void
  /** Has something done at a later time. */
  readonly later: (delayMs: number, run: () => void) => void
}

/** Where a call is made. */
export interface CallPlace {
  readonly shardId: string
  /** Gives keys to the records of an answer; undefined: there is no output stream. */
  readonly keyOf: ((index: number, count: number) => string) | undefined
}

type Machine = ShardMachine<SimulatedRecord, PackedRecords>
type Action = MappingAction<SimulatedRecord, PackedRecords>

/** How long things take, at most. */
const CALL_MS_MAX = 50
const STORE_MS_MAX = 10
/** Records that are read at a time, at most. */
const READ_MAX = 40

export class ShardSimulation {
  readonly #parts: ShardSimulationParts
  /** Plans whose output is stored. */
  readonly #storedPlans = new Set<unknown>()
  #machine: Machine
  /** Rises with each restart: what was begun before it comes to nothing. */
  #life = 0
  #read = 0
  #output: ShardProgress['output']
  #kept: { readonly progress: ShardProgress | undefined; readonly position: number }
  #seen = 0

  constructor(parts: ShardSimulationParts) {
    this.#parts = parts
    this.#machine = this.#newMachine(undefined)
    this.#kept = { progress: undefined, position: 0 }
  }

  get shard(): SimulatedShard {
    return this.#parts.shard
  }

  /** It has ended, and all of its records are done. */
  get isThrough(): boolean {
    return this.#machine.isThrough
  }

  /** All that has come is done, and nothing waits. */
  get isIdle(): boolean {
    const { records } = this.shard
    if (this.#read < records.length || !this.#machine.isQuiet) return false
    return this.#machine.position >= this.#readTo
  }

  get wakeAt(): number | undefined {
    return this.#machine.wakeAt
  }

  get standstills(): readonly Standstill[] {
    return this.#machine.progress().standstills
  }

  /** Reads some of what is there, and begins all that can begin. Fulfils with whether anything happened. */
  async advance(): Promise<boolean> {
    const { random, now } = this.#parts
    const { records, isClosed } = this.shard
    const begun = this.#read
    if (this.#machine.hasRoom && this.#read < records.length) {
      const to = Math.min(records.length, this.#read + random.between(1, READ_MAX))
      this.#receive(records.slice(this.#read, to))
      this.#read = to
    }
    const isAll = this.#read === records.length
    if (isClosed && isAll) this.#machine.end()
    this.#machine.tip(isAll)
    const actions = this.#machine.advance(now())
    for (const action of actions) await this.#carryOut(action)
    if (this.#machine.changes !== this.#seen || random.chance(0.5)) this.#keep()
    return this.#read > begun || actions.length > 0
  }

  /** The app ends at once, and another goes on from what was kept. */
  restart(): void {
    this.#life += 1
    const { progress, position } = this.#kept
    this.#machine = this.#newMachine(progress)
    this.#output = progress?.output
    const { records } = this.shard
    const first = records.findIndex(({ sequenceNumber }) => sequenceNumber >= position)
    this.#read = first < 0 ? records.length : first
    this.#machine.receive([], position)
    this.#seen = this.#machine.changes
  }

  get #readTo(): number {
    const last = this.shard.records[this.#read - 1]
    return last === undefined ? 0 : last.sequenceNumber + 1
  }

  #newMachine(progress: ShardProgress | undefined): Machine {
    const { rules, random } = this.#parts
    return new ShardMachine<SimulatedRecord, PackedRecords>({ rules, progress, random: random.next })
  }

  #receive(records: readonly SimulatedRecord[]): void {
    const { filter, now, source } = this.#parts
    const { lanes } = this.#machine
    const mapped = records
      .filter(({ partitionKey, bytes }) => filter?.({ partitionKey, data: bytes }) !== false)
      .map((record) => mappedRecord(record, { source, lanes, receivedAt: now() }))
    this.#machine.receive(mapped, records.at(-1)!.sequenceNumber + 1)
  }

  async #carryOut(action: Action): Promise<void> {
    if (action.type === 'invoke') await this.#invoke(action.work, action.window)
    else if (action.type === 'output') this.#store(action)
    else this.#giveUp(action.settled)
  }

  async #invoke(work: Work<SimulatedRecord>, window: WindowOfCall | undefined): Promise<void> {
    const { source, wantsRecords, reportsItemFailures, call, shard, random, now } = this.#parts
    const records = work.records.map(({ record }) => record)
    const batch = packBatch(records, { source, window, wantsRecords })
    const keyOf = wantsRecords ? answerKeys(batch) : undefined
    const result = await call(kinesisEvent(batch), { shardId: shard.shardId, keyOf })
    const outcome: WorkOutcome<PackedRecords> = judgedAnswer(result, {
      records,
      shardIndex: source.shardIndex,
      wantsRecords,
      reportsItemFailures,
      needsState: window !== undefined && !window.isFinal,
    })
    this.#later(random.between(1, CALL_MS_MAX), () => this.#machine.answered(work, outcome, now()))
  }

  /** A plan is kept before anything is stored, so that a restart between the two stores it once. */
  #store({ outputs, works, plan }: Action & { readonly type: 'output' }): void {
    const { random, newId, store } = this.#parts
    const pieces = plan === undefined ? works.map(pieceOfSettled) : (this.#output?.pieces ?? [])
    const made = plan ?? newId()
    this.#output = { pieces, plan: made }
    this.#keep()
    const storeOnce = (): void => {
      if (this.#storedPlans.has(made)) return
      this.#storedPlans.add(made)
      store(outputs)
    }
    // Stored, and the app may end before it knows.
    if (random.chance(0.5)) storeOnce()
    this.#later(random.between(1, STORE_MS_MAX), () => {
      storeOnce()
      this.#output = undefined
      this.#machine.outputStored()
    })
  }

  #giveUp(settled: Settled<SimulatedRecord, PackedRecords>): void {
    const { source, streamArn, functionArn, newId, now, tellFailure, random } = this.#parts
    const { records, invocations, givenUp } = settled
    const batch = {
      ...givenUp!,
      invocations,
      size: records.length,
      first: records[0]!,
      last: records.at(-1)!,
    }
    const document = failureDocument(batch, {
      source,
      streamArn,
      functionArn,
      requestId: newId(),
      now: now(),
    })
    this.#later(random.between(1, STORE_MS_MAX), () => {
      tellFailure(document)
      this.#machine.failureTold(settled)
    })
  }

  /** Has something done later, unless there is a restart before. */
  #later(delayMs: number, run: () => void): void {
    const life = this.#life
    this.#parts.later(delayMs, () => {
      if (life === this.#life) run()
    })
  }

  #keep(): void {
    this.#seen = this.#machine.changes
    const progress = {
      ...this.#machine.progress(),
      epoch: this.#life,
      at: this.#parts.now(),
      ...(this.#output !== undefined && { output: this.#output }),
    }
    // Through JSON, as it is stored.
    this.#kept = {
      progress: JSON.parse(JSON.stringify(progress)) as ShardProgress,
      position: this.#machine.position,
    }
  }
}
