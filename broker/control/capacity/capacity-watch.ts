// The autoscaler at work: asks the hosts for the loads of their shards, decides for every on-demand stream, and has the
// decisions carried out. Runs in the controller. Of one stream only one change is under way at a time, whoever asked for
// it; what cannot be carried out now is decided anew at a later look, so nothing is remembered but the loads.
import type { ResponseOf, ScalingDecision, ShardLoad } from '../../../protocol/operations.ts'
import { hashKeyFromHex, hashKeyToBytes } from '../../../protocol/hash-key.ts'
import { InvariantError } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import { crash } from '../../channels/calls.ts'
import { withDeadline, type Time } from '../../time.ts'
import { openShardsOf, shardsOf, type Shard, type Stream } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import type { HostFleet } from '../fleet.ts'
import type { ReshardIntent } from '../resharding/plan.ts'
import { decideScaling, explainScaling, type ScalingInput } from './autoscaler.ts'
import { HotShards } from './hot-shards.ts'
import { LoadWindows, type ObservedLoad } from './load-windows.ts'

/** Between two looks. */
const LOOK_EVERY_MS = 2_000
/** A look waits no longer than this for a host. */
const LOADS_DEADLINE_MS = 1_500
/** After a change that failed, the stream is left alone for so long. */
const FAILURE_PAUSE_MS = 10_000

/** What carries changes of shards out. */
export interface Resharder {
  /** Fulfils when all intents are carried out; a split without a place is balanced by the load that its host saw. */
  apply(streamId: number, intents: readonly ReshardIntent[]): Promise<unknown>
  /** A change of the stream is under way, or waits. */
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
  /** Streams whose last change failed, and until when each is left alone. */
  readonly #pausedUntil = new Map<number, number>()
  #cancelLook: (() => void) | undefined
  #isStopped = false

  constructor(options: CapacityWatchOptions) {
    this.#options = options
    this.#hotShards = new HotShards(options)
  }

  start(): void {
    this.#schedule()
  }

  /** Decides nothing more. A change under way is not its own to stop. */
  stop(): void {
    this.#isStopped = true
    this.#cancelLook?.()
  }

  /** What producers ask of a shard; undefined until its host has told. */
  loadOf({ streamId, index }: Pick<Shard, 'streamId' | 'index'>): ShardLoad | undefined {
    const load = this.#windows.of({ streamId, shardIndex: index }, this.#options.time.elapsed())
    return load && describeLoad(load)
  }

  /** What would be done now, and why, were the stream on-demand and nothing else under way. */
  explain(stream: Stream): ResponseOf<'explainScaling'> {
    const { mode, scaling } = stream
    return { mode, scaling, decisions: explainScaling(this.#inputOf(stream)) }
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#cancelLook = this.#options.time.after(LOOK_EVERY_MS, () => {
      this.#look().then(
        () => this.#schedule(),
        // Nothing in a look is expected to fail but hosts, and their failures end inside.
        (error: Error) => crash(error),
      )
    })
  }

  async #look(): Promise<void> {
    const { catalog } = this.#options
    if (catalog.state.streams.size === 0) return
    this.#follow()
    await this.#observe()
    if (this.#isStopped || !catalog.isOpen) return
    // While hosts were asked, shards may have been split or merged.
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

  /** Takes the loads from every host that is ready; one that is slow is asked again next time. */
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
          log.debug({ err: error, hostId }, 'host has not told the loads of its shards')
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
      // Somebody else came first, the stream was deleted, or the broker stops: nothing to look into.
      const isOverruled = MillraceError.is(error, 'streamBusy') || MillraceError.is(error, 'streamNotFound')
      if (this.#isStopped || isOverruled) return
      this.#pausedUntil.set(stream.id, time.elapsed() + FAILURE_PAUSE_MS)
      log.warn({ err: error, stream: stream.name }, 'stream could not be scaled; it is decided on anew later')
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
