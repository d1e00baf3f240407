// The lanes of a shard: what is open, what is fixed and waits to be written, and up to where each is delivered. Pure, but for the heaps
// that they hold. Entries of a lane are in order; it counts as delivered up to the first entry that is not written.
import { createHash } from 'node:crypto'
import type { PendingObject, ShardProgress } from '../progress/shard-progress.ts'
import type { LaneHeap, LaneTarget } from '../targets/lane-target.ts'

/** Kind of a lane, as its id begins. */
export type LaneKind = 'o' | 'e' | 'b'

export interface OpenHeap {
  readonly heap: LaneHeap
  readonly from: number
  last: number
  readonly ms: number
  /** By the monotonic clock of the delivery. */
  readonly since: number
}

/** An object with a fixed range. */
export interface Entry {
  readonly lane: Lane
  fixed: PendingObject
  /** Undefined for one that was fixed in an earlier life, until its first record comes. */
  heap: LaneHeap | undefined
  /** It stands in the document. */
  isPrepared: boolean
  isWritten: boolean
  /** It waits for its records, which are read again. */
  isFilling: boolean
  /** Some of its records are not in the stream any more. */
  isTorn: boolean
}

export interface Lane {
  readonly id: string
  readonly kind: LaneKind
  /** Undefined until a record of it comes. */
  target: LaneTarget | undefined
  open: OpenHeap | undefined
  readonly entries: Entry[]
  /** Records below it are delivered. */
  done: number
  /** Records below it have their objects from an earlier life. */
  fixedBelow: number
}

/** The id of a lane: short, and one for the same text. */
export function laneIdOf(kind: LaneKind, text: string): string {
  return kind + createHash('sha256').update(text).digest('hex').slice(0, 16)
}

export class Lanes {
  readonly #byId = new Map<string, Lane>()
  readonly #byText: Readonly<Record<LaneKind, Map<string, Lane>>> = {
    o: new Map(),
    e: new Map(),
    b: new Map(),
  }

  /** Takes up what a document says. */
  constructor({ ahead, pending }: Pick<ShardProgress, 'ahead' | 'pending'>) {
    for (const [id, next] of Object.entries(ahead)) this.#make(id).done = next
    for (const fixed of pending) {
      const lane = this.#byId.get(fixed.lane) ?? this.#make(fixed.lane)
      const isWritten = fixed.written === true
      lane.fixedBelow = Math.max(lane.fixedBelow, fixed.to)
      lane.entries.push({
        lane,
        fixed,
        heap: undefined,
        isPrepared: true,
        isWritten,
        isFilling: !isWritten,
        isTorn: false,
      })
    }
  }

  /** Returns the lane, and makes it where it is new. */
  get(kind: LaneKind, text: string, target: () => LaneTarget): Lane {
    const known = this.#byText[kind].get(text)
    if (known !== undefined) return known
    const id = laneIdOf(kind, text)
    const lane = this.#byId.get(id) ?? this.#make(id)
    lane.target ??= target()
    this.#byText[kind].set(text, lane)
    return lane
  }

  all(): IterableIterator<Lane> {
    return this.#byId.values()
  }

  /** Everything below it is delivered. `taken` is the number behind the last record that was taken. */
  position(taken: number): number {
    let position = taken
    for (const { open, entries } of this.#byId.values()) {
      if (open !== undefined && open.from < position) position = open.from
      for (const { fixed, isWritten } of entries) {
        if (!isWritten && fixed.from < position) position = fixed.from
      }
    }
    return position
  }

  /** Forgets lanes of which nothing needs to be known. */
  sweep(position: number): void {
    for (const texts of Object.values(this.#byText)) {
      for (const [text, lane] of texts) if (isForgotten(lane, position)) texts.delete(text)
    }
    for (const [id, lane] of this.#byId) if (isForgotten(lane, position)) this.#byId.delete(id)
  }

  /** What the document says of the lanes. */
  state(taken: number): Pick<ShardProgress, 'position' | 'ahead' | 'pending'> {
    const position = this.position(taken)
    const ahead: Record<string, number> = {}
    const pending: PendingObject[] = []
    for (const { id, done, entries } of this.#byId.values()) {
      if (done > position) ahead[id] = done
      for (const { fixed, isPrepared, isWritten } of entries) {
        if (!isPrepared) continue
        pending.push(isWritten ? { ...fixed, written: true } : fixed)
      }
    }
    return { position, ahead, pending }
  }

  #make(id: string): Lane {
    const lane: Lane = {
      id,
      kind: id[0] as LaneKind,
      target: undefined,
      open: undefined,
      entries: [],
      done: 0,
      fixedBelow: 0,
    }
    this.#byId.set(id, lane)
    return lane
  }
}

/** Takes written entries from the beginning of a lane. */
export function settle(lane: Lane): void {
  while (lane.entries[0]?.isWritten === true) {
    const { fixed } = lane.entries.shift()!
    lane.done = Math.max(lane.done, fixed.to)
  }
}

function isForgotten({ open, entries, done }: Lane, position: number): boolean {
  return open === undefined && entries.length === 0 && done <= position
}
