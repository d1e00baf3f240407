// One lease of one shard of a delivery, under one definition: takes records through the pipeline into lanes, fixes ranges, writes them,
// and moves the position. Runs in the app; store, document, clock and room are handed in. Each object goes three steps: its range is made
// durable, it is written, its end is made durable. A crash between any two leaves each record in exactly one object.
import type { DeliveryDefinition } from 'millrace/protocol'
import type { ProgressDocument } from '../progress/progress-document.ts'
import type { DeliveredTotals, ShardProgress } from '../progress/shard-progress.ts'
import type { SpoolRoom } from '../spool/spool-room.ts'
import type { Clock } from './clock.ts'
import { Buffers } from './buffers.ts'
import { Intake } from './intake.ts'
import type { LaneTargets } from '../targets/lane-target.ts'
import { Lanes, settle, type Entry } from './lane.ts'
import { ObjectWriter } from './object-writer.ts'
import type { Pipeline } from './pipeline.ts'
import type { SourceRecord } from './source-record.ts'

export interface ShardDeliveryParts {
  readonly definition: DeliveryDefinition
  readonly pipeline: Pipeline
  readonly targets: LaneTargets
  readonly progress: Pick<ProgressDocument, 'save'>
  /** What is known durably. */
  readonly start: Pick<ShardProgress, 'position' | 'ahead' | 'pending' | 'delivered'>
  readonly room: SpoolRoom
  readonly clock: Clock
  /** Chance, from 0 to 1: for waits. */
  readonly random: () => number
  /** Called when records below the position are delivered; `isIdle` says that nothing else waits. */
  readonly onPosition: (position: number, isIdle: boolean) => void
  /** Called when it ends by a fault of its own: what waits must be read again, under another lease. */
  readonly onFault: (error: Error) => void
  readonly log: (level: 'info' | 'warn', message: string, error?: unknown) => void
}

/** Bytes of one shard that wait to be written, at least. */
const QUEUED_BYTES_MIN = 64 * 2 ** 20

/** Lanes that stand in the document beyond the position, at most. */
const AHEAD_MAX = 1000

export class ShardDelivery {
  readonly #parts: ShardDeliveryParts
  readonly #lanes: Lanes
  readonly #buffers: Buffers
  readonly #intake: Intake
  readonly #writer: ObjectWriter
  readonly #ending = new AbortController()
  #accepted: number
  #taken: number
  #told: number
  #delivered: DeliveredTotals
  #queuedBytes = 0
  /** Objects whose end is not durable yet. */
  readonly #uncommitted = new Set<Entry>()
  #over: Error | undefined
  #waiting: (() => void)[] = []

  constructor(parts: ShardDeliveryParts) {
    this.#parts = parts
    const { start, definition, pipeline, clock } = parts
    this.#lanes = new Lanes(start)
    this.#accepted = this.#taken = this.#told = start.position
    this.#delivered = start.delivered
    const { signal } = this.#ending
    this.#intake = new Intake({
      pipeline,
      gather: definition.transform,
      clock,
      random: parts.random,
      signal,
      onProcessed: (run, result) => {
        if (this.#over !== undefined) return
        this.#buffers.append(run, result)
        this.#taken = run.next
        this.#tell()
        this.#wake()
      },
      onTrouble: () => this.#troubled(),
      onFault: (error) => this.#fail(error),
    })
    this.#writer = new ObjectWriter({
      targets: parts.targets,
      clock,
      random: parts.random,
      signal,
      save: () => this.#save(),
      onWritten: (entry, written) => {
        this.#delivered = {
          records:
            this.#delivered.records +
            (entry.lane.kind === 'o' ? (entry.heap?.records ?? 0) - written.failed : 0),
          bytes: this.#delivered.bytes + written.bytes,
          objects: this.#delivered.objects + written.objects,
          failed:
            this.#delivered.failed + (entry.lane.kind === 'e' ? (entry.heap?.records ?? 0) : written.failed),
        }
        settle(entry.lane)
        this.#goOn(entry)
      },
      onDone: (entry) => this.#done(entry),
      onTrouble: (message, error) => {
        parts.log('warn', message, error)
        this.#troubled()
      },
      onFault: (error) => this.#fail(error),
    })
    this.#buffers = new Buffers({
      definition,
      lanes: this.#lanes,
      targets: parts.targets,
      room: parts.room,
      clock,
      onFixed: (entry) => {
        this.#uncommitted.add(entry)
        this.#queuedBytes += entry.heap?.bytes ?? 0
        this.#writer.add(entry)
      },
      onFault: (error) => this.#fail(asError(error)),
    })
  }

  /** Records below it are delivered. */
  get position(): number {
    return this.#lanes.position(this.#taken)
  }

  get delivered(): DeliveredTotals {
    return this.#delivered
  }

  /** Why it does not move. */
  get trouble(): { readonly message: string; readonly since: number } | undefined {
    return this.#writer.trouble ?? this.#intake.trouble
  }

  /** Nothing waits. */
  get isIdle(): boolean {
    if (this.#intake.isBusy || this.#writer.isBusy) return false
    for (const { open, entries } of this.#lanes.all())
      if (open !== undefined || entries.length > 0) return false
    return true
  }

  /**
   * Takes consecutive records; `next` is the number behind the last one. Records that were taken already are passed over. Fulfils when
   * there is room for more. Rejects where it stands still and room is used up, and when it is over: the records are taken all the same
   * in the first case.
   */
  async take(records: readonly SourceRecord[], next: number): Promise<void> {
    this.#throwIfOver()
    const first = records[0]
    const accepted = this.#accepted
    const fresh =
      first === undefined || first.sequenceNumber >= accepted
        ? records
        : records.filter(({ sequenceNumber }) => sequenceNumber >= accepted)
    if (next > accepted) {
      this.#accepted = next
      this.#buffers.first ??= fresh[0]?.sequenceNumber ?? next
      this.#intake.take(fresh, next)
    }
    const { room, definition } = this.#parts
    const queuedMax = Math.max(QUEUED_BYTES_MIN, 2 * definition.buffer.bytes)
    while (
      this.#intake.isFull ||
      (!this.#buffers.isFilling && (room.isFull || this.#queuedBytes > queuedMax))
    ) {
      this.#throwIfStuck()
      const changed = this.#changed()
      if (room.isFull) room.relieve(() => this.#wake())
      await changed
      this.#throwIfOver()
    }
    await room.spill()
  }

  /** Writes all that waits. Fulfils when everything that was taken is delivered; rejects where it stands still, and when it is over. */
  async finish(): Promise<void> {
    this.#throwIfOver()
    await this.#intake.flush()
    this.#throwIfOver()
    this.#buffers.sealAll()
    while (!this.isIdle) {
      this.#throwIfStuck()
      if (!this.#intake.isBusy && !this.#writer.isBusy && this.#buffers.isFilling) {
        throw new Error('Objects of an earlier life wait for records that are still to be read again.')
      }
      await this.#changed()
      this.#throwIfOver()
    }
  }

  /** Ends at once. What waits is read again by whoever has the shard next. */
  stop(error: Error): void {
    if (this.#over !== undefined) return
    this.#over = error
    this.#ending.abort(error)
    this.#buffers.end()
    this.#wake()
  }

  #fail(error: Error): void {
    if (this.#over !== undefined) return
    this.stop(error)
    this.#parts.onFault(error)
  }

  #done(entry: Entry): void {
    if (this.#over !== undefined) return
    this.#uncommitted.delete(entry)
    const { heap } = entry
    if (heap !== undefined) {
      this.#parts.room.give(heap.bytes)
      this.#queuedBytes -= heap.bytes
      void heap.release()
      entry.heap = undefined
    }
    this.#tell()
    this.#wake()
  }

  /** Without buffers, what waits behind an object is written next. */
  #goOn({ lane }: Entry): void {
    if (this.#over === undefined && this.#parts.definition.buffer.intervalMs === 0)
      this.#buffers.sealNext(lane)
  }

  #tell(): void {
    let position = this.position
    this.#lanes.sweep(position)
    // Whoever goes on from there finds in the document what is still to be done before it.
    for (const { fixed } of this.#uncommitted) position = Math.min(position, fixed.from)
    if (position <= this.#told) return
    this.#told = position
    this.#parts.onPosition(position, this.isIdle)
  }

  #save(): Promise<void> {
    return this.#parts.progress.save(() => {
      const state = this.#lanes.state(this.#taken)
      const isOpen = state.pending.length > 0 || Object.keys(state.ahead).length > 0
      const { trouble } = this
      // The lane that holds the position is written, before the document becomes large.
      if (Object.keys(state.ahead).length > AHEAD_MAX) queueMicrotask(() => this.#relieve())
      return {
        ...state,
        delivered: this.#delivered,
        ...(isOpen && { madeBy: this.#parts.definition }),
        ...(trouble !== undefined && { trouble }),
      }
    })
  }

  #relieve(): void {
    if (this.#over !== undefined) return
    try {
      this.#buffers.keepWithin(this.#buffers.openLanes - 1)
    } catch (error) {
      this.#fail(asError(error))
    }
  }

  #troubled(): void {
    if (this.#over !== undefined) return
    this.#save().catch((error: unknown) => this.#fail(asError(error)))
    this.#wake()
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  #throwIfOver(): void {
    if (this.#over !== undefined) throw this.#over
  }

  #throwIfStuck(): void {
    this.#throwIfOver()
    const { trouble } = this
    if (trouble !== undefined) throw new Error(trouble.message)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
