// The load of every open shard over 10 s, 2 min and 10 min, from counters that hosts are asked for now and then.
// Runs in the controller; pure: times are given, and are durations of a stopwatch, so that no jump of a clock counts.
// A shard made of others begins with their windows, so that nothing is blind after a change. Memory is bounded by the
// number of open shards, below a kilobyte each.
import { OrderedMap } from '../../catalog/ordered-map.ts'
import type { HostedLoads, HotKey, ShardRef } from '../../host-contract.ts'
import { LoadWindow, type LoadTotals, type Rate } from './load-window.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

/**
 * A mean over less than two minutes has to be over so much at least: one of a stream that is new, or of a controller that has
 * just started. What comes later than this is no burst that a new stream begins with, or a backlog after a restart.
 */
const STEADY_MS_MIN = 30 * SECOND_MS

/** What happens within a longer silence of a host is not known: it was down, or it hung. */
const GAP_MS = 15 * SECOND_MS
/** When the shortest window is filled by what a new shard itself was asked for. */
const JUDGED_AFTER_MS = 12 * SECOND_MS
/** A split that leaves this part of the load in one child has divided nothing. */
const SKEWED_PART = 0.9

/** Means over the three windows that decisions are made by; that of two minutes over what is known of them. */
export interface ShardRates {
  readonly tenSeconds: Rate
  readonly twoMinutes: Rate
  readonly tenMinutes: Rate
}

export interface ObservedLoad {
  readonly rates: ShardRates
  readonly hot: HotKey | null
  /** Since its host last told of it. */
  readonly silentMs: number
  /** For how long it, or what it was made of, has been watched without a gap. */
  readonly watchedMs: number
  /** Since it was made by a split or a merge; Infinity where that was before the watch began. */
  readonly ageMs: number
  /** Splits in a row, the last one being that which made it, that left nearly all of the load in one child: this one. */
  readonly skewedSplits: number
}

/** What of the catalog says where a shard comes from. */
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
  /** The host's counters as they last were; undefined until the first, which only sets where counting begins. */
  counters: LoadTotals | undefined
  hot: HotKey | null
  heardAt: number
  watchedSince: number
  readonly madeAt: number
  /** Made by the same split. */
  readonly siblings: readonly number[]
  isJudged: boolean
  skewedSplits: number
}

interface Watch {
  /** The shards as they last were: while they are the same ones, none is new. */
  shards: Lineages
  /** Above every index that was ever seen here. */
  nextIndex: number
  /** Of the open ones, by index. */
  readonly tracks: Map<number, Track>
}

export class LoadWindows {
  readonly #streams = new Map<number, Watch>()

  /** Takes what one host answered, for the shards that `follow` has announced. */
  observe({ counters, hot }: HostedLoads, nowMs: number): void {
    for (let at = 0, place = 0; at < counters.length; at += 4, place++) {
      const track = this.#streams.get(counters[at]!)?.tracks.get(counters[at + 1]!)
      if (track === undefined) continue
      track.hot = hot.get(place) ?? null
      count(track, { bytes: counters[at + 2]!, records: counters[at + 3]! }, nowMs)
    }
  }

  /** Watches the open shards of a stream, and no others. */
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

  /** Forgets the streams that are no more. */
  keepStreams(isKept: (streamId: number) => boolean): void {
    for (const streamId of this.#streams.keys()) if (!isKept(streamId)) this.#streams.delete(streamId)
  }

  /** The hash key with the largest part of a shard's load, as its host last told. */
  hotOf({ streamId, shardIndex }: ShardRef): HotKey | null {
    return this.#streams.get(streamId)?.tracks.get(shardIndex)?.hot ?? null
  }

  /** Undefined until its host has told of it, or of what it was made of. */
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

/** Begins to watch the shards that are new, and stops to watch those that are closed. */
function take(watch: Watch, shards: Lineages, nowMs: number): void {
  const { tracks } = watch
  const added = [...shards.values(watch.nextIndex - 1)]
  const childrenOf = new Map<number, number[]>()
  for (const { index, parents } of added) {
    for (const parent of parents) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), index])
  }
  // Several changes may lie between two looks: those in between get a track as well, to hand on what came before.
  for (const { index, parents, state } of added) {
    const known = parents.flatMap((parent) => tracks.get(parent) ?? [])
    const isKnown = parents.length > 0 && known.length === parents.length
    // Closed before the watch began: a stream may have tens of thousands of those, and they have nothing to hand on.
    if (state === 'CLOSED' && !isKnown) continue
    const siblings = (childrenOf.get(parents[0] ?? -1) ?? []).filter((other) => other !== index)
    tracks.set(index, isKnown ? heir(known, siblings, nowMs) : stranger(nowMs))
  }
  for (const index of tracks.keys()) if (shards.get(index)?.state !== 'OPEN') tracks.delete(index)
  watch.shards = shards
  watch.nextIndex = Math.max(watch.nextIndex, (shards.lastKey() ?? -1) + 1)
}

/** A shard of which nothing is known: not even what its host has counted before. */
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
 * A shard made of others. Of a parent that was split it gets an equal part: splits are made where they divide the load
 * evenly, as far as anybody knows. Its host counts it from zero.
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
  // What a host did before it was restarted and after it was last asked is lost.
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

/** Says, once enough is seen of a new shard, whether the split that made it divided anything. */
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
