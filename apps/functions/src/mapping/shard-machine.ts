// The event source mapping of one shard as a machine: records, answers and the time go in, calls come out. Pure: it has no clock, no timers
// and no promises; all randomness is given. Runs in the app, inside `shard-run.ts`, which carries out what it says.
// What it keeps: records of one key are called with in their order; a record is done when its call succeeded and its output is stored, or when
// it was given up and the failure destination knows; the position never passes a record that is not done.
import type { ShardProgress } from '../progress/shard-progress.ts'
import { Lane, type LaneMoment } from './lane.ts'
import { piecesOf, pinsOf, standstillOf, type MachineProgress } from './machine-progress.ts'
import { OutputLine } from './output-line.ts'
import { mappingLimits, retryDelayMs, type MappingRules } from './rules.ts'
import { WindowKeeper } from '../windows/window-keeper.ts'
import type {
  GiveUpCondition,
  MappedRecord,
  MappingAction,
  Settled,
  Work,
  WorkFailure,
  WorkOutcome,
} from './work.ts'

export interface ShardMachineOptions {
  readonly rules: MappingRules
  /** What was kept by the run before this one. */
  readonly progress?: ShardProgress | undefined
  /** A number from 0 to below 1. */
  readonly random: () => number
}

export class ShardMachine<R, O> {
  readonly lanes: number
  readonly #random: () => number
  readonly #lanes: readonly Lane<R, O>[]
  readonly #line: OutputLine<R, O>
  readonly #windows: WindowKeeper
  readonly #doneBelow: readonly number[]
  #rules: MappingRules
  /** The last call of the open window was made before the restart, and its output was prepared. */
  #finalRestores: boolean
  #readTo = 0
  #isEnded = false
  #isClosing = false
  #isAtTip = false
  readonly #giveUps: Settled<R, O>[] = []
  #untold = 0
  #wakeAt: number | undefined
  #changes = 0

  constructor({ rules, progress, random }: ShardMachineOptions) {
    // Prepared output is made again from the same batches: for as long as it is not stored, the lanes stay as they were.
    const lanes = progress?.output === undefined ? rules.lanes : progress.lanes
    const kept = progress?.lanes === lanes ? progress : undefined
    this.lanes = lanes
    this.#rules = { ...rules, lanes }
    this.#random = random
    this.#doneBelow = kept?.doneBelow ?? []
    const pins = kept === undefined ? [] : pinsOf(kept)
    this.#finalRestores = pins.some(({ isFinal }) => isFinal === true)
    this.#lanes = Array.from(
      { length: lanes },
      (_, index) =>
        new Lane<R, O>(
          index,
          pins.filter(({ isFinal }) => isFinal !== true),
        ),
    )
    this.#line = new OutputLine(kept?.output?.plan, pins.filter(({ restores }) => restores).length)
    this.#windows = new WindowKeeper(rules.tumblingWindowMs, progress?.window)
  }

  /** Takes records in their order. All records below `readTo` have come, those that filters kept out included. */
  receive(records: readonly MappedRecord<R>[], readTo: number): void {
    for (const record of records) {
      const { lane, sequenceNumber } = record
      if (sequenceNumber >= (this.#doneBelow[lane] ?? 0)) this.#lanes[lane]!.admit(record)
    }
    this.#readTo = Math.max(this.#readTo, readTo)
  }

  /** The shard is closed, and all of its records have come. */
  end(): void {
    this.#isEnded = true
  }

  /** Begins no more calls: the shard goes to another member. */
  close(): void {
    this.#isClosing = true
  }

  /** Whether there are records that have not come: windows are closed by the clock only where there are none. */
  tip(isAtTip: boolean): void {
    this.#isAtTip = isAtTip
  }

  /** Takes the ranges that are skipped by command. A batch that waits for its next attempt is looked at at once. */
  skip(skips: MappingRules['skips']): void {
    this.#rules = { ...this.#rules, skips }
  }

  /** What became of a call. */
  answered(work: Work<R>, outcome: WorkOutcome<O>, now: number): void {
    work.isInvoked = false
    if (!outcome.ok) return this.#failed(work, outcome, { now, isSplit: false })
    const { failedFrom, output, requestId } = outcome
    const isDone = ({ sequenceNumber }: MappedRecord<R>): boolean =>
      failedFrom === undefined || sequenceNumber < failedFrom
    const done = work.records.filter(isDone)
    const from = done[0]?.sequenceNumber ?? this.#windows.last
    if (work.isFinal) this.#windows.closed()
    else if (done.length > 0) this.#windows.returned(outcome, done.at(-1)!)
    if (done.length > 0 || work.isFinal) this.#settle(work, { records: done, from, output })
    if (failedFrom === undefined) {
      this.#leave(work)
      return
    }
    work.records = work.records.slice(done.length)
    const failure = {
      requestId,
      errorType: 'BatchItemFailures',
      errorMessage: `The function reported that it failed from record ${failedFrom} on.`,
      isThrottle: false,
    }
    this.#failed(work, failure, { now, isSplit: done.length > 0 })
  }

  /** The outputs of the last action `output` are stored. */
  outputStored(): void {
    this.#line.stored()
    for (const lane of this.#lanes) this.#trim(lane)
    this.#changes++
  }

  /** The failure destination knows of the records that were given up. */
  failureTold(settled: Settled<R, O>): void {
    settled.isDone = true
    this.#untold--
    this.#trim(this.#lanes[settled.lane]!)
    this.#changes++
  }

  /** Everything that can begin now. Each action is given once. */
  advance(now: number): readonly MappingAction<R, O>[] {
    const actions: MappingAction<R, O>[] = []
    this.#wakeAt = undefined
    if (!this.#isClosing) for (const lane of this.#lanes) this.#advanceLane(lane, now, actions)
    for (const settled of this.#giveUps.splice(0)) {
      this.#untold++
      actions.push({ type: 'giveUp', settled })
    }
    const output = this.#line.next()
    if (output !== undefined) actions.push(output)
    return actions
  }

  /** When `advance` has something to do although nothing has come; as of its last call. */
  get wakeAt(): number | undefined {
    return this.#wakeAt
  }

  /** More records may come. A lane that is blocked lets the others go on, within bounds. */
  get hasRoom(): boolean {
    let records = 0
    let bytes = 0
    let isHungry = false
    for (const lane of this.#lanes) {
      records += lane.waiting
      bytes += lane.waitingBytes
      isHungry ||= lane.waiting < 2 * this.#rules.batchSize
    }
    return isHungry && records < mappingLimits.waitingRecordsMax && bytes < mappingLimits.waitingBytesMax
  }

  /** All records below it are done. With a window that is open, its last record is not. */
  get position(): number {
    let position = this.#readTo
    for (const lane of this.#lanes) position = Math.min(position, lane.firstUndone ?? position)
    return Math.min(position, this.#windows.doneState?.last ?? position)
  }

  /** Nothing is under way. */
  get isQuiet(): boolean {
    return this.#untold === 0 && this.#giveUps.length === 0 && !this.#line.isBusy && !this.isCalling
  }

  /** Calls are under way. */
  get isCalling(): boolean {
    return this.#lanes.some(({ works }) => works[0]?.isInvoked === true)
  }

  /** The shard has ended, and all of its records are done. */
  get isThrough(): boolean {
    if (!this.#isEnded || !this.isQuiet || this.#windows.isOpen) return false
    return this.#lanes.every((lane) => lane.firstUndone === undefined && lane.works.length === 0)
  }

  /** Rises with every change of what a run after this one has to know: failures, halves, windows, output. */
  get changes(): number {
    return this.#changes
  }

  /** What a run after this one has to know. */
  progress(): MachineProgress {
    const window = this.#windows.doneState
    return {
      lanes: this.lanes,
      doneBelow: this.#lanes.map((lane) => this.#doneBelowOf(lane)),
      pieces: this.#lanes.flatMap(piecesOf),
      standstills: this.#lanes.flatMap((lane) => standstillOf(lane, this.#windows.last)),
      ...(window !== undefined && { window }),
    }
  }

  #advanceLane(lane: Lane<R, O>, now: number, actions: MappingAction<R, O>[]): void {
    for (;;) {
      const work = lane.works[0] ?? this.#form(lane, now)
      if (work === undefined || work.isInvoked) return
      if (!work.isFinal && !this.#prune(work, now)) continue
      if (work.isFinal && this.#isSkipped(this.#windows.last ?? -1, 0)) {
        this.#windows.closed()
        this.#leave(work)
        continue
      }
      if (lane.settled.length >= mappingLimits.settlingMax) return
      if (work.notBefore > now) {
        this.#wake(work.notBefore)
        return
      }
      work.isInvoked = true
      work.invocations++
      const window = this.#windows.ofCall(work.records[0]?.arrivedAt, work.isFinal)
      actions.push({ type: 'invoke', work, window })
      return
    }
  }

  /** Makes the next work of a lane; undefined if nothing goes now. */
  #form(lane: Lane<R, O>, now: number): Work<R> | undefined {
    this.#line.restored(lane.dropPinsBefore(this.#readTo).filter(({ restores }) => restores).length)
    const windowsEndedBefore = now - mappingLimits.windowGraceMs
    const { head } = lane
    const isDry = head === undefined && lane.pins.length === 0
    const due = this.#windows.finalAt({
      nextArrival: head?.arrivedAt,
      isDry,
      isEnded: this.#isEnded,
      isAtTip: this.#isAtTip,
    })
    if (due !== undefined && due <= now) return this.#final(lane)
    if (due !== undefined) this.#wake(due)
    // Nobody says when the tip is reached: it is looked for.
    else if (isDry && this.#windows.isOpen) this.#wake(now + mappingLimits.windowGraceMs)
    const moment: LaneMoment = { now, readTo: this.#readTo, isEnded: this.#isEnded, windowsEndedBefore }
    const next = lane.nextBatch(this.#rules, moment)
    if ('at' in next) {
      if (next.at !== undefined) this.#wake(next.at)
      return undefined
    }
    const { count, pin } = next
    if (count > 0) return lane.begin(lane.take(count), { ...pin, isFinal: false })
    if (pin?.restores === true) this.#line.restored(1)
    return this.#form(lane, now)
  }

  #final(lane: Lane<R, O>): Work<R> {
    const restores = this.#finalRestores
    this.#finalRestores = false
    return lane.begin([], { restores, isFinal: true })
  }

  /** Gives up records that are too old or skipped. Returns false if none is left. */
  #prune(work: Work<R>, now: number): boolean {
    const { recordAgeMaxMs, retentionMs, skips } = this.#rules
    // What never failed is called with, however the clocks of broker and app differ.
    const expiryMs = work.failures > 0 ? retentionMs : Infinity
    const ageMaxMs = Math.min(recordAgeMaxMs < 0 ? Infinity : recordAgeMaxMs, expiryMs)
    if (ageMaxMs < Infinity && work.notBefore <= now) {
      const kept = work.records.findIndex(({ arrivedAt }) => arrivedAt + ageMaxMs >= now)
      const count = kept < 0 ? work.records.length : kept
      if (count > 0) this.#giveUp(work, work.records.slice(0, count), 'RecordAgeExceeded')
    }
    if (skips.length > 0) {
      const isSkipped = ({ sequenceNumber, lane }: MappedRecord<R>): boolean =>
        this.#isSkipped(sequenceNumber, lane)
      const skipped = work.records.filter(isSkipped)
      if (skipped.length > 0) this.#giveUp(work, skipped, 'SkippedByOperator')
    }
    if (work.records.length > 0) return true
    this.#leave(work)
    return false
  }

  #isSkipped(sequenceNumber: number, lane: number): boolean {
    return this.#rules.skips.some(
      (skip) => sequenceNumber >= skip.from && sequenceNumber < skip.to && (skip.lane ?? lane) === lane,
    )
  }

  #failed(
    work: Work<R>,
    failure: WorkFailure,
    { now, isSplit }: { readonly now: number; readonly isSplit: boolean },
  ): void {
    const { bisectsOnError, retriesMax } = this.#rules
    this.#changes++
    work.failures++
    work.failure = failure
    work.failedSince ??= now
    const wait = retryDelayMs(work.failures, this.#random)
    if (failure.isThrottle || work.isFinal) {
      work.notBefore = now + wait
      return
    }
    if (bisectsOnError && (isSplit || work.records.length > 1)) {
      // The split is made where the function said, or in the middle; it counts as no attempt.
      work.notBefore = 0
      if (!isSplit) this.#halve(work)
      return
    }
    work.attempts++
    if (retriesMax >= 0 && work.attempts > retriesMax) {
      this.#giveUp(work, work.records, 'RetryAttemptsExhausted')
      this.#leave(work)
    } else work.notBefore = now + wait
  }

  #halve(work: Work<R>): void {
    const { records, restores, lane } = work
    const middle = Math.ceil(records.length / 2)
    const second: Work<R> = { ...work, records: records.slice(middle) }
    work.records = records.slice(0, middle)
    this.#lanes[lane]!.works.splice(1, 0, second)
    if (restores) this.#line.restored(-1)
  }

  #giveUp(work: Work<R>, records: readonly MappedRecord<R>[], condition: GiveUpCondition): void {
    const givenUp = { condition, failure: work.failure }
    const settled = this.#settle(work, { records, from: records[0]!.sequenceNumber, givenUp })
    this.#giveUps.push(settled)
    const gone = new Set(records)
    work.records = work.records.filter((record) => !gone.has(record))
    if (condition === 'SkippedByOperator') {
      // Others of the batch may have failed because of it.
      work.attempts = 0
      work.notBefore = 0
    }
    this.#changes++
  }

  #settle(work: Work<R>, what: SettledPart<R, O>): Settled<R, O> {
    const { lane, invocations, attempts, restores } = work
    const { records, from = this.#readTo, output, givenUp } = what
    const settled: Settled<R, O> = {
      lane,
      records,
      from,
      invocations,
      attempts,
      output,
      givenUp,
      restores,
      isFinal: work.isFinal,
      window: this.#windows.state,
      isDone: output === undefined && givenUp === undefined,
    }
    const { settled: line } = this.#lanes[lane]!
    line.push(settled)
    if (output !== undefined) this.#line.add(settled)
    this.#trim(this.#lanes[lane]!)
    return settled
  }

  /** Never below what the run before had done: its records may not have come again yet. */
  #doneBelowOf(lane: Lane<R, O>): number {
    return Math.max(lane.doneBelow ?? this.#readTo, this.#doneBelow[lane.index] ?? 0)
  }

  #trim(lane: Lane<R, O>): void {
    const last = lane.trim()
    if (last !== undefined) this.#windows.done(last.window)
  }

  /** The first work of a lane is over. */
  #leave(work: Work<R>): void {
    this.#lanes[work.lane]!.works.shift()
    if (work.restores) this.#line.restored(1)
    if (work.invocations > 1 || this.#rules.tumblingWindowMs > 0) this.#changes++
  }

  #wake(at: number): void {
    this.#wakeAt = Math.min(this.#wakeAt ?? Infinity, at)
  }
}

interface SettledPart<R, O> {
  readonly records: readonly MappedRecord<R>[]
  readonly from: number | undefined
  readonly output?: O | undefined
  readonly givenUp?: Settled<R, O>['givenUp']
}
