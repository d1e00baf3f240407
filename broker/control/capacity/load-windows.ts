// The load of every open shard over 10 s, 2 min and 10 min, from counters that hosts report. Runs in the controller; pure:
// callers give the time as elapsed milliseconds, so that jumps of the clock have no effect. A child begins with its parents'
// windows, so that its load is known right after a change. Memory: below a kilobyte for each open shard.
import { OrderedMap } from '../../catalog/ordered-map.ts'
import type { HostedLoads, HotKey, ShardRef } from '../../host-contract.ts'
import { LoadWindow, type LoadTotals, type Rate } from './load-window.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

/**
 * The 2 min mean of a stream that is known for less time (it is new, or the controller has just started) is taken over this
 * time at least, so that the first burst of a new stream, or a backlog after a restart, does not count as its load.
 */
const STEADY_MS_MIN = 30 * SECOND_MS

/** After a longer silence of a host (it was down, or hung) the watch of its shards begins anew. */
const GAP_MS = 15 * SECOND_MS
/** Age at which the shortest window of a new shard holds only its own load, not its parents'. */
const JUDGED_AFTER_MS = 12 * SECOND_MS
/** A split is skewed if it leaves at least this part of the load in one child. */
const SKEWED_PART = 0.9

/** Means over the three windows; the 2 min mean is over the known time, where that is less. */
export interface ShardRates {
  readonly tenSeconds: Rate
  readonly twoMinutes: Rate
  readonly tenMinutes: Rate
}

export interface ObservedLoad {
  readonly rates: ShardRates
  readonly hot: HotKey | null
  /** Milliseconds since its host last reported it. */
  readonly silentMs: number
  /** Milliseconds that the shard and its ancestors have been watched without a gap. */
  readonly watchedMs: number
  /** Milliseconds since a split or a merge made the shard; Infinity where that was before the watch began. */
  readonly ageMs: number
  /** Skewed splits in a row that led to this shard, each time as the child with nearly all of the load. */
  readonly skewedSplits: number
}

/** The part of a shard's row that says where the shard comes from. */
export interface ShardLineage {
  readonly index: number
  readonly parents: readonly number[]
  readonly state: 'OPEN' | 'CLOSED'
}

/** The shards of a stream, by index. */
export type Lineages = OrderedMap<number, ShardLineage>

interface Track {
  readonly windows: readonly [LoadWindow, LoadWindow, LoadWindow]
  totals: LoadTotals
  /** The host's last counters; undefined before the first, which only set where counting begins. */
  counters: LoadTotals | undefined
  hot: HotKey | null
  heardAt: number
  watchedSince: number
  readonly madeAt: number
  /** Indexes of the other children of the split that made the shard. */
  readonly siblings: readonly number[]
  isJudged: boolean
  skewedSplits: number
}

interface Watch {
  /** The shard map at the last `follow`: while the map object is the same, no shard is new. */
  shards: Lineages
  /** One above the greatest shard index seen so far. */
  nextIndex: number
  /** Tracks of the open shards, by shard index. */
  readonly tracks: Map<number, Track>
}

export class LoadWindows {
  readonly #streams = new Map<number, Watch>()

  /** Takes the loads that one host has reported; ignores shards that `follow` has not announced. */
  observe({ counters, hot }: HostedLoads, nowMs: number): void {
    for (let at = 0, place = 0; at < counters.length; at += 4, place++) {
      const track = this.#streams.get(counters[at]!)?.tracks.get(counters[at + 1]!)
      if (track === undefined) continue
      track.hot = hot.get(place) ?? null
      count(track, { bytes: counters[at + 2]!, records: counters[at + 3]! }, nowMs)
    }
  }

  /** Watches exactly the open shards of a stream from now on. */
  follow(streamId: number, shards: Lineages, nowMs: number): void {
    const watch = this.#streams.get(streamId) ?? {
      shards: OrderedMap.empty<number, ShardLineage>(),
      nextIndex: 0,
      tracks: new Map<number, Track>(),
    }
    this.#streams.set(streamId, watch)
    if (watch.shards !== shards) take(watch, shards, nowMs)
    for (const track of watch.tracks.values()) judge(track, watch.tracks, nowMs)
  }

  /** Forgets the streams for which `isKept` returns false. */
  keepStreams(isKept: (streamId: number) => boolean): void {
    for (const streamId of this.#streams.keys()) if (!isKept(streamId)) this.#streams.delete(streamId)
  }

  /** Returns the hash key with the largest part of a shard's load, as its host last reported it. */
  hotOf({ streamId, shardIndex }: ShardRef): HotKey | null {
    return this.#streams.get(streamId)?.tracks.get(shardIndex)?.hot ?? null
  }

  /** Returns the load of a shard; undefined until a host has reported it or its parents. */
  of({ streamId, shardIndex }: ShardRef, nowMs: number): ObservedLoad | undefined {
    const track = this.#streams.get(streamId)?.tracks.get(shardIndex)
    if (track?.counters === undefined) return undefined
    const [tenSeconds, twoMinutes, tenMinutes] = track.windows
    return {
      rates: {
        tenSeconds: tenSeconds.rate(nowMs),
        twoMinutes: twoMinutes.rate(nowMs, STEADY_MS_MIN),
        tenMinutes: tenMinutes.rate(nowMs),
      },
      hot: track.hot,
      silentMs: nowMs - track.heardAt,
      watchedMs: nowMs - track.watchedSince,
      ageMs: nowMs - track.madeAt,
      skewedSplits: track.skewedSplits,
    }
  }
}

/** Begins to watch new shards, and ends the watch of closed ones. */
function take(watch: Watch, shards: Lineages, nowMs: number): void {
  const { tracks } = watch
  const added = [...shards.values(watch.nextIndex - 1)]
  const childrenOf = new Map<number, number[]>()
  for (const { index, parents } of added) {
    for (const parent of parents) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), index])
  }
  // Several changes may lie between two looks: a shard that was made and closed in between passes its parents' track on.
  for (const { index, parents, state } of added) {
    const known = parents.flatMap((parent) => tracks.get(parent) ?? [])
    const isKnown = parents.length > 0 && known.length === parents.length
    // Closed before the watch began: a stream may have tens of thousands of these, and they have no load to pass on.
    if (state === 'CLOSED' && !isKnown) continue
    const siblings = (childrenOf.get(parents[0] ?? -1) ?? []).filter((other) => other !== index)
    tracks.set(index, isKnown ? heir(known, siblings, nowMs) : stranger(nowMs))
  }
  for (const index of tracks.keys()) if (shards.get(index)?.state !== 'OPEN') tracks.delete(index)
  watch.shards = shards
  watch.nextIndex = Math.max(watch.nextIndex, (shards.lastKey() ?? -1) + 1)
}

/** Makes the track of a shard without known parents. Its host may have counted before. */
function stranger(nowMs: number): Track {
  return {
    windows: [new LoadWindow(10 * SECOND_MS), new LoadWindow(2 * MINUTE_MS), new LoadWindow(10 * MINUTE_MS)],
    totals: { bytes: 0, records: 0 },
    counters: undefined,
    hot: null,
    heardAt: nowMs,
    watchedSince: nowMs,
    madeAt: -Infinity,
    siblings: [],
    isJudged: true,
    skewedSplits: 0,
  }
}

/**
 * Makes the track of a child. The children of a split get equal parts of their parent's load, because a split is made where
 * it divides the observed load evenly. The child's host counts from zero.
 */
function heir(parents: readonly Track[], siblings: readonly number[], nowMs: number): Track {
  const part = 1 / (siblings.length + 1)
  const sum = (window: 0 | 1 | 2): LoadWindow =>
    LoadWindow.sumOf(
      parents.map(({ windows }) => ({ window: windows[window], part })),
      nowMs,
    )
  return {
    windows: [sum(0), sum(1), sum(2)],
    totals: {
      bytes: parents.reduce((total, { totals }) => total + totals.bytes * part, 0),
      records: parents.reduce((total, { totals }) => total + totals.records * part, 0),
    },
    counters: parents.some(({ counters }) => counters === undefined) ? undefined : { bytes: 0, records: 0 },
    hot: null,
    heardAt: nowMs,
    watchedSince: Math.max(...parents.map(({ watchedSince }) => watchedSince)),
    madeAt: nowMs,
    siblings,
    isJudged: siblings.length === 0,
    skewedSplits: siblings.length === 0 ? 0 : (parents[0]?.skewedSplits ?? 0),
  }
}

function count(track: Track, { bytes, records }: LoadTotals, nowMs: number): void {
  const { counters, totals, heardAt } = track
  const isRestarted = counters !== undefined && (bytes < counters.bytes || records < counters.records)
  // Load between the last report and the restart of a host is lost.
  const from = isRestarted ? { bytes: 0, records: 0 } : (counters ?? { bytes, records })
  if (isRestarted || nowMs - heardAt > GAP_MS) track.watchedSince = nowMs
  track.totals = {
    bytes: totals.bytes + bytes - from.bytes,
    records: totals.records + records - from.records,
  }
  track.counters = { bytes, records }
  track.heardAt = nowMs
  for (const window of track.windows) window.add(nowMs, track.totals)
}

/** Decides, once enough is seen of a new child, whether the split that made it was skewed. */
function judge(track: Track, tracks: ReadonlyMap<number, Track>, nowMs: number): void {
  if (track.isJudged || nowMs - track.madeAt < JUDGED_AFTER_MS) return
  track.isJudged = true
  const own = track.windows[0].rate(nowMs)
  const all = { ...own }
  let isComplete = true
  for (const index of track.siblings) {
    const sibling = tracks.get(index)?.windows[0].rate(nowMs)
    if (sibling === undefined) isComplete = false
    all.bytes += sibling?.bytes ?? 0
    all.records += sibling?.records ?? 0
  }
  const isMost = (part: number, of: number): boolean => of > 0 && part >= SKEWED_PART * of
  const isSkewed = isComplete && (isMost(own.bytes, all.bytes) || isMost(own.records, all.records))
  track.skewedSplits = isSkewed ? track.skewedSplits + 1 : 0
}
