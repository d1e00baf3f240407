// An on-demand stream that a test plays: shards over ranges of hash keys, and producers whose load lies on some of those.
// The autoscaler's own windows and rules are applied to it, look by look, by a stopwatch that the model moves.
import { byIndex } from '../../support/catalog-rows.ts'
import { decideScaling } from '../../../broker/control/capacity/autoscaler.ts'
import { LoadWindows } from '../../../broker/control/capacity/load-windows.ts'
import type { Scaling, ScalingDecision } from '../../../protocol/operations.ts'
import { noShardLimits } from '../../../protocol/structs.ts'
import { loadTable } from '../support/load-table.ts'

const SPACE = 1n << 128n
const STREAM_ID = 1
export const LOOK_MS = 2_000

/** What lies on one hash key, or, without one, evenly on all. */
export interface Lump {
  readonly hashKey?: bigint
  readonly bytes: number
  readonly records: number
}

export interface ModelShard {
  readonly index: number
  readonly parents: readonly number[]
  readonly state: 'OPEN' | 'CLOSED'
  readonly start: bigint
  readonly end: bigint
  readonly startingHashKey: string
  readonly endingHashKey: string
  readonly madeAt: number
  /** What the shard is asked for a second, by the load that is on. */
  load: { bytes: number; records: number; hot: { hashKey: string; part: number } | null }
  counters: { bytes: number; records: number }
}

export interface ModelOptions {
  readonly scaling: Scaling
  readonly startCount: number
  /** Whether hosts see which key is hot, and where the load is in balance. */
  readonly seesKeys: boolean
}

/** Something that was done, and by which look. */
export interface Action {
  readonly atMs: number
  readonly decision: ScalingDecision
  readonly before: readonly ModelShard[]
}

export class ModelStream {
  readonly windows = new LoadWindows()
  readonly actions: Action[] = []
  shards: ModelShard[] = []
  nowMs = 0
  /** Decisions on shards so far: each look decides on all that are open. */
  decided = 0
  readonly #options: ModelOptions
  #lumps: readonly Lump[] = []
  #open: readonly ModelShard[] | undefined
  #nextIndex = 0

  constructor(options: ModelOptions) {
    this.#options = options
    const step = SPACE / BigInt(options.startCount)
    for (let i = 0; i < options.startCount; i++) {
      const end = i === options.startCount - 1 ? SPACE - 1n : step * BigInt(i + 1) - 1n
      this.#add([], step * BigInt(i), end)
    }
  }

  /** In the order of their ranges. */
  get open(): readonly ModelShard[] {
    this.#open ??= this.shards
      .filter(({ state }) => state === 'OPEN')
      .sort((a, b) => (a.start < b.start ? -1 : 1))
    return this.#open
  }

  setLoad(lumps: readonly Lump[]): void {
    this.#lumps = lumps
    for (const shard of this.open) shard.load = this.#loadOf(shard.start, shard.end)
  }

  /** One look: some time passes, hosts tell what they counted, and what is decided is done at once. */
  look(): readonly ScalingDecision[] {
    this.nowMs += LOOK_MS
    const open = this.open
    for (const { counters, load } of open) {
      counters.bytes += (load.bytes * LOOK_MS) / 1000
      counters.records += (load.records * LOOK_MS) / 1000
    }
    this.windows.follow(STREAM_ID, byIndex(this.shards), this.nowMs)
    this.windows.observe(
      loadTable(
        open.map(({ index, counters, load }) => ({
          streamId: STREAM_ID,
          shardIndex: index,
          bytes: counters.bytes,
          records: counters.records,
          hot: load.hot,
        })),
      ),
      this.nowMs,
    )
    const decisions = decideScaling({
      ...this.#options,
      shards: open.map((shard) => this.#seen(shard)),
      shardLimits: noShardLimits,
    })
    this.decided += open.length
    for (const decision of decisions) this.#carryOut(decision)
    return decisions
  }

  /** Looks for so long, and gives how many shards were split or merged meanwhile. */
  lookFor(durationMs: number): number {
    const before = this.actions.length
    for (const until = this.nowMs + durationMs; this.nowMs < until;) this.look()
    return this.actions.length - before
  }

  #seen({ index, startingHashKey, endingHashKey }: ModelShard) {
    return {
      index,
      startingHashKey,
      endingHashKey,
      load: this.windows.of({ streamId: STREAM_ID, shardIndex: index }, this.nowMs),
    }
  }

  #carryOut(decision: ScalingDecision): void {
    if (decision.action !== 'split' && decision.action !== 'merge') return
    const before = decision.shards.map((index) => this.shards.find((shard) => shard.index === index)!)
    this.actions.push({ atMs: this.nowMs, decision, before })
    const isClosed = new Set(decision.shards)
    // A fresh list, as the catalog's state gives one; what was closed long ago has expired.
    this.shards = this.shards
      .filter(({ index, state }) => state === 'OPEN' || index > this.#nextIndex - 600)
      .map((shard) => (isClosed.has(shard.index) ? { ...shard, state: 'CLOSED' } : shard))
    this.#open = undefined
    if (decision.action === 'merge') {
      const [start, end] = [before[0]!.start, before[1]!.end]
      this.#add(decision.shards, start, end)
    } else {
      const [{ start, end }] = before as [ModelShard]
      const at = this.#balance(start, end)
      this.#add(decision.shards, start, at - 1n)
      this.#add(decision.shards, at, end)
    }
  }

  #add(parents: readonly number[], start: bigint, end: bigint): void {
    this.shards.push({
      index: this.#nextIndex++,
      parents,
      state: 'OPEN',
      start,
      end,
      startingHashKey: hex(start),
      endingHashKey: hex(end),
      madeAt: this.nowMs,
      load: this.#loadOf(start, end),
      counters: { bytes: 0, records: 0 },
    })
  }

  #loadOf(start: bigint, end: bigint): ModelShard['load'] {
    const load: ModelShard['load'] = { bytes: 0, records: 0, hot: null }
    let hot: Lump | undefined
    for (const lump of this.#lumps) {
      const { hashKey, bytes, records } = lump
      const isInside = hashKey !== undefined && hashKey >= start && hashKey <= end
      const part = hashKey === undefined ? Number(end - start + 1n) / Number(SPACE) : isInside ? 1 : 0
      load.bytes += bytes * part
      load.records += records * part
      if (isInside && bytes > (hot?.bytes ?? 0)) hot = lump
    }
    if (hot?.hashKey !== undefined && this.#options.seesKeys) {
      load.hot = { hashKey: hex(hot.hashKey), part: hot.bytes / load.bytes }
    }
    return load
  }

  /** Where a child begins that takes half of the load, as near as whole keys let it; the middle, where nothing is seen. */
  #balance(start: bigint, end: bigint): bigint {
    const middle = start + (end - start + 1n) / 2n
    if (!this.#options.seesKeys) return middle
    const half = this.#loadOf(start, end).bytes / 2
    let [low, high] = [start + 1n, end]
    while (low < high) {
      const at = (low + high) / 2n
      if (this.#loadOf(start, at - 1n).bytes >= half) high = at
      else low = at + 1n
    }
    // The key on which half is reached belongs to the side that it leaves more even.
    const excess = (at: bigint): number => Math.abs(this.#loadOf(start, at - 1n).bytes - half)
    return low - 1n > start && excess(low - 1n) < excess(low) ? low - 1n : low
  }
}

function hex(value: bigint): string {
  return value.toString(16).padStart(32, '0')
}
