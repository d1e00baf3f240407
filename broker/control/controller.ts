// The controller as a whole: catalog, streams and hosts, and what they show to operators. Runs in the controller, or in
// the process of whoever embeds a broker. It opens no port and knows no process: those are given by its composition root.
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostAddress, OperationOn } from '../../protocol/operations.ts'
import type { CatalogStore } from '../catalog-contract.ts'
import type { Config } from '../config/derive.ts'
import type { HostLauncher, HostSettings } from '../host-contract.ts'
import type { Handlers } from '../server/dispatch.ts'
import { exposition, type HostCollection } from '../telemetry/exposition.ts'
import type { Telemetry } from '../telemetry/instruments.ts'
import type { Logger } from '../telemetry/log.ts'
import { Catalog } from './catalog.ts'
import { controlHandlers } from './handlers.ts'
import { hostOfOwner, ownersToRun } from './placement.ts'
import { assignmentOf } from './routing.ts'
import { StreamRegistry } from './stream-registry.ts'
import { Supervision } from './supervision.ts'
import { withDeadline, type Timers } from './timers.ts'

/** A scrape waits no longer than this for a host. */
const METRICS_DEADLINE_MS = 2_000

export interface ControllerOptions {
  readonly config: Config
  readonly store: CatalogStore
  readonly launcher: HostLauncher
  /** Where a host listens; null when clients reach it in process. */
  readonly listenOf: (hostId: number) => HostSettings['listen']
  /** Where clients reach a host; `port` is where it listens, undefined while that was never known. */
  readonly addressOf: (hostId: number, port: number | undefined) => HostAddress | undefined
  /** Name and version of the broker. */
  readonly software: string
  readonly telemetry: Telemetry
  readonly log: Logger
  readonly timers: Timers
  readonly random: () => number
  readonly newBrokerId: () => string
  /** Told that a host ended without having been asked, and how. It is restarted in any case. */
  readonly onHostDown?: (hostId: number, how: string) => void
  /** Told once when the catalog can no longer be written: the process must stop. */
  readonly onBroken: (error: Error) => void
}

export interface Controller {
  readonly brokerId: string
  readonly handlers: Handlers<OperationOn<'control'>>
  /** Launches the hosts, and takes up streams that were left half created or half deleted. */
  start(): void
  /** Fulfils when every host was ready; rejects when the controller stops before that. */
  whenReady(): Promise<void>
  /** Ready when every host is; the reasons why not, else. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] }
  /** Metrics of controller and hosts in Prometheus' text format. */
  scrape(): Promise<string>
  /** Drains the hosts, then closes the catalog. */
  drain(deadlineMs: number): Promise<void>
  /** Ends the hosts at once. */
  kill(): void
}

/** Opens the catalog, and makes everything ready to start. */
export async function createController(options: ControllerOptions): Promise<Controller> {
  const { config, store, launcher, log, telemetry, timers, random } = options
  const { instruments } = telemetry
  const catalog = await Catalog.open({
    store,
    timers,
    newBrokerId: options.newBrokerId,
    onBroken: options.onBroken,
    onCommit: (tookMs) => instruments.millrace_catalog_commit_seconds.observe(tookMs / 1000),
  })
  const fleet = new Supervision({
    hosts: config.hosts,
    launcher,
    settingsOf: (hostId) => hostSettings(options, catalog, hostId),
    assignmentOf: (hostId) => assignmentOf(catalog.state, hostId, config.hosts),
    timers,
    random,
    log: log.child({ component: 'supervision' }),
    ...(options.onHostDown && { onDown: options.onHostDown }),
    onRestart: (hostId) => instruments.millrace_host_restarts_total.add(1, String(hostId)),
  })
  const registry = new StreamRegistry({
    catalog,
    fleet,
    owners: config.owners,
    timers,
    log: log.child({ component: 'streams' }),
  })
  const freeBytes = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(config.dataDir)
    return bavail * bsize
  }
  const portOf = (hostId: number) => fleet.hosts.find((host) => host.hostId === hostId)?.port
  const handlers = controlHandlers({
    catalog,
    registry,
    fleet,
    software: options.software,
    startedAt: timers.now(),
    addressOf: (hostId) => options.addressOf(hostId, portOf(hostId)),
    freeBytes,
    timers,
  })

  return {
    brokerId: catalog.broker.brokerId,
    handlers,
    start: () => {
      fleet.start()
      registry.resume()
    },
    whenReady: async () => {
      await Promise.all(fleet.hosts.map(({ hostId }) => fleet.whenReady(hostId)))
    },
    readiness: () => {
      const reasons = fleet.hosts
        .filter(({ state }) => state !== 'ready')
        .map(
          ({ hostId, state, reason }) =>
            `host ${hostId} is ${state}${reason === undefined ? '' : `: ${reason}`}`,
        )
      return { ready: reasons.length === 0, reasons }
    },
    scrape: async () => {
      instruments.millrace_streams.set(catalog.state.streams.size)
      instruments.millrace_catalog_shards.set(catalog.state.shardCount)
      instruments.millrace_free_bytes.set(await freeBytes())
      for (const { hostId, state } of fleet.hosts) {
        instruments.millrace_host_ready.set(state === 'ready' ? 1 : 0, String(hostId))
      }
      return exposition(await telemetry.collect(), await hostCollections(fleet, timers))
    },
    drain: async (deadlineMs) => {
      registry.stop()
      await fleet.drain(deadlineMs)
      await catalog.close()
    },
    kill: () => {
      registry.stop()
      fleet.kill()
    },
  }
}

function hostSettings(options: ControllerOptions, catalog: Catalog, hostId: number): HostSettings {
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
    tailCacheBytes: config.tailCacheSize,
    appendQueueBytes: config.appendQueueSize,
    freeSpaceFloorBytes: config.freeSpaceFloor,
    readerThreads: config.readerThreads,
    maxConnections: config.maxConnections,
    logLevel: config.logLevel,
    logFormat: config.logFormat,
  }
}

/** What the hosts measured; a host that is down or slow is left out of this scrape. */
async function hostCollections(fleet: Supervision, timers: Timers): Promise<readonly HostCollection[]> {
  const late = (): Error => new Error('the host took too long')
  const answers = await Promise.allSettled(
    fleet.hosts.map(async ({ hostId }) => {
      const { metrics } = await withDeadline(
        fleet.call(hostId, 'metrics', null),
        timers,
        METRICS_DEADLINE_MS,
        late,
      )
      return { hostId, metrics }
    }),
  )
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}
