// What waits in the lanes of a shard: records are put into heaps, and a heap gets its range when it is full, when its time has come, or
// when room is wanted. Runs in the app; the clock is handed in. Objects that were fixed in an earlier life are filled again from what is
// read again.
import type { DeliveryDefinition } from 'millrace/protocol'
import { errorLine } from '../errors/error-document.ts'
import type { ErrorRecord } from '../errors/error-record.ts'
import type { RoomHolder, SpoolRoom } from '../spool/spool-room.ts'
import type { LaneTarget, LaneTargets } from '../targets/lane-target.ts'
import type { Clock } from './clock.ts'
import type { IntakeRun } from './intake.ts'
import type { Entry, Lane, Lanes } from './lane.ts'
import type { PipelineResult } from './pipeline.ts'
import type { SourceRecord } from './source-record.ts'

export interface BuffersParts {
  readonly definition: DeliveryDefinition
  readonly lanes: Lanes
  readonly targets: LaneTargets
  readonly room: SpoolRoom
  readonly clock: Clock
  /** An object has its range and its records: it can be written. */
  readonly onFixed: (entry: Entry) => void
  /** What cannot be gone on from. */
  readonly onFault: (error: unknown) => void
}

export class Buffers implements RoomHolder {
  readonly #parts: BuffersParts
  #cancelTimer: (() => void) | undefined
  #timerAt = Infinity
  #openLanes = 0
  /** First number that was read under this lease. */
  first: number | undefined

  constructor(parts: BuffersParts) {
    this.#parts = parts
    parts.room.enter(this)
  }

  /** Heaps that have no range yet. */
  get openLanes(): number {
    return this.#openLanes
  }

  largest(): number {
    return this.#largest()?.open?.heap.bytes ?? 0
  }

  writeLargest(): void {
    const lane = this.#largest()
    if (lane !== undefined) this.seal(lane)
  }

  get memoryBytes(): number {
    let bytes = 0
    for (const { open, entries } of this.#parts.lanes.all()) {
      bytes += open?.heap.memoryBytes ?? 0
      for (const { heap } of entries) bytes += heap?.memoryBytes ?? 0
    }
    return bytes
  }

  async spill(): Promise<void> {
    for (const { open, entries } of this.#parts.lanes.all()) {
      await open?.heap.spill()
      for (const { heap, isFilling } of entries) if (isFilling) await heap?.spill()
    }
  }

  /** Objects of an earlier life wait for their records: without them, nothing that waits could be written. */
  get isFilling(): boolean {
    for (const { entries } of this.#parts.lanes.all())
      if (entries.some(({ isFilling }) => isFilling)) return true
    return false
  }

  /** Fixes the ranges of all that waits. */
  sealAll(): void {
    for (const lane of this.#parts.lanes.all()) this.seal(lane)
  }

  /** Gives everything back. */
  end(): void {
    const { room, lanes } = this.#parts
    this.#cancelTimer?.()
    room.leave(this)
    for (const lane of lanes.all()) {
      const heaps = [lane.open?.heap, ...lane.entries.map(({ heap }) => heap)]
      lane.open = undefined
      for (const heap of heaps) {
        if (heap === undefined) continue
        room.give(heap.bytes)
        void heap.release()
      }
    }
  }

  /** Takes a run of records that came out of the pipeline. */
  append({ records, next }: IntakeRun, { delivered, failed }: PipelineResult): void {
    const { targets } = this.#parts
    const { backup } = targets
    const touched = new Set<Lane>()
    if (backup !== undefined && records.length > 0) {
      const lane = this.#parts.lanes.get('b', '', () => backup)
      touched.add(lane)
      for (const record of records) this.#put(lane, record, record.data)
    }
    if (delivered === undefined) {
      const lane = this.#mainLane('')!
      touched.add(lane)
      for (const record of records) this.#put(lane, record, record.data)
    }
    let lane: Lane | undefined
    let partition: string | undefined
    for (const each of delivered ?? []) {
      if (each.partition !== partition || lane === undefined) {
        partition = each.partition
        lane = this.#mainLane(each.partition)
        if (lane !== undefined) touched.add(lane)
      }
      if (lane === undefined) touched.add(this.#putError(tooLong(each.record, this.#parts.clock.now())))
      else this.#put(lane, each.record, each.data)
    }
    for (const error of failed) touched.add(this.#putError(error))
    this.#appended(touched, next)
  }

  #mainLane(partition: string): Lane | undefined {
    const { targets } = this.#parts
    const target = targets.main(partition)
    // A name that is too long with the longest range would be too long some day.
    const longest = {
      from: Number.MAX_SAFE_INTEGER - 1,
      to: Number.MAX_SAFE_INTEGER,
      ms: this.#parts.clock.now(),
    }
    if (partition !== '' && target.keysOf(longest) === undefined) return undefined
    return this.#parts.lanes.get('o', partition, () => target)
  }

  #putError(error: ErrorRecord): Lane {
    const target = this.#parts.targets.errors(error.type)
    if (target === undefined) {
      throw new Error(`There is no place for a record that failed: ${error.message}`)
    }
    const lane = this.#parts.lanes.get('e', error.type, () => target)
    this.#put(lane, error.origin, errorLine(error))
    return lane
  }

  #put(lane: Lane, record: SourceRecord, data: Uint8Array): void {
    const { sequenceNumber } = record
    if (sequenceNumber < lane.done) return
    const { clock, room } = this.#parts
    const target = lane.target!
    if (sequenceNumber < lane.fixedBelow) {
      // It was fixed in an earlier life: there it is, or there it goes.
      const entry = lane.entries.find(
        ({ fixed, isWritten, isFilling }) => sequenceNumber < fixed.to && (isWritten || isFilling),
      )
      if (entry !== undefined) {
        if (entry.isWritten) return
        entry.heap ??= target.open()
        room.take(entry.heap.put(record, data))
        return
      }
    }
    let { open } = lane
    if (open !== undefined && open.last !== sequenceNumber && isFull(open.heap, target)) {
      this.seal(lane)
      open = undefined
    }
    if (open === undefined) {
      open = {
        heap: target.open(),
        from: sequenceNumber,
        last: sequenceNumber,
        // The first is the oldest: the broker's stamps never go back within a shard. Each look at one makes a date.
        ms: record.arrivedAt,
        since: clock.monotonic(),
      }
      lane.open = open
      this.#openLanes++
    }
    room.take(open.heap.put(record, data))
    open.last = sequenceNumber
  }

  #appended(touched: ReadonlySet<Lane>, taken: number): void {
    const { definition } = this.#parts
    for (const lane of this.#parts.lanes.all()) {
      for (const entry of lane.entries) {
        if (!entry.isFilling || entry.fixed.to > taken) continue
        entry.isFilling = false
        entry.isTorn = entry.fixed.from < (this.first ?? 0)
        this.#parts.onFixed(entry)
      }
    }
    const isEager = definition.buffer.intervalMs === 0
    for (const lane of touched) {
      if (lane.open === undefined) continue
      if (isFull(lane.open.heap, lane.target!)) this.seal(lane)
      else if (isEager) this.sealNext(lane)
    }
    this.keepWithin(definition.partitioning?.partitionsMax ?? Infinity)
    if (!isEager) this.#setTimer()
  }

  /** Writes the lanes that wait longest, where there are more than may wait: their records are in order, so these hold the position. */
  keepWithin(openMax: number): void {
    while (this.#openLanes > openMax) {
      let oldest: Lane | undefined
      for (const lane of this.#parts.lanes.all()) {
        if (lane.open !== undefined && (oldest === undefined || lane.open.from < oldest.open!.from))
          oldest = lane
      }
      if (oldest === undefined) return
      this.seal(oldest)
    }
  }

  /** Fixes the range of what waits in a lane without buffers, where that does not only make the objects before it take longer. */
  sealNext(lane: Lane): void {
    if (lane.entries.length < this.#parts.targets.eagerMax) this.seal(lane)
  }

  /** Fixes the range of what waits in a lane. */
  seal(lane: Lane): void {
    const { open, target } = lane
    if (open === undefined) return
    lane.open = undefined
    this.#openLanes--
    const { from, last, ms, heap } = open
    const range = { from, to: last + 1, ms }
    const keys = target!.keysOf(range)
    if (keys === undefined) {
      throw new Error('The name of an object became too long.')
    }
    const entry: Entry = {
      lane,
      fixed: { lane: lane.id, ...range, records: heap.records, ...keys },
      heap,
      isPrepared: false,
      isWritten: false,
      isFilling: false,
      isTorn: false,
    }
    lane.entries.push(entry)
    this.#parts.onFixed(entry)
  }

  #setTimer(): void {
    const { clock, definition } = this.#parts
    let at = Infinity
    for (const { open } of this.#parts.lanes.all())
      if (open !== undefined) at = Math.min(at, open.since + definition.buffer.intervalMs)
    if (at >= this.#timerAt) return
    this.#cancelTimer?.()
    this.#timerAt = at
    this.#cancelTimer = clock.after(Math.max(0, at - clock.monotonic()), () => {
      try {
        this.#due()
      } catch (error) {
        this.#parts.onFault(error)
      }
    })
  }

  #due(): void {
    this.#timerAt = Infinity
    this.#cancelTimer = undefined
    const { clock, definition } = this.#parts
    const until = clock.monotonic() - definition.buffer.intervalMs
    for (const lane of this.#parts.lanes.all())
      if (lane.open !== undefined && lane.open.since <= until) this.seal(lane)
    this.#setTimer()
  }

  #largest(): Lane | undefined {
    let largest: Lane | undefined
    for (const lane of this.#parts.lanes.all()) {
      if (lane.open !== undefined && lane.open.heap.bytes > (largest?.open?.heap.bytes ?? 0)) largest = lane
    }
    return largest
  }
}

function isFull(heap: { readonly bytes: number; readonly records: number }, target: LaneTarget): boolean {
  return heap.bytes >= target.bytesMax || heap.records >= target.recordsMax
}

function tooLong(origin: SourceRecord, endedAt: number): ErrorRecord {
  return {
    type: 'processing-failed',
    origin,
    rawData: origin.data,
    attemptsMade: 1,
    code: 'DynamicPartitioning.KeyTooLong',
    message: 'The values of the partition make a name that is too long.',
    endedAt,
  }
}
