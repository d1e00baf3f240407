// A model of an on-demand stream: shards over ranges of hash keys, and producers with loads on some hash keys.
// It applies the autoscaler's windows and rules look by look, in model time.
import { byIndex } from '../../../support/catalog-rows.ts'
import { decideScaling } from '../../../../broker/control/capacity/autoscaler.ts'
import { LoadWindows } from '../../../../broker/control/capacity/load-windows.ts'
import type { Scaling, ScalingDecision } from '../../../../protocol/operations.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'
import { loadTable } from '../support/load-table.ts'

const SPACE = 1n << 128n
const STREAM_ID = 1
export const LOOK_MS = 2_000

/** A load per second on one hash key or, without `hashKey`, evenly on all. */
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
  /** Load of the shard per second, from the current load of the stream. */
  load: { bytes: number; records: number; hot: { hashKey: string; part: number } | null }
  counters: { bytes: number; records: number }
}

export interface ModelOptions {
  readonly scaling: Scaling
  readonly startCount: number
  /** True if hosts report hot keys, and where a load divides evenly. */
  readonly seesKeys: boolean
}

/** A decision that was carried out, and when. */
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
  /** Number of decisions on shards so far: each look decides on every open shard. */
  decided = 0
  readonly #options: ModelOptions
  #lumps: readonly Lump[] = []
  #open: readonly ModelShard[] | undefined
  /** As in the catalog's state, a new one for each change. */
  #byIndex: ReturnType<typeof byIndex<ModelShard>> | undefined
  #nextIndex = 0

  constructor(options: ModelOptions) {
    this.#options = options
    const step = SPACE / BigInt(options.startCount)
    for (let i = 0; i < options.startCount; i++) {
      const end = i === options.startCount - 1 ? SPACE - 1n : step * BigInt(i + 1) - 1n
      this.#add([], step * BigInt(i), end)
    }
  }

  /** Open shards, in the order of their ranges. */
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

  /** One look: time passes, hosts report their counters, and decisions are carried out at once. */
  look(): readonly ScalingDecision[] {
    this.nowMs += LOOK_MS
    const open = this.open
    for (const { counters, load } of open) {
      counters.bytes += (load.bytes * LOOK_MS) / 1000
      counters.records += (load.records * LOOK_MS) / 1000
    }
    this.#byIndex ??= byIndex(this.shards)
    this.windows.follow(STREAM_ID, this.#byIndex, this.nowMs)
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

  /** Looks for `ms` of model time; returns how many decisions were carried out meanwhile. */
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
    // Shards closed long ago have expired.
    this.shards = this.shards
      .filter(({ index, state }) => state === 'OPEN' || index > this.#nextIndex - 600)
      .map((shard) => (isClosed.has(shard.index) ? { ...shard, state: 'CLOSED' } : shard))
    this.#open = undefined
    this.#byIndex = undefined
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

  /** Returns where the upper child begins so that the load divides evenly, as far as whole keys allow; else the middle. */
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
    // The key at which half is reached goes to the side that makes the halves more even.
    const excess = (at: bigint): number => Math.abs(this.#loadOf(start, at - 1n).bytes - half)
    return low - 1n > start && excess(low - 1n) < excess(low) ? low - 1n : low
  }
}

function hex(value: bigint): string {
  return value.toString(16).padStart(32, '0')
}
