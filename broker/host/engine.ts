// The data plane of a host, composed: owners, shards, the append path, the tail cache, reads and subscriptions.
// Host main thread. It knows neither sockets nor the controller: host.ts puts it behind a server and behind calls.
import type { EventBody } from '../../protocol/events.ts'
import { invariant } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { OperationOn, RequestOf, ResponseOf } from '../../protocol/operations.ts'
import type { HostedExtent, HostedLoad, HostSettings, ShardRef } from '../host-contract.ts'
import type { ClientEventHandlers, Context, Handlers } from '../server/dispatch.ts'
import type { Logger } from '../telemetry/log.ts'
import type { SegmentMaintenance } from '../threads/maintenance-contract.ts'
import type { SegmentList } from '../threads/owner-contract.ts'
import type { SegmentReader } from '../threads/reader-contract.ts'
import { AppendSettlement } from './append/append-outcome.ts'
import { AppendPath } from './append/append-path.ts'
import { SessionShares } from './append/session-shares.ts'
import { hostLimits } from './host-limits.ts'
import type { HostGauges, HostMetrics } from './host-metrics.ts'
import { KeySampler } from './load/key-sampler.ts'
import { balancedKeyOf, loadsOf } from './load/loads.ts'
import { OwnerLink, type OwnerListener, type OwnerChannel } from './owner-link.ts'
import { Subscriptions } from './push/subscriptions.ts'
import { ColdReads } from './read/cold-reads.ts'
import { Fetches } from './read/fetch.ts'
import { Outflows } from './read/outflow.ts'
import { resolvePosition } from './read/positions.ts'
import { ShardReads } from './read/shard-reads.ts'
import { TailCache } from './read/tail-cache.ts'
import { Horizons } from './retention/horizons.ts'
import { Maintenance } from './retention/maintenance.ts'
import { retentionClock } from './retention/retention-clock.ts'
import { ShardLifecycle } from './shard-lifecycle.ts'
import { describeShard, ShardTable } from './shard-table.ts'
import type { Timing } from './timing.ts'
import { Wakes } from './wakes.ts'

export interface EngineOptions {
  readonly settings: HostSettings
  readonly startOwner: (
    owner: HostSettings['owners'][number],
    settings: HostSettings,
  ) => Promise<OwnerChannel>
  readonly openReader: (settings: HostSettings) => SegmentReader
  readonly openMaintenance: (settings: HostSettings) => SegmentMaintenance
  readonly log: Logger
  readonly metrics: HostMetrics
  readonly timing: Timing
  /** From 0 to below 1, to choose what is sampled. */
  readonly random?: () => number
  /** This host must not go on. */
  readonly onBroken: (error: Error) => void
}

export class Engine {
  /** Serves the data plane. */
  readonly handlers: Handlers<OperationOn<'data'>>
  readonly events: ClientEventHandlers
  /** Opens, seals and drops shards. */
  readonly lifecycle: ShardLifecycle
  readonly #shards = new ShardTable()
  readonly #owners = new Map<number, OwnerLink>()
  readonly #reader: SegmentReader
  readonly #cache: TailCache
  readonly #wakes: Wakes
  readonly #outflows: Outflows
  readonly #cold: ColdReads
  readonly #horizons: Horizons
  readonly #maintenance: Maintenance
  readonly #reads: ShardReads
  readonly #fetches: Fetches
  readonly #subscriptions: Subscriptions
  readonly #options: EngineOptions

  /** An engine with no owner and no shard yet. */
  constructor(options: EngineOptions) {
    const { settings, metrics, timing, log, onBroken } = options
    this.#options = options
    this.#reader = options.openReader(settings)
    this.#cache = new TailCache(settings.tailCacheBytes)
    this.#wakes = new Wakes(timing)
    this.#outflows = new Outflows(timing)
    this.#cold = new ColdReads(Math.max(1, settings.readerThreads) * hostLimits.coldReadsPerReader)
    const shards = this.#shards
    const outflows = this.#outflows
    const segments = { segmentsOf: (ownerId: number) => this.#segmentsOf(ownerId) }
    const reader = this.#reader
    const { elapsed } = timing
    const horizons = (this.#horizons = new Horizons({
      clock: retentionClock(timing, log),
      segments,
      reader,
      elapsed,
      log,
    }))
    const maintenance = (this.#maintenance = new Maintenance({
      ...options,
      shards,
      horizons,
      maintenance: options.openMaintenance(settings),
    }))
    const cold = this.#cold
    const reads = (this.#reads = new ShardReads({ segments, reader, cold, horizons, log, metrics, elapsed }))
    this.#fetches = new Fetches({ shards, reads, outflows, metrics, timing })
    this.#subscriptions = new Subscriptions({ shards, reads, outflows, metrics, timing, onBroken })
    const ownerOf = (ownerId: number): OwnerLink => this.#ownerOf(ownerId)
    this.lifecycle = new ShardLifecycle({
      shards,
      ownerOf,
      wakes: this.#wakes,
      subscriptions: this.#subscriptions,
      onRemoved: (shard) => maintenance.forgot(shard),
      log,
      elapsed: timing.elapsed,
    })
    const appends = new AppendPath({
      shards,
      ownerOf: (shard) => ownerOf(shard.ownerId),
      shares: new SessionShares(settings.appendQueueBytes),
      sampler: new KeySampler(options.random ?? Math.random),
      metrics,
      elapsed: timing.elapsed,
    })
    this.handlers = {
      append: (request, context) => appends.append(request, context),
      fetch: (request, context) => this.#fetches.fetch(request, context),
      resolvePosition: (request, context) => this.#resolvePosition(request, context),
      subscribe: (request, context) => this.#subscriptions.subscribe(request, context),
      unsubscribe: (request, context) => this.#subscriptions.unsubscribe(request, context),
    }
    this.events = {
      credit: (body: EventBody<'credit'>, session) => this.#subscriptions.credit(body, session),
    }
  }

  /** Adopts the owners. Where one cannot be started, those that were are closed again. */
  async startOwners(): Promise<void> {
    const { settings, startOwner } = this.#options
    const starting = settings.owners.map(async (place) => {
      const owner = this.#link(place.ownerId, await startOwner(place, settings))
      this.#owners.set(place.ownerId, owner)
      this.#maintenance.adopt(owner)
    })
    const failed = (await Promise.allSettled(starting)).find((outcome) => outcome.status === 'rejected')
    if (!failed) return
    await this.close()
    throw failed.reason
  }

  /** Begins retention and compaction, once the shards are served. */
  maintain(): void {
    this.#maintenance.start()
  }

  /** Where the stream's shards stand, without what has expired. */
  async extentsOf(streamId: number): Promise<readonly HostedExtent[]> {
    const shards = this.#shards.shardsOf(streamId)
    await Promise.all(shards.map((shard) => this.#horizons.refresh(shard)))
    return shards.filter(({ served }) => served).map(({ extent }) => extent)
  }

  /** What was asked of the open shards since this host started. */
  loads(): readonly HostedLoad[] {
    return loadsOf(this.#shards.all(), this.#options.timing.elapsed())
  }

  /** Where the shard's observed load divides in two, as 32 hex digits; null where too little was seen. */
  balanceOf({ streamId, shardIndex }: ShardRef): string | null {
    const shard = this.#shards.find(streamId, shardIndex)
    return shard ? balancedKeyOf(shard, this.#options.timing.elapsed()) : null
  }

  async gauges(sessions: number): Promise<HostGauges> {
    const owners = [...this.#owners.values()]
    const stats = await Promise.all(
      owners.map(async (owner) => ({ ownerId: owner.ownerId, ...(await owner.stats()) })),
    )
    return {
      shards: this.#shards.size,
      sessions,
      subscriptions: this.#subscriptions.size,
      waitingFetches: this.#fetches.waiting,
      appendQueueBytes: owners.reduce((sum, owner) => sum + owner.queuedBytes, 0),
      tailCacheBytes: this.#cache.bytes,
      coldReadsRunning: this.#cold.running,
      coldReadsWaiting: this.#cold.waiting,
      storageFull: owners.some((owner) => owner.storageFull),
      storedBytes: this.#storedBytes,
      compaction: this.#maintenance.compaction,
      owners: stats,
    }
  }

  /** Ends what would last: subscriptions end, fetches that wait are answered, a compaction is given up. */
  quiesce(): void {
    this.#maintenance.stop()
    this.#subscriptions.drain()
    this.#fetches.drain()
  }

  /** Closes owners, after what is queued for them, and the reader. */
  async close(): Promise<void> {
    this.quiesce()
    await this.#maintenance.close()
    const owners = [...this.#owners.values()]
    const closed = await Promise.allSettled(owners.map((owner) => owner.close()))
    await this.#reader.close()
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason
  }

  get #storedBytes(): number {
    let bytes = this.#maintenance.sealedBytes
    for (const shard of this.#shards.all()) bytes += shard.activeBytes
    return bytes
  }

  async #resolvePosition(
    request: RequestOf<'resolvePosition'>,
    context: Context<'resolvePosition'>,
  ): Promise<ResponseOf<'resolvePosition'>> {
    const shard = this.#shards.find(request.streamId, request.shardIndex)
    if (!shard) context.fail('shardNotFound', `${describeShard(request)} is not served here.`)
    const outflow = this.#outflows.of(context.session)
    const resolved = await resolvePosition(shard, request.position, this.#reads, outflow)
    if ('refusal' in resolved) context.fail(resolved.refusal.code, resolved.refusal.message)
    const { sequenceNumber } = resolved
    return { sequenceNumber, trimHorizon: shard.trimHorizon, tail: shard.tail }
  }

  #link(ownerId: number, channel: OwnerChannel): OwnerLink {
    const { settings, timing, metrics, log, onBroken } = this.#options
    const settlement = new AppendSettlement({ cache: this.#cache, wakes: this.#wakes, metrics })
    const listener: OwnerListener = {
      onOutcome: (group, outcome) => settlement.settle(group, outcome),
      onFailure: (group, error) => settlement.fail(group, error),
      onReopened: (extents) => {
        for (const extent of extents) {
          const shard = this.#shards.findSlot(extent.slot)
          if (!shard) continue
          shard.reopened(extent)
          this.#wakes.mark(shard)
        }
      },
      onSegments: (list) => this.#maintenance.segmentsChanged(ownerId, list),
      onBroken,
    }
    const queueBytes = settings.appendQueueBytes
    return new OwnerLink({ ownerId, channel, queueBytes, listener, timing, metrics, log })
  }

  #ownerOf(ownerId: number): OwnerLink {
    const owner = this.#owners.get(ownerId)
    invariant(owner, `this host has not adopted owner ${ownerId}`)
    return owner
  }

  #segmentsOf(ownerId: number): SegmentList {
    const { segments } = this.#ownerOf(ownerId)
    if (!segments) throw new MillraceError('unavailable', `Owner ${ownerId} is not ready to be read.`)
    return segments
  }
}
