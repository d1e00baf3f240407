// Carries out what the machine of one shard says: calls the function, stores output, tells failure destinations, keeps progress, moves the
// checkpoint. Runs in the app, one for each lease of a shard. Only one thing at a time changes the document of the shard; a checkpoint never
// passes what the document does not know, where windows make that matter.
import type { BatchContext } from 'millrace'
import {
  packBatch,
  type EventSource,
  type PackableRecord,
  type WindowOfCall,
} from '../events/kinesis-batch.ts'
import { detached, waitingRecords } from '../events/waiting-records.ts'
import type { FailureDocument } from '../failures/failure-document.ts'
import { failureDocument } from '../failures/failure-document.ts'
import type { RecordFilter } from 'millrace/protocol'
import type { Invoker } from '../invocation.ts'
import type { OutputWriter } from '../output/named-writer.ts'
import { outputRecords } from '../output/output-records.ts'
import type { PackedRecords } from '../output/packed-records.ts'
import { formerLanesAbove, formerLanesOf, wasDone, type FormerLanes } from '../progress/former-lanes.ts'
import { ShardTakenError } from '../progress/progress-store.ts'
import type { ShardProgress, Standstill } from '../progress/shard-progress.ts'
import type { MappingMeter } from '../reports/mapping-meter.ts'
import { Insistence, type Insisted } from './insistence.ts'
import { judgedAnswer } from './judged-answer.ts'
import { pieceOfSettled } from './machine-progress.ts'
import { mappedRecord } from './mapped-record.ts'
import { mappingLimits, type MappingRules } from './rules.ts'
import { ShardMachine } from './shard-machine.ts'
import type { MappingAction, Settled, Work, WorkOutcome } from './work.ts'

/** What a run of a shard needs. */
export interface ShardRunParts {
  readonly functionName: string
  readonly rules: MappingRules
  readonly reportsItemFailures: boolean
  readonly filter: RecordFilter | undefined
  readonly source: EventSource
  readonly streamArn: string
  readonly functionArn: string
  readonly invoker: Invoker
  readonly progress: ShardProgress | undefined
  readonly save: (progress: Omit<ShardProgress, 'epoch'>) => Promise<void>
  /** Undefined: the answers are not kept. */
  readonly writer: OutputWriter | undefined
  /** Undefined: there is no failure destination. */
  readonly tellFailure: ((document: FailureDocument, signal: AbortSignal) => Promise<void>) | undefined
  readonly meter: MappingMeter
  readonly now: () => number
  readonly random: () => number
  readonly uuid: () => string
  readonly warn: (message: string, error: unknown) => void
}

type Record = PackableRecord
type Action = MappingAction<Record, PackedRecords>

/** How long output that is being stored is waited for when the shard goes away. What was prepared is ended by the next member. */
const OUTPUT_GRACE_MS = 5000

export class ShardRun {
  readonly #parts: ShardRunParts
  readonly #machine: ShardMachine<Record, PackedRecords>
  /** Ends everything that is under way. */
  readonly #lost = new AbortController()
  readonly #insistence: Insistence
  readonly #waiters: { readonly isOver: () => boolean; readonly resolve: () => void }[] = []
  #output: ShardProgress['output']
  #formerLanes: readonly FormerLanes[]
  #context: BatchContext | undefined
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()
  #isSaving = false
  #seen = 0
  #troublesSeen = ''
  #isCheckpointing = false
  #checkpointed = 0
  /** The position that the document knows. */
  #savedPosition = 0

  constructor(parts: ShardRunParts) {
    const { rules, progress, random } = parts
    this.#parts = parts
    this.#machine = new ShardMachine({ rules, progress, random })
    this.#output = progress?.output
    this.#formerLanes = formerLanesOf(progress, this.#machine.lanes)
    this.#insistence = new Insistence({
      ...parts,
      isOver: (error) => this.#isTaken(error),
      onChange: () => this.#pump(),
    })
  }

  /** Takes records. Returns a promise that fulfils when there is room for more; undefined if there is. */
  receive(records: readonly Record[], context: BatchContext): Promise<void> | undefined {
    const isFirst = this.#context === undefined
    this.#context = context
    if (isFirst) this.#begin(context, records[0]?.sequenceNumber ?? context.position)
    const { filter, now, meter, source } = this.#parts
    const { lanes } = this.#machine
    const passed =
      filter === undefined
        ? records
        : records.filter(({ partitionKey, bytes }) => filter({ partitionKey, data: bytes }))
    meter.polled(records.length, records.length - passed.length)
    const former = this.#formerLanes
    const left = former.length === 0 ? passed : passed.filter((record) => !wasDone(former, record))
    // Of several lanes, one may wait while batches go through the others.
    const waiting = lanes > 1 ? left.map(detached) : waitingRecords(left)
    const receivedAt = now()
    const mapped = waiting.map((record) => mappedRecord<Record>(record, { source, lanes, receivedAt }))
    this.#machine.receive(mapped, context.position)
    this.#pump()
    if (this.#hasRoom()) return undefined
    return this.#until(() => this.#hasRoom())
  }

  /** The last call for the shard: it has ended, or goes to another member. Rejects if records are left, which others process then. */
  async finish(context: BatchContext): Promise<void> {
    this.#context = context
    if (!context.closing.aborted) this.#machine.end()
    this.#pump()
    await this.#until(
      () =>
        this.#lost.signal.aborted || this.#machine.isThrough || (context.closing.aborted && this.#isAtRest),
    )
    if (this.#lost.signal.aborted) throw new Error('Another member has the shard.')
    const isThrough = this.#machine.isThrough
    await this.#saving
    if (this.#hasNews) await this.#save()
    await this.#checkpointAt(context, this.#machine.position)
    // Also where it is given back: what has ended is taken for processed where this call does not fail.
    if (!isThrough) throw new Error('The shard is not processed to its end.')
  }

  /** What is skipped by command has changed. */
  skip(skips: MappingRules['skips']): void {
    this.#machine.skip(skips)
    this.#pump()
  }

  /** Why the shard stands still. */
  get standstills(): readonly Standstill[] {
    return [...this.#machine.progress().standstills, ...this.#insistence.standstills]
  }

  /** It was aborted. */
  get isOver(): boolean {
    return this.#lost.signal.aborted
  }

  /** Another member may have the shard, or all is over: nothing more is begun or kept. */
  async abort(): Promise<void> {
    if (this.#lost.signal.aborted) return
    clearTimeout(this.#timer)
    this.#lost.abort()
    this.#insistence.stop()
    this.#wakeWaiters()
    await this.#parts.writer?.close().catch(() => {})
  }

  #begin({ closing }: BatchContext, from: number): void {
    this.#machine.receive([], from)
    this.#savedPosition = from
    if (closing.aborted) this.#close()
    else closing.addEventListener('abort', () => this.#close(), { once: true })
  }

  /** The shard is given back, or it is lost already. Before that, a lease that is in doubt ends nothing: late writers are fenced. */
  #close(): void {
    const signal = this.#context?.signal
    if (signal === undefined || signal.aborted) {
      void this.abort()
      return
    }
    signal.addEventListener('abort', () => void this.abort(), { once: true })
    this.#machine.close()
    setTimeout(() => {
      this.#insistence.stop()
      this.#wakeWaiters()
    }, OUTPUT_GRACE_MS).unref()
    this.#pump()
  }

  #hasRoom(): boolean {
    return this.#machine.hasRoom || this.#lost.signal.aborted || this.#context?.closing.aborted === true
  }

  /** Nothing is under way but what was tried in vain: the next member does that. */
  get #isAtRest(): boolean {
    return this.#machine.isQuiet || (this.#insistence.isStopped && !this.#machine.isCalling)
  }

  #until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ isOver, resolve }))
  }

  #wakeWaiters(): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.isOver()) waiter.resolve()
      else this.#waiters.push(waiter)
    }
  }

  /** Begins everything that can begin now, keeps what is new, and moves the checkpoint. */
  #pump(): void {
    if (this.#lost.signal.aborted) return
    clearTimeout(this.#timer)
    this.#machine.tip(this.#context?.millisBehindLatest === 0)
    for (const action of this.#machine.advance(this.#parts.now())) this.#carryOut(action)
    const { wakeAt } = this.#machine
    if (wakeAt !== undefined) {
      this.#timer = setTimeout(
        () => this.#pump(),
        Math.min(Math.max(0, wakeAt - this.#parts.now()), TIMER_MAX_MS),
      )
    }
    if (this.#hasNews && !this.#isSaving) void this.#saveSoon()
    this.#checkpoint()
    this.#wakeWaiters()
  }

  #carryOut(action: Action): void {
    if (action.type === 'invoke') void this.#invoke(action.work, action.window)
    else if (action.type === 'output') void this.#store(action)
    else void this.#giveUp(action.settled)
  }

  async #invoke(work: Work<Record>, window: WindowOfCall | undefined): Promise<void> {
    const { functionName, invoker, source, writer, meter, now } = this.#parts
    const records = work.records.map(({ record }) => record)
    const batch = packBatch(records, { source, window, wantsRecords: writer !== undefined })
    let outcome: WorkOutcome<PackedRecords>
    try {
      const result = await invoker.invoke(
        functionName,
        { kind: 'kinesis', batch },
        { signal: this.#lost.signal },
      )
      outcome = judgedAnswer(result, {
        records,
        shardIndex: source.shardIndex,
        wantsRecords: writer !== undefined,
        reportsItemFailures: this.#parts.reportsItemFailures,
        needsState: window !== undefined && !window.isFinal,
      })
    } catch (error) {
      const [errorType, errorMessage] =
        error instanceof Error ? [error.name, error.message] : ['Error', String(error)]
      outcome = { ok: false, requestId: this.#parts.uuid(), errorType, errorMessage, isThrottle: true }
    }
    if (this.#lost.signal.aborted) return
    const endedAt = now()
    const lastArrivedAt = work.records.at(-1)?.arrivedAt
    meter.called({ isOk: outcome.ok, records: records.length, lastArrivedAt, now: endedAt })
    this.#machine.answered(work, outcome, endedAt)
    this.#pump()
  }

  async #store({ outputs, works, plan }: Action & { readonly type: 'output' }): Promise<void> {
    const { writer } = this.#parts
    // A mapping that lost its output stream ends with what was prepared as if it were stored.
    if (writer === undefined || (outputs.length === 0 && plan === undefined)) return this.#stored()
    const records = outputRecords(outputs)
    const pieces = works.map(pieceOfSettled)
    let known = plan
    const keep = async (made: unknown): Promise<void> => {
      known = made
      // The pieces of an earlier run stay those of its plan.
      this.#output = { pieces: plan === undefined ? pieces : (this.#output?.pieces ?? pieces), plan: made }
      await this.#save()
    }
    const isStored = await this.#insistence.on(placeOf('output', works[0]), (signal) =>
      known === undefined
        ? writer.append(records, { keep, signal })
        : writer.resume(known, records, { keep, signal }),
    )
    if (isStored) this.#stored()
  }

  #stored(): void {
    if (this.#lost.signal.aborted) return
    this.#output = undefined
    this.#machine.outputStored()
    this.#pump()
  }

  async #giveUp(settled: Settled<Record, PackedRecords>): Promise<void> {
    const { tellFailure, source, streamArn, functionArn, uuid, now, meter } = this.#parts
    const { records, invocations, givenUp } = settled
    const [first, last] = [records[0]!, records.at(-1)!]
    const batch = { ...givenUp!, invocations, size: records.length, first, last }
    const document = failureDocument(batch, { source, streamArn, functionArn, requestId: uuid(), now: now() })
    meter.gaveUp(records.length)
    if (tellFailure !== undefined) {
      const isTold = await this.#insistence.on(placeOf('failureDestination', settled), (signal) =>
        tellFailure(document, signal),
      )
      if (!isTold) return
    }
    if (this.#lost.signal.aborted) return
    this.#machine.failureTold(settled)
    this.#pump()
  }

  get #hasNews(): boolean {
    return this.#machine.changes !== this.#seen || this.#insistence.text !== this.#troublesSeen
  }

  async #saveSoon(): Promise<void> {
    this.#isSaving = true
    try {
      while (this.#hasNews && !this.#lost.signal.aborted) await this.#save()
    } catch (error) {
      if (!this.#isTaken(error)) {
        this.#parts.warn('The progress of a shard could not be kept, and is kept later.', error)
        setTimeout(() => this.#pump(), mappingLimits.backoffMinMs * 10).unref()
      }
    } finally {
      this.#isSaving = false
    }
    if (!this.#hasNews) this.#pump()
  }

  /** Keeps everything that is known now, after what is being kept. */
  #save(): Promise<void> {
    const saved = this.#saving.then(async () => {
      if (this.#lost.signal.aborted) throw new Error('The shard is lost.')
      const { changes, position } = this.#machine
      const troubles = this.#insistence.text
      const { standstills, ...machine } = this.#machine.progress()
      this.#formerLanes = formerLanesAbove(this.#formerLanes, position)
      await this.#parts.save({
        ...machine,
        standstills: [...standstills, ...this.#insistence.standstills],
        at: this.#parts.now(),
        ...(this.#output !== undefined && { output: this.#output }),
        ...(this.#formerLanes.length > 0 && { formerLanes: this.#formerLanes }),
      })
      this.#seen = changes
      this.#troublesSeen = troubles
      this.#savedPosition = Math.max(this.#savedPosition, position)
    })
    this.#saving = saved.catch(() => {})
    return saved
  }

  #isTaken(error: unknown): boolean {
    if (error instanceof ShardTakenError) void this.abort()
    return this.#lost.signal.aborted
  }

  /** Moves the checkpoint, one request at a time. */
  #checkpoint(): void {
    const context = this.#context
    if (context === undefined || this.#isCheckpointing) return
    const { position } = this.#machine
    // The state of a window and the position belong together.
    const target = this.#parts.rules.tumblingWindowMs > 0 ? Math.min(position, this.#savedPosition) : position
    if (target <= this.#checkpointed) return
    this.#isCheckpointing = true
    const isOver = (): void => {
      this.#isCheckpointing = false
    }
    // One that is refused is the last: the shard is lost, and the group says so.
    this.#checkpointAt(context, target).then(() => {
      isOver()
      this.#checkpointed = target
      this.#checkpoint()
    }, isOver)
  }

  async #checkpointAt(context: BatchContext, position: number): Promise<void> {
    if (position <= 0) return
    if (position >= context.position) await context.checkpoint()
    else await context.checkpoint({ shardId: context.shardId, sequenceNumber: position - 1 })
  }
}

/** Timers of Node hold no more than this. */
const TIMER_MAX_MS = 2 ** 31 - 1

function placeOf<R, O>(reason: Insisted['reason'], settled: Settled<R, O> | undefined): Insisted {
  const { lane, from, to } = settled === undefined ? { lane: 0, from: 0, to: 0 } : pieceOfSettled(settled)
  return { reason, lane, from, to }
}
