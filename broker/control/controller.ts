// The controller as a whole: catalog, streams and hosts, and what operators see of them. Runs in the controller process, or
// in a process that embeds a broker. It opens no port and starts no process: its composition root provides both.
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostAddress, OperationOn } from '../../protocol/operations.ts'
import type { CatalogStore } from '../catalog-contract.ts'
import type { Config } from '../config/derive.ts'
import type { ServedCertificates } from '../certificates-contract.ts'
import type { HostLauncher, HostSettings } from '../host-contract.ts'
import type { SmallRowsEvents, SmallRowsStore } from '../small-rows-contract.ts'
import type { Handlers } from '../server/dispatch.ts'
import { exposition, type HostCollection } from '../telemetry/exposition.ts'
import type { Telemetry } from '../telemetry/instruments.ts'
import type { Logger } from '../telemetry/log.ts'
import { timeBy, withDeadline, type Clock, type Time } from '../time.ts'
import type { Policy } from '../access/policy.ts'
import { AccessDesk, openAccess, type OpenAccess, type PolicyServer } from './access/access-desk.ts'
import type { SecretFile } from './access/key-ring.ts'
import { CapacityWatch } from './capacity/capacity-watch.ts'
import { Catalog } from './catalog.ts'
import { ClockKeeper, type ClockNote } from './clock/clock-keeper.ts'
import { StampRepair } from './clock/stamp-repair.ts'
import { allServedConsumers } from './consumers/consumer-changes.ts'
import { Consumers } from './consumers/consumers.ts'
import { Documents } from './documents/documents.ts'
import { measureGroups } from './groups/group-gauges.ts'
import { Groups } from './groups/groups.ts'
import { HostQuestions } from './groups/host-questions.ts'
import type { HostStatus } from './hosts/fleet.ts'
import { controlHandlers } from './handlers.ts'
import { hostOfOwner, ownersToRun } from './hosts/placement.ts'
import type { CarrierOptions } from './resharding/carrier.ts'
import { Resharding } from './resharding/resharding.ts'
import { SizeBounds } from './retention/size-bounds.ts'
import { assignmentOf } from './routing.ts'
import { madeQuotasOf } from './streams/made-quotas.ts'
import { ShardRetirement } from './streams/shard-retirement.ts'
import { StreamRegistry } from './streams/stream-registry.ts'
import { streamDefaultsOf } from './streams/stream-settings.ts'
import { StreamUpdates } from './streams/stream-updates.ts'
import { HostSupervision } from './hosts/host-supervision.ts'

/** Longest time that a scrape waits for a host. */
const METRICS_DEADLINE_MS = 2_000

export interface ControllerOptions {
  readonly config: Config
  /** Opens the catalog; the controller closes it. */
  readonly openStore: () => Promise<CatalogStore>
  /** Opens the small rows; the controller closes them. */
  readonly openSmallRows: (events: SmallRowsEvents) => Promise<SmallRowsStore>
  /** Where the token of root is written at the first start; undefined: nowhere. */
  readonly rootTokenFile?: SecretFile | undefined
  /** Holds the key that encrypts the secrets of access keys. */
  readonly accessKeyFile: SecretFile
  /** Stores what is known of the clock. */
  readonly clockNote: ClockNote
  readonly launcher: HostLauncher
  /** Says where a host listens; null when clients reach it in process. */
  readonly listenOf: (hostId: number) => HostSettings['listen']
  /** What the hosts' ports show and trust now; null for plaintext. */
  readonly certificates?: () => ServedCertificates | null
  /** Says where clients reach a host; `port` is where it listens, undefined until it was ready once. */
  readonly addressOf: (hostId: number, port: number | undefined) => HostAddress | undefined
  /** Name and version of the broker. */
  readonly software: string
  readonly telemetry: Telemetry
  readonly log: Logger
  readonly time: Time
  readonly random: () => number
  readonly newBrokerId: () => string
  /** For so long after the first member has joined an empty consumer group, nothing is assigned; see Groups for the default. */
  readonly groupGraceMs?: number
  /** Called when a host has ended unasked, with how it ended. The host is restarted in any case. */
  readonly onHostDown?: (hostId: number, how: string) => void
  /** Called once, when the catalog or the small rows can no longer be written: the process must stop. */
  readonly onBroken: (error: Error) => void
}

/** Opens the catalog and the small rows, and makes a controller; `start` launches the hosts. */
export async function createController(given: ControllerOptions): Promise<Controller> {
  const { openStore, openSmallRows, telemetry, clockNote: note, newBrokerId, onBroken, log } = given
  const clock = await ClockKeeper.open({ time: given.time, note, log: log.child({ component: 'clock' }) })
  const options = { ...given, time: timeBy(given.time, clock.now) }
  const { millrace_catalog_commit_seconds, millrace_small_commit_seconds } = telemetry.instruments
  const store = await openStore()
  let smallRows: SmallRowsStore | undefined
  try {
    const catalog = await Catalog.open({
      store,
      time: options.time,
      newBrokerId,
      onBroken,
      onCommit: (tookMs) => millrace_catalog_commit_seconds.observe(tookMs / 1000),
    })
    smallRows = await openSmallRows({
      onBroken,
      onCommit: (tookMs) => millrace_small_commit_seconds.observe(tookMs / 1000),
    })
    const access = await openAccess({
      store: smallRows,
      config: given.config,
      rootTokenFile: given.rootTokenFile,
      accessKeyFile: given.accessKeyFile,
      time: options.time,
      log: log.child({ component: 'access' }),
    })
    return new Controller(options, { catalog, smallRows, clock, access })
  } catch (error) {
    await smallRows?.close()
    await store.close()
    throw error
  }
}

/** What is open before the controller is made. */
interface OpenParts {
  readonly catalog: Catalog
  readonly smallRows: SmallRowsStore
  readonly clock: ClockKeeper
  readonly access: OpenAccess
}

export class Controller {
  readonly brokerId: string
  /** Handlers of the control plane. */
  readonly handlers: Handlers<OperationOn<'control'>>
  readonly #options: ControllerOptions
  readonly #catalog: Catalog
  readonly #smallRows: SmallRowsStore
  readonly #clock: ClockKeeper
  readonly #fleet: HostSupervision
  readonly #registry: StreamRegistry
  readonly #updates: StreamUpdates
  readonly #resharding: Resharding
  readonly #scaling: CapacityWatch
  readonly #retirement: ShardRetirement
  readonly #sizeBounds: SizeBounds
  readonly #stampRepair: StampRepair
  readonly #documents: Documents
  readonly #groups: Groups
  readonly #consumers: Consumers
  readonly #access: AccessDesk

  constructor(options: ControllerOptions, { catalog, smallRows, clock, access }: OpenParts) {
    const { config, launcher, log, time, random, onHostDown } = options
    const restarts = options.telemetry.instruments.millrace_host_restarts_total
    this.#options = options
    this.#catalog = catalog
    this.#smallRows = smallRows
    this.#clock = clock
    this.brokerId = catalog.broker.brokerId
    const fleet = (this.#fleet = new HostSupervision({
      hosts: config.hosts,
      launcher,
      settingsOf: (hostId) => ({ ...hostSettings(options, catalog, hostId), clock: clock.reading }),
      assignmentOf: (hostId) => assignmentOf(this.#updates.upcoming, hostId, config.hosts),
      consumers: () => allServedConsumers(catalog.state),
      policy: () => access.registry.policyData,
      time,
      random,
      log: log.child({ component: 'supervision' }),
      onRestart: (hostId) => restarts.add(1, String(hostId)),
      ...(onHostDown && { onDown: onHostDown }),
    }))
    this.#access = new AccessDesk(access, { fleet, time, log: log.child({ component: 'access' }) })
    const quotas = madeQuotasOf(config.quotaSettings)
    const resharding = (this.#resharding = new Resharding({
      catalog,
      fleet,
      owners: config.owners,
      quotas,
      time,
      log: log.child({ component: 'resharding' }),
      onPublished: countReshards(options.telemetry),
    }))
    const consuming = { catalog, fleet, time, log: log.child({ component: 'consumers' }) }
    const consumers = (this.#consumers = new Consumers(consuming))
    this.#registry = new StreamRegistry({
      catalog,
      fleet,
      owners: config.owners,
      quotas,
      defaults: streamDefaultsOf(config),
      whenIdle: (streamId) => resharding.whenIdle(streamId),
      onRemoved: (streamId) => consumers.forget(streamId),
      time,
      log: log.child({ component: 'streams' }),
    })
    this.#updates = new StreamUpdates({ catalog, fleet, time, log: log.child({ component: 'streams' }) })
    const { instruments } = options.telemetry
    const watched = { catalog, fleet, time, instruments }
    const scaling = { ...watched, resharder: resharding, log: log.child({ component: 'scaling' }) }
    this.#scaling = new CapacityWatch(scaling)
    this.#retirement = new ShardRetirement({ ...watched, log: log.child({ component: 'retirement' }) })
    this.#sizeBounds = new SizeBounds({ ...watched, log: log.child({ component: 'retention' }) })
    const repair = { ...watched, renewer: resharding, clock }
    this.#stampRepair = new StampRepair({ ...repair, log: log.child({ component: 'clock' }) })
    this.#documents = new Documents({ store: smallRows, time })
    const grouped = { ...watched, graceMs: options.groupGraceMs }
    this.#groups = new Groups({
      ...grouped,
      quotas,
      store: smallRows,
      log: log.child({ component: 'groups' }),
    })
    this.handlers = controlHandlers({
      catalog,
      registry: this.#registry,
      updates: this.#updates,
      resharding,
      fleet,
      scaling: this.#scaling,
      documents: this.#documents,
      groups: this.#groups,
      consumers,
      access: this.#access,
      software: options.software,
      startedAt: time.now(),
      addressOf: (hostId) => options.addressOf(hostId, fleet.host(hostId).port),
      freeBytes: () => this.#freeBytes(),
      time,
    })
  }

  /** Milliseconds since the epoch, as far as the wall clock is believed. */
  get now(): Clock {
    return this.#clock.now
  }

  /** Who may do what, as of now. */
  get policy(): Policy {
    return this.#access.policy
  }

  /** The tokens of apps that the daemon runs. */
  get appTokens(): AccessDesk['appTokens'] {
    return this.#access.appTokens
  }

  /** Says which server of this process follows the policy from now on. */
  serveBy(server: PolicyServer): void {
    this.#access.serveBy(server)
  }

  /** Launches the hosts, and continues unfinished creations, changes and deletions of streams. */
  start(): void {
    this.#fleet.start()
    this.#clock.start(this.#fleet)
    this.#registry.resume()
    this.#resharding.resume()
    this.#scaling.start()
    this.#retirement.start()
    this.#sizeBounds.start()
    this.#stampRepair.start()
    this.#groups.start()
    this.#access.start()
  }

  /** Fulfils when every host has been ready once; rejects when the controller stops before that. */
  async whenReady(): Promise<void> {
    await Promise.all(this.#fleet.hosts.map(({ hostId }) => this.#fleet.whenReady(hostId)))
  }

  get hosts(): readonly HostStatus[] {
    return this.#fleet.hosts
  }

  /** Ready when every host is ready; else with a reason for each host that is not. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    const reasons = this.#fleet.hosts
      .filter(({ state }) => state !== 'ready')
      .map(({ hostId, state, reason = 'not known why' }) => `host ${hostId} is ${state}: ${reason}`)
    return { ready: reasons.length === 0, reasons }
  }

  /** Returns the metrics of controller and hosts in Prometheus' text format. */
  async scrape(): Promise<string> {
    const { telemetry, time } = this.#options
    const { instruments } = telemetry
    const { state } = this.#catalog
    instruments.millrace_streams.set(state.streams.size)
    instruments.millrace_catalog_shards.set(state.shardCount)
    instruments.millrace_consumers.set(state.consumerCount)
    instruments.millrace_documents.set(this.#documents.count)
    instruments.millrace_document_bytes.set(this.#documents.bytes)
    const measured = { instruments, catalog: state, hosts: new HostQuestions({ fleet: this.#fleet, time }) }
    await measureGroups(this.#groups.states, { ...measured, wall: time.now() })
    instruments.millrace_free_bytes.set(await this.#freeBytes())
    for (const host of this.#fleet.hosts) {
      instruments.millrace_host_ready.set(host.state === 'ready' ? 1 : 0, String(host.hostId))
    }
    return exposition(await telemetry.collect(), await hostCollections(this.#fleet, time))
  }

  /** Hands certificates to all hosts that are ready; the others get them when they start. */
  async serveCertificates(certificates: ServedCertificates): Promise<void> {
    const ready = this.#fleet.hosts.filter(({ state }) => state === 'ready')
    // A host that goes down meanwhile starts with them.
    await Promise.allSettled(
      ready.map(({ hostId }) => this.#fleet.call(hostId, 'serveCertificates', certificates)),
    )
  }

  /** Answers requests that wait for news, now and from now on: before the server drains, which waits for all answers. */
  endWaits(): void {
    this.#documents.endWaits()
    this.#groups.endWaits()
  }

  /** Drains the hosts, then closes what is stored. */
  async drain(deadlineMs: number): Promise<void> {
    this.#stop()
    await this.#access.close()
    await this.#fleet.drain(deadlineMs)
    await this.#clock.stop()
    await this.#smallRows.close()
    await this.#catalog.close()
  }

  /** Ends the hosts at once. */
  kill(): void {
    this.#stop()
    this.#fleet.kill()
  }

  #stop(): void {
    const parts = [
      this.#access,
      this.#scaling,
      this.#retirement,
      this.#sizeBounds,
      this.#stampRepair,
      this.#groups,
      this.#consumers,
      this.#registry,
      this.#updates,
      this.#resharding,
    ]
    for (const part of parts) part.stop()
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#options.config.dataDir)
    return bavail * bsize
  }
}

function countReshards({ instruments }: Telemetry): NonNullable<CarrierOptions['onPublished']> {
  return ({ cause, tookMs }) => {
    instruments.millrace_reshards_total.add(1, cause)
    instruments.millrace_reshard_seconds.observe(tookMs / 1000)
  }
}

function hostSettings(
  options: ControllerOptions,
  catalog: Catalog,
  hostId: number,
): Omit<HostSettings, 'clock'> {
  const { config } = options
  const owners = ownersToRun(catalog.state, config.owners)
    .filter((ownerId) => hostOfOwner(ownerId, config.hosts) === hostId)
    .map((ownerId) => ({
      ownerId,
      directory: join(config.dataDir, 'owners', String(ownerId).padStart(4, '0')),
    }))
  return {
    brokerId: catalog.broker.brokerId,
    hostId,
    listen: options.listenOf(hostId),
    dataDir: config.dataDir,
    owners,
    segmentBytes: config.segmentSize,
    segmentAgeMs: config.segmentAge,
    compactionBytesPerSecond: config.compactionRate,
    tailCacheBytes: config.tailCacheSize,
    appendQueueBytes: config.appendQueueSize,
    freeSpaceFloorBytes: config.freeSpaceFloor,
    readerThreads: config.readerThreads,
    maxConnections: config.maxConnections,
    certificates: options.certificates?.() ?? null,
    quotas: config.quotaSettings,
    logLevel: config.logLevel,
    auditLog: config.auditLog ?? null,
    logFormat: config.logFormat,
  }
}

/** Collects the metrics of the hosts; leaves out a host that is down or slow. */
async function hostCollections(fleet: HostSupervision, time: Time): Promise<readonly HostCollection[]> {
  const answers = await Promise.allSettled(
    fleet.hosts.map(async ({ hostId }) => {
      const { metrics } = await withDeadline(fleet.call(hostId, 'metrics', null), time, METRICS_DEADLINE_MS)
      return { hostId, metrics }
    }),
  )
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}
