// Runs the autoscaler: asks the hosts for the loads of their shards, decides for every on-demand stream, and has the
// decisions carried out. Runs in the controller. A stream with any change under way is left alone; what cannot be carried
// out now is decided anew at a later look, so only loads are remembered.
import type { ResponseOf, ScalingDecision, ShardLoad } from '../../../protocol/operations.ts'
import { hashKeyFromHex, hashKeyToBytes } from '../../../protocol/shards/hash-key.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import { crash } from '../../channels/calls.ts'
import { withDeadline, type Time } from '../../time.ts'
import { openShardsOf, shardsOf, type Shard, type Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import type { HostFleet } from '../hosts/fleet.ts'
import type { ReshardIntent } from '../resharding/plan.ts'
import { Looks } from '../looks.ts'
import { decideScaling, explainScaling, type ScalingInput } from './autoscaler.ts'
import { HotShards } from './hot-shards.ts'
import { LoadWindows, type ObservedLoad } from './load-windows.ts'

/** Delay from the end of a look to the next one. */
const LOOK_EVERY_MS = 2_000
/** Longest time that a look waits for a host. */
const LOADS_DEADLINE_MS = 1_500
/** After a failed change, the stream is left alone for this long. */
const FAILURE_PAUSE_MS = 10_000

/** Carries out changes of shards. */
export interface Resharder {
  /** Fulfils when all intents are carried out; a split without points divides the load that the shard's host has seen. */
  apply(streamId: number, intents: readonly ReshardIntent[]): Promise<unknown>
  /** True while a change of the stream's shards is under way or waits. */
  isBusy(streamId: number): boolean
}

export interface CapacityWatchOptions {
  readonly catalog: Catalog
  readonly fleet: HostFleet
  readonly resharder: Resharder
  readonly time: Time
  readonly instruments: Pick<Instruments, 'millrace_hot_shards'>
  readonly log: Logger
}

export class CapacityWatch {
  readonly #options: CapacityWatchOptions
  readonly #windows = new LoadWindows()
  readonly #hotShards: HotShards
  /** By stream id, for streams whose last change failed: until when the stream is left alone, in elapsed time. */
  readonly #pausedUntil = new Map<number, number>()
  readonly #looks: Looks

  constructor(options: CapacityWatchOptions) {
    this.#options = options
    this.#hotShards = new HotShards(options)
    this.#looks = new Looks(LOOK_EVERY_MS, options.time, () => this.#look())
  }

  start(): void {
    this.#looks.start()
  }

  /** Makes no more decisions; changes under way are the resharder's to stop. */
  stop(): void {
    this.#looks.stop()
  }

  /** Returns the load of a shard; undefined until its host has reported it. */
  loadOf({ streamId, index }: Pick<Shard, 'streamId' | 'index'>): ShardLoad | undefined {
    const load = this.#windows.of({ streamId, shardIndex: index }, this.#options.time.elapsed())
    return load && describeLoad(load)
  }

  /** Returns what would be decided now, and why, if the stream were on-demand and not being changed. */
  explain(stream: Stream): ResponseOf<'explainScaling'> {
    const { mode, scaling } = stream
    return { mode, scaling, decisions: explainScaling(this.#inputOf(stream)) }
  }

  async #look(): Promise<void> {
    const { catalog } = this.#options
    if (catalog.state.streams.size === 0) return
    this.#follow()
    await this.#observe()
    if (this.#looks.isStopped || !catalog.isOpen) return
    // Again, because shards may have been split or merged while hosts were asked.
    this.#follow()
    this.#hotShards.look(this.#windows)
    for (const stream of catalog.state.streams.values()) this.#scale(stream)
  }

  #follow(): void {
    const { catalog, time } = this.#options
    const { state } = catalog
    const nowMs = time.elapsed()
    this.#windows.keepStreams((streamId) => state.streams.has(streamId))
    for (const streamId of this.#pausedUntil.keys()) {
      if (!state.streams.has(streamId)) this.#pausedUntil.delete(streamId)
    }
    for (const streamId of state.streams.keys()) {
      this.#windows.follow(streamId, shardsOf(state, streamId), nowMs)
    }
  }

  /** Takes the loads from every ready host; a slow host is asked again at the next look. */
  async #observe(): Promise<void> {
    const { fleet, log, time } = this.#options
    const ready = fleet.hosts.filter(({ state }) => state === 'ready')
    await Promise.all(
      ready.map(async ({ hostId }) => {
        try {
          const asked = fleet.call(hostId, 'shardLoads', null)
          const loads = await withDeadline(asked, time, LOADS_DEADLINE_MS)
          this.#windows.observe(loads, time.elapsed())
        } catch (error) {
          if (error instanceof InvariantError) throw error
          log.debug({ err: error, hostId }, 'host has not reported the loads of its shards')
        }
      }),
    )
  }

  #inputOf(stream: Stream): ScalingInput {
    const { catalog, time } = this.#options
    const nowMs = time.elapsed()
    const open = openShardsOf(catalog.state, stream.id).values()
    const shards = Array.from(open, (shard) => ({
      index: shard.index,
      startingHashKey: shard.startingHashKey,
      endingHashKey: shard.endingHashKey,
      load: this.#windows.of({ streamId: stream.id, shardIndex: shard.index }, nowMs),
    }))
    return { shards, scaling: stream.scaling, shardLimits: stream.shardLimits }
  }

  #scale(stream: Stream): void {
    const { resharder, time } = this.#options
    if (stream.mode !== 'on-demand' || stream.status !== 'ACTIVE' || resharder.isBusy(stream.id)) return
    if (time.elapsed() < (this.#pausedUntil.get(stream.id) ?? 0)) return
    const decisions = decideScaling(this.#inputOf(stream)).filter(
      ({ action }) => action === 'split' || action === 'merge',
    )
    if (decisions.length === 0) return
    this.#log(stream, decisions)
    void this.#carryOut(stream, decisions.map(intentOf))
  }

  /** Never rejects. */
  async #carryOut(stream: Stream, intents: readonly ReshardIntent[]): Promise<void> {
    const { resharder, time, log } = this.#options
    try {
      await resharder.apply(stream.id, intents)
      this.#pausedUntil.delete(stream.id)
    } catch (error) {
      if (error instanceof InvariantError) return crash(error)
      // Another change came first, the stream was deleted, or the broker stops: no failure worth a warning.
      const isOverruled = MillraceError.is(error, 'streamBusy') || MillraceError.is(error, 'streamNotFound')
      if (this.#looks.isStopped || isOverruled) return
      this.#pausedUntil.set(stream.id, time.elapsed() + FAILURE_PAUSE_MS)
      log.warn({ err: error, stream: stream.name }, 'stream could not be scaled; a later look decides anew')
    }
  }

  #log(stream: Stream, decisions: readonly ScalingDecision[]): void {
    const { scaling, shardLimits, name } = stream
    const nowMs = this.#options.time.elapsed()
    for (const { action, shards, reason } of decisions) {
      const loads = shards.map((index) => this.#windows.of({ streamId: stream.id, shardIndex: index }, nowMs))
      this.#options.log.info(
        { stream: name, action, shards, scaling, shardLimits, loads },
        `${action}: ${reason}`,
      )
    }
  }
}

function intentOf({ action, shards }: ScalingDecision): ReshardIntent {
  const [first = 0, second = 0] = shards
  return action === 'split' ? { split: first, at: [] } : { merge: [first, second] }
}

function describeLoad({ rates, hot }: ObservedLoad): ShardLoad {
  const { tenSeconds, twoMinutes, tenMinutes } = rates
  return {
    bytesPerSecond10s: Math.round(tenSeconds.bytes),
    bytesPerSecond2m: Math.round(twoMinutes.bytes),
    bytesPerSecond10m: Math.round(tenMinutes.bytes),
    recordsPerSecond10s: Math.round(tenSeconds.records),
    recordsPerSecond2m: Math.round(twoMinutes.records),
    recordsPerSecond10m: Math.round(tenMinutes.records),
    hotHashKey: hot === null ? undefined : hashKeyToBytes(hashKeyFromHex(hot.hashKey)),
    hotPercent: hot === null ? undefined : Math.min(100, Math.round(hot.part * 100)),
  }
}
