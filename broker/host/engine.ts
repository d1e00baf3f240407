// The data plane of a host, composed: owners, shards, the append path, the tail cache, reads and subscriptions.
// Host main thread. It has no part in sockets or in talking to the controller: host.ts puts it behind a server and behind calls.
import { quotasOfPrincipal } from '../access/quotas/quotas.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { OperationOn, RequestOf, ResponseOf } from '../../protocol/operations.ts'
import type {
  AheadShard,
  Backlog,
  BoundedTrims,
  ClockReading,
  HostCalls,
  HostedConsumerShard,
  HostedExtent,
  HostedLoads,
  HostSettings,
  PlacedShard,
  ShardRef,
  StoredSpans,
  StreamConsumers,
} from '../host-contract.ts'
import { noShard } from '../access/absence.ts'
import type { ClientEventHandlers, Context, Handlers } from '../server/dispatch.ts'
import type { Instruments } from '../telemetry/instruments.ts'
import type { Logger } from '../telemetry/log.ts'
import type { SegmentReader } from '../threads/reader-contract.ts'
import { STAMP_AHEAD_MS_MAX } from '../clock/doubting-clock.ts'
import { FollowedClock } from '../clock/followed-clock.ts'
import { timeBy, type Clock, type Time } from '../time.ts'
import { AppendPath } from './append/append-path.ts'
import { SessionShares } from './append/session-shares.ts'
import { hostLimits } from './host-limits.ts'
import type { HostStorage } from './host-storage.ts'
import { KeySampler } from './load/key-sampler.ts'
import { balancedKeyOf, loadsOf } from './load/loads.ts'
import { OwnerWatch } from './owners/owner-watch.ts'
import { Owners } from './owners/owners.ts'
import { HostConsumers } from './push/host-consumers.ts'
import { measureConsumers } from './push/measure-consumers.ts'
import { Subscriptions } from './push/subscriptions.ts'
import { Backlogs } from './read/backlogs.ts'
import { ColdReads } from './read/cold-reads.ts'
import { Fetches } from './read/fetch.ts'
import { Outflows } from './read/outflow.ts'
import { resolvePosition } from './read/positions.ts'
import { ShardReads } from './read/shard-reads.ts'
import { TailCache } from './tail/tail-cache.ts'
import { Horizons } from './retention/horizons.ts'
import { Maintenance } from './retention/maintenance.ts'
import type { HostedShard } from './shards/hosted-shard.ts'
import { SessionGrants } from './shards/session-grants.ts'
import { HostedShards } from './shards/hosted-shards.ts'
import { ShardLifecycle } from './shards/shard-lifecycle.ts'
import { Wakes } from './shards/wakes.ts'

type DescribeRequest = HostCalls['describeShards']['request']

export interface EngineOptions extends HostStorage {
  readonly settings: HostSettings
  readonly log: Logger
  readonly metrics: Instruments
  readonly time: Time
  /** Returns a number from 0 to below 1; it chooses which batches are sampled. */
  readonly random?: () => number
  /** Called when this host must not go on. */
  readonly onBroken: (error: Error) => void
}

export class Engine {
  /** Handlers of the data plane. */
  readonly handlers: Handlers<OperationOn<'data'>>
  readonly events: ClientEventHandlers
  /** Opens, seals and drops shards. */
  readonly lifecycle: ShardLifecycle
  /** Tells the controller how far consumer groups are behind. */
  readonly backlogs: Backlogs
  readonly #shards = new HostedShards()
  readonly #owners: Owners
  readonly #ownerWatch: OwnerWatch
  readonly #reader: SegmentReader
  readonly #cache: TailCache
  readonly #outflows: Outflows
  readonly #cold: ColdReads
  readonly #horizons: Horizons
  readonly #maintenance: Maintenance
  readonly #reads: ShardReads
  readonly #fetches: Fetches
  readonly #subscriptions: Subscriptions
  readonly #consumers: HostConsumers
  readonly #options: EngineOptions
  readonly #clock: FollowedClock

  /** Makes an engine that has no owner and no shard yet. */
  constructor(given: EngineOptions) {
    const { settings, metrics, log, onBroken } = given
    const clock = (this.#clock = new FollowedClock(given.time, settings.clock))
    const time = timeBy(given.time, clock.now)
    const options = (this.#options = { ...given, time })
    this.#reader = options.openReader(settings)
    this.#cache = new TailCache(settings.tailCacheBytes)
    this.#outflows = new Outflows(time)
    this.#cold = new ColdReads(Math.max(1, settings.readerThreads) * hostLimits.coldReadsPerReader)
    const shards = this.#shards
    const grants = new SessionGrants()
    const outflows = this.#outflows
    const wakes = new Wakes(time)
    const { elapsed } = time
    const owners = (this.#owners = new Owners({
      ...options,
      shards,
      cache: this.#cache,
      wakes,
      onAdopted: (owner) => this.#maintenance.adopt(owner),
      onSegments: (ownerId, list) => this.#maintenance.segmentsChanged(ownerId, list),
    }))
    this.#ownerWatch = new OwnerWatch({ owners, time, log })
    const reader = this.#reader
    const horizons = (this.#horizons = new Horizons({ clock, segments: owners, reader, elapsed, log }))
    const maintenance = (this.#maintenance = new Maintenance({
      ...options,
      shards,
      horizons,
      maintenance: options.openMaintenance(settings),
    }))
    const { atTurnEnd } = time
    const parts = { segments: owners, reader, cold: this.#cold, horizons }
    const reading = { ...parts, log, metrics, elapsed, atTurnEnd }
    const reads = (this.#reads = new ShardReads(reading))
    const refresh = (shard: HostedShard): Promise<void> => horizons.refresh(shard)
    this.backlogs = new Backlogs({ shards, segments: owners, reader, refresh, elapsed })
    this.#fetches = new Fetches({ shards, grants, reads, outflows, metrics, time })
    const consumers = (this.#consumers = new HostConsumers({ shards, time }))
    const pushing = { shards, grants, reads, consumers, outflows, metrics, time, onBroken }
    const subscriptions = new Subscriptions(pushing)
    this.#subscriptions = subscriptions
    const onRemoved = (shard: HostedShard): void => maintenance.forgot(shard)
    const served = { shards, owners, wakes, subscriptions, horizons }
    this.lifecycle = new ShardLifecycle({ ...served, onRemoved, log, elapsed })
    const appends = new AppendPath({
      shards,
      grants,
      owners,
      shares: new SessionShares(settings.appendQueueBytes),
      sampler: new KeySampler(options.random ?? Math.random),
      producersMaxOf: (principal) => {
        const { producerIds } = quotasOfPrincipal(settings.quotas, principal)
        return producerIds === Infinity ? 0 : producerIds
      },
      metrics,
      elapsed,
    })
    this.handlers = this.#handlers(appends)
    this.events = {
      credit: (body: EventBody<'credit'>, session) => subscriptions.credit(body, session),
    }
  }

  /**
   * Adopts the owners of the settings, for these shards; without owners that no shard needs and the disk has no room for. If
   * another cannot be started, those already started are closed, and it rejects.
   */
  async startOwners(shards: readonly PlacedShard[]): Promise<void> {
    try {
      await this.#owners.start(new Set(shards.map(({ ownerId }) => ownerId)))
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** The numbers of the owners that were left out. */
  get absentOwners(): readonly number[] {
    return this.#owners.absent
  }

  /** Tries again to start the owners that were left out, and returns the numbers of those that still are. */
  async startAbsentOwners(): Promise<readonly number[]> {
    await this.#owners.startAbsent()
    return this.#owners.absent
  }

  /** Begins retention, compaction, and the watch over the owners. Call it once the shards are served. */
  maintain(): void {
    this.#maintenance.start()
    this.#ownerWatch.start()
  }

  /** Returns the extents of the given shards, without expired records; leaves out shards that are not served. */
  async extentsOf({ streamId, shardIndexes }: DescribeRequest): Promise<readonly HostedExtent[]> {
    const shards = shardIndexes.flatMap((index) => this.#shards.find(streamId, index) ?? [])
    await Promise.all(shards.map((shard) => this.#horizons.refresh(shard)))
    return shards.filter(({ served }) => served).map(({ extent }) => extent)
  }

  /** The name of a stream that has shards here; undefined for others. */
  readonly streamNameOf = (streamId: number): string | undefined => this.#shards.nameOf(streamId)

  /** The clock that follows the controller: milliseconds since the epoch. */
  get now(): Clock {
    return this.#clock.now
  }

  /** Called when the controller sends its time. */
  followClock(reading: ClockReading): void {
    this.#clock.follow(reading)
  }

  /** Returns shards whose stamps are ahead of the clock by more than `STAMP_AHEAD_MS_MAX`. */
  stampedAhead(): readonly AheadShard[] {
    const ahead: AheadShard[] = []
    const now = this.#clock.now()
    for (const shard of this.#shards.all()) {
      const aheadMs = shard.aheadOf(now)
      const { streamId, shardIndex } = shard
      if (aheadMs > STAMP_AHEAD_MS_MAX) ahead.push({ streamId, shardIndex, aheadMs })
    }
    return ahead
  }

  /** Called when the controller tells the consumers of a stream: subscriptions of others end. */
  serveConsumers(served: StreamConsumers): void {
    this.#consumers.serve(served)
  }

  /** Returns how far a consumer is in those of the shards that are served here. */
  async consumerShards(
    request: HostCalls['consumerShards']['request'],
  ): Promise<readonly HostedConsumerShard[]> {
    const states = this.#consumers.statesOf(request)
    const known = states.flatMap(({ streamId, shardIndex, next }) =>
      next === null ? [] : [{ streamId, shardIndex, next, timestamp: null }],
    )
    const found = new Map<number, Backlog>()
    for (const backlog of await this.backlogs.of(known)) found.set(known[backlog.place]!.shardIndex, backlog)
    return states.map((state) => ({ ...state, backlog: found.get(state.shardIndex) ?? null }))
  }

  /** Returns the load counters of the open shards since this host started. */
  loads(): HostedLoads {
    return loadsOf(this.#shards.all(), this.#options.time.elapsed())
  }

  /** Returns the stored bytes of each stream that has a bound in bytes, as pairs of stream id and bytes. */
  boundedBytes(): Float64Array {
    return this.#maintenance.boundedBytes()
  }

  /** Counts the stored bytes of one stream, and returns its oldest spans too. */
  storedSpans({ streamId, excessBytes }: HostCalls['storedSpans']['request']): Promise<StoredSpans> {
    return this.#maintenance.storedSpans(streamId, excessBytes)
  }

  /** Raises horizons of a stream that is larger than its bound; this takes effect soon after. */
  trimToBound(trims: BoundedTrims): void {
    this.#maintenance.trimToBound(trims)
  }

  /** Returns the hash key that divides the shard's observed load in two, as 32 hex digits; null if too little was seen. */
  balanceOf({ streamId, shardIndex }: ShardRef): string | null {
    const shard = this.#shards.find(streamId, shardIndex)
    return shard ? balancedKeyOf(shard, this.#options.time.elapsed()) : null
  }

  /** What is wrong with this host although it serves, as a sentence; null if nothing is. */
  get trouble(): string | null {
    return this.#ownerWatch.trouble ?? this.#owners.trouble
  }

  /** Returns true if an owner is in trouble, and has answered nothing since the last call. */
  isStuck(): boolean {
    return this.#ownerWatch.isStuck()
  }

  /** Sets the gauges of this host, and the counters that its owners keep, just before its metrics are collected. */
  async measure(): Promise<void> {
    const owners = await this.#owners.readings()
    const { metrics } = this.#options
    metrics.millrace_shards.set(this.#shards.size)
    metrics.millrace_subscriptions.set(this.#subscriptions.size)
    measureConsumers(this.#consumers.live(), metrics)
    metrics.millrace_waiting_fetches.set(this.#fetches.waiting)
    const links = this.#owners.all
    metrics.millrace_append_queue_bytes.set(links.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0))
    metrics.millrace_storage_full.set(links.some(({ storageFull }) => storageFull) ? 1 : 0)
    metrics.millrace_tail_cache_bytes.set(this.#cache.bytes)
    metrics.millrace_cold_reads.set(this.#cold.running, 'running')
    metrics.millrace_cold_reads.set(this.#cold.waiting, 'waiting')
    metrics.millrace_stored_bytes.set(this.#storedBytes)
    const { bytesRead, bytesWritten, part } = this.#maintenance.compaction
    metrics.millrace_compacted_bytes_total.advanceTo(bytesRead, 'read')
    metrics.millrace_compacted_bytes_total.advanceTo(bytesWritten, 'written')
    metrics.millrace_compaction_progress.set(part)
    for (const { ownerId, waitingMs, stats } of owners) {
      const owner = String(ownerId)
      metrics.millrace_owner_waiting_seconds.set(waitingMs / 1000, owner)
      if (stats === undefined) continue
      metrics.millrace_owner_commits_total.advanceTo(stats.commits, owner)
      metrics.millrace_owner_commit_seconds_total.advanceTo(stats.commitMs / 1000, owner)
      metrics.millrace_owner_batches_total.advanceTo(stats.batches, owner)
      metrics.millrace_owner_bytes_total.advanceTo(stats.bytes, owner)
      metrics.millrace_owner_segments.set(stats.segments, owner)
      metrics.millrace_owner_producers.set(stats.producers, owner)
    }
  }

  /** Ends work that would go on: ends subscriptions, answers waiting fetches, and abandons a running compaction. */
  quiesce(): void {
    this.#ownerWatch.stop()
    this.#maintenance.stop()
    this.#subscriptions.drain()
    this.#fetches.drain()
  }

  /** Closes the owners, once they have done what is queued for them, and then the reader. */
  async close(): Promise<void> {
    this.quiesce()
    await this.#maintenance.close()
    try {
      await this.#owners.close()
    } finally {
      await this.#reader.close()
    }
  }

  get #storedBytes(): number {
    let bytes = this.#maintenance.sealedBytes
    for (const shard of this.#shards.all()) bytes += shard.activeBytes
    return bytes
  }

  #handlers(appends: AppendPath): Handlers<OperationOn<'data'>> {
    return {
      append: (request, context) => appends.append(request, context),
      fetch: (request, context) => this.#fetches.fetch(request, context),
      resolvePosition: (request, context) => this.#resolvePosition(request, context),
      subscribe: (request, context) => this.#subscriptions.subscribe(request, context),
      unsubscribe: (request, context) => this.#subscriptions.unsubscribe(request, context),
    }
  }

  async #resolvePosition(
    request: RequestOf<'resolvePosition'>,
    context: Context<'resolvePosition'>,
  ): Promise<ResponseOf<'resolvePosition'>> {
    const shard = this.#shards.find(request.streamId, request.shardIndex)
    if (!shard) context.fail('shardNotFound', noShard(request.streamId, request.shardIndex))
    const outflow = this.#outflows.of(context.session)
    const resolved = await resolvePosition(shard, request.position, this.#reads, outflow)
    if ('refusal' in resolved) context.fail(resolved.refusal.code, resolved.refusal.message)
    const { sequenceNumber } = resolved
    return { sequenceNumber, trimHorizon: shard.trimHorizon, tail: shard.tail }
  }
}
