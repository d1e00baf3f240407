// A lane of a shard: records of some keys in their order, one call at a time. It forms batches by size, bytes, window and age of the first
// record. Runs in the app, pure.
import { EVENT_BYTES_MAX, EVENT_FRAME_BYTES } from '../events/event-size.ts'
import type { Piece } from '../progress/shard-progress.ts'
import { windowStart } from '../windows/window-bounds.ts'
import type { MappingRules } from './rules.ts'
import type { MappedRecord, Settled, Work } from './work.ts'

/** A batch that a former run had begun: it is formed with the same records again. */
export interface PinnedPiece extends Piece {
  readonly restores: boolean
}

/** What decides whether a batch goes now. */
export interface LaneMoment {
  readonly now: number
  /** All records below it have come. */
  readonly readTo: number
  /** No more will come. */
  readonly isEnded: boolean
  /** Open windows end at this moment, as far as the clock says. */
  readonly windowsEndedBefore: number
}

export class Lane<R, O> {
  readonly index: number
  /** Batches and halves to be called with, in order; the first may be under way. */
  works: Work<R>[] = []
  /** What is called with or given up, in order, from the first that is not done. */
  settled: Settled<R, O>[] = []
  waitingBytes = 0
  readonly #queue: MappedRecord<R>[] = []
  #head = 0
  #pins: PinnedPiece[] = []

  constructor(index: number, pins: readonly PinnedPiece[]) {
    this.index = index
    this.#pins = pins.filter(({ lane }) => lane === index).toSorted((a, b) => a.from - b.from)
  }

  get waiting(): number {
    return this.#queue.length - this.#head
  }

  get pins(): readonly PinnedPiece[] {
    return this.#pins
  }

  /** The first record that is not done; undefined if all are. */
  get firstUndone(): number | undefined {
    return lowest(this.settled[0]?.from, this.#firstUncalled)
  }

  /** The first record that a run after this one has to call with. Of the last call of a window, all records are in its state. */
  get doneBelow(): number | undefined {
    const [settled] = this.settled
    return lowest(settled?.isFinal === true ? settled.from + 1 : settled?.from, this.#firstUncalled)
  }

  /** What is settled is not always before it: of a batch, single records may be skipped. */
  get #firstUncalled(): number | undefined {
    const work = this.works.find(({ isFinal }) => !isFinal)
    return (work?.records[0] ?? this.head)?.sequenceNumber
  }

  get head(): MappedRecord<R> | undefined {
    return this.#queue[this.#head]
  }

  admit(record: MappedRecord<R>): void {
    this.#queue.push(record)
    this.waitingBytes += record.eventBytes
  }

  /** Takes the first records out of the queue. */
  take(count: number): readonly MappedRecord<R>[] {
    const taken = this.#queue.slice(this.#head, this.#head + count)
    this.#head += taken.length
    for (const { eventBytes } of taken) this.waitingBytes -= eventBytes
    // Taken records are removed in bulk, so that each record is moved once on average.
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    return taken
  }

  /** Makes the next work, with what is known of it. */
  begin(
    records: readonly MappedRecord<R>[],
    {
      attempts = 0,
      invocations = 0,
      restores = false,
      isFinal,
    }: Partial<PinnedPiece> & Pick<Work<R>, 'isFinal'>,
  ): Work<R> {
    const work: Work<R> = {
      lane: this.index,
      records,
      attempts,
      invocations,
      failures: 0,
      isInvoked: false,
      notBefore: 0,
      failedSince: undefined,
      failure: undefined,
      isFinal,
      restores,
    }
    this.works.push(work)
    return work
  }

  /** Counts the first records for which this holds. */
  countWhile(isSo: (record: MappedRecord<R>) => boolean): number {
    let end = this.#head
    while (end < this.#queue.length && isSo(this.#queue[end]!)) end++
    return end - this.#head
  }

  /** Forgets what is done, up to the first that is not, and returns the last of it. */
  trim(): Settled<R, O> | undefined {
    let last: Settled<R, O> | undefined
    while (this.settled[0]?.isDone === true) last = this.settled.shift()
    return last
  }

  /** Removes pins that no record can belong to any more, and returns them. */
  dropPinsBefore(readTo: number): readonly PinnedPiece[] {
    const head = this.head?.sequenceNumber ?? readTo
    const dropped = this.#pins.filter(({ to }) => to <= head)
    if (dropped.length > 0) this.#pins = this.#pins.filter(({ to }) => to > head)
    return dropped
  }

  /**
   * Returns how many of the first records make a batch that goes now, with the pin that it follows; or when it will go, if nothing comes
   * (undefined: not by itself).
   */
  nextBatch(
    rules: MappingRules,
    moment: LaneMoment,
  ): { readonly count: number; readonly pin: PinnedPiece | undefined } | { readonly at: number | undefined } {
    const { head } = this
    if (head === undefined) return { at: undefined }
    const [pin] = this.#pins
    if (pin !== undefined && head.sequenceNumber >= pin.from) {
      // Its last record must have come, or none of it can.
      if (moment.readTo < pin.to && !moment.isEnded) return { at: undefined }
      this.#pins.shift()
      return { count: this.countWhile(({ sequenceNumber }) => sequenceNumber < pin.to), pin }
    }
    const { count, isFull } = this.#fill(rules, pin?.from ?? Infinity)
    const { batchWindowMs, tumblingWindowMs } = rules
    const dueAt = head.receivedAt + batchWindowMs
    const isOver =
      tumblingWindowMs > 0 &&
      windowStart(head.arrivedAt, tumblingWindowMs) + tumblingWindowMs <= moment.windowsEndedBefore
    if (isFull || isOver || moment.isEnded || moment.now >= dueAt) return { count, pin: undefined }
    return { at: dueAt }
  }

  #fill(
    { batchSize, tumblingWindowMs }: MappingRules,
    below: number,
  ): { readonly count: number; readonly isFull: boolean } {
    const queue = this.#queue
    const head = queue[this.#head]!
    const windowEnd =
      tumblingWindowMs > 0 ? windowStart(head.arrivedAt, tumblingWindowMs) + tumblingWindowMs : Infinity
    let bytes = EVENT_FRAME_BYTES
    let count = 0
    for (let i = this.#head; i < queue.length; i++) {
      const { eventBytes, sequenceNumber, arrivedAt } = queue[i]!
      bytes += eventBytes
      const isOther = sequenceNumber >= below || arrivedAt >= windowEnd
      // A record that is too large for any call goes alone.
      if (count === batchSize || isOther || (bytes > EVENT_BYTES_MAX && count > 0))
        return { count, isFull: true }
      count++
    }
    return { count, isFull: count === batchSize || bytes >= EVENT_BYTES_MAX }
  }
}

function lowest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}
