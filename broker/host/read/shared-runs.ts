// What was read from memory in this turn of the event loop, for all that read the same: twenty subscriptions at the tail of a
// shard are woken in one turn, and get the same run, which is immutable. Host main thread. Nothing is kept beyond the turn.
import type { Room, BatchRun } from '../tail/batch-run.ts'
import { fits } from '../tail/batch-run.ts'

/** A shard whose batches in memory are read. */
export interface CachedShard {
  readonly tail: number
  readonly cached: { read(from: number, room: Room): BatchRun | undefined }
}

export class SharedRuns {
  readonly #atTurnEnd: (task: () => void) => void
  readonly #runs = new Map<CachedShard, { readonly from: number; readonly run: BatchRun }>()

  constructor(atTurnEnd: (task: () => void) => void) {
    this.#atTurnEnd = atTurnEnd
  }

  /** Returns batches from number `from` on; undefined if that is not in memory. */
  read(shard: CachedShard, from: number, room: Room): BatchRun | undefined {
    const known = this.#runs.get(shard)
    if (known?.from === from && suits(known.run, room, shard.tail)) return known.run
    const run = shard.cached.read(from, room)
    if (run === undefined || run.batches.length === 0) return run
    if (this.#runs.size === 0) this.#atTurnEnd(() => this.#runs.clear())
    this.#runs.set(shard, { from, run })
    return run
  }
}

/** True if a run fits in the room, and is worth taking in place of one that might fill it better. */
export function suits({ batches, bytes, next }: BatchRun, room: Room, tail: number): boolean {
  const isFit = batches.length === 1 ? fits(room, 0, bytes) : bytes <= room.bytes
  return isFit && (next >= tail || bytes >= room.bytes / 2)
}
