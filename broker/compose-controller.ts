// Composes a controller: the lock, the catalog, the hosts that it launches, its server, and the page for probes. What differs
// between a daemon and a broker inside a program is chosen by them: launcher, time, where to listen, where rows are stored.
// The order of the start is that of its dependencies: the lock before anything is read, the catalog before a port is
// open, the ports before a host is launched, so that a start which cannot succeed fails before it has touched anything.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { CatalogStore } from './catalog-contract.ts'
import { remaining, type Closers } from './closing.ts'
import type { Config } from './config/derive.ts'
import { adminNames, listenOrSay, openAddresses, type ListenAttempt } from './config/listening.ts'
import { SOFTWARE } from './config/software.ts'
import { authorityOf } from './config/url.ts'
import { createController, type Controller, type ControllerOptions } from './control/controller.ts'
import { createAdminServer } from './server/admin-http.ts'
import { createServer, type Server } from './server/server.ts'
import { openCatalogStore } from './storage/catalog-store.ts'
import { prepareDataDirectory } from './storage/data-directory.ts'
import { lockDirectory } from './storage/directory-lock.ts'
import { noteAt } from './storage/note.ts'
import { countServer } from './telemetry/counting.ts'
import { createTelemetry } from './telemetry/instruments.ts'
import type { Logger } from './telemetry/log.ts'
import type { Time } from './time.ts'

const stopping = { ready: false, reasons: ['the broker is stopping'] } as const

/** What an entry decides. */
export interface ControllerChoices extends Pick<
  ControllerOptions,
  'launcher' | 'listenOf' | 'addressOf' | 'onBroken' | 'onHostDown'
> {
  readonly config: Config
  readonly time: Time
  readonly log: Logger
  /** Where clients reach the controller; null where they are handed to its server within this process. */
  readonly listen: ListenAttempt | null
  /** Where probes and scrapers do; null for nowhere. */
  readonly admin: ListenAttempt | null
  /** Probes are told so from the first moment of a stop on. */
  readonly isStopping: () => boolean
  /** The catalog on disk, unless given. */
  readonly openCatalog?: (directory: string) => Promise<CatalogStore>
}

/** A controller whose ports are open, and whose hosts are being launched. */
export interface ComposedController {
  readonly controller: Controller
  readonly server: Server
  /** Where its data really lies: what the name of the directory leads to later makes no difference. */
  readonly dataDir: string
  /** 0 where it does not listen. */
  readonly port: number
  readonly admin: { readonly port: number; readonly url: string } | undefined
}

/**
 * Opens everything, and starts the hosts. What was opened is in `closers`, also where this rejects: as `unavailable` where the
 * directory is in use or a port is taken.
 */
export async function composeController(
  choices: ControllerChoices,
  closers: Closers,
): Promise<ComposedController> {
  const { time, log, onBroken } = choices
  const { openCatalog = openCatalogStore } = choices
  const telemetry = createTelemetry('controller', { withProcess: true })
  const drainMs = remaining(choices.config.drainTimeout, time)
  const { path: dataDir, notice } = await prepareDataDirectory(choices.config.dataDir)
  const config = { ...choices.config, dataDir }
  const lock = await lockDirectory(dataDir)
  closers.push(() => lock.release())
  if (notice !== undefined) log.warn(notice)
  const controller = await createController({
    ...choices,
    config,
    openStore: () => openCatalog(join(dataDir, 'catalog')),
    clockNote: noteAt(join(dataDir, 'clock.json')),
    software: SOFTWARE,
    telemetry,
    random: Math.random,
    newBrokerId: randomUUID,
  })
  const closeAdmin: Closers = []
  // Probes and scrapers may watch until the end.
  closers.push(() => closeAdmin.pop()?.())
  closers.push(() => controller.drain(drainMs()))
  const admin = await openAdmin(choices, controller)
  if (admin !== undefined) closeAdmin.push(() => admin.close())
  const server = createServer({
    identity: { brokerId: controller.brokerId, role: 'controller', hostId: 0, software: SOFTWARE },
    handlers: controller.handlers,
    maxConnections: config.maxConnections,
    log: log.child({ component: 'server' }),
    metrics: countServer(telemetry.instruments),
    clock: controller.now,
    onBroken,
    ...(admin && { adminUrl: admin.url }),
  })
  closers.push(() => server.drain(drainMs()))
  const { port } = await listen(server, choices.listen)
  const open = openAddresses(config)
  if (open.length > 0) {
    log.warn({ open }, 'insecure: everyone who reaches this broker may read, write and delete everything')
  }
  controller.start()
  return { controller, server, dataDir, port, admin: admin && { port: admin.port, url: admin.url } }
}

/** The one place where this process opens a port to clients: what a connection has to show first belongs here. */
async function listen(server: Server, at: ListenAttempt | null): Promise<{ readonly port: number }> {
  return at === null ? { port: 0 } : listenOrSay(at, (place) => server.listen(place))
}

/** The port for probes and scrapers, if one is wanted. */
async function openAdmin(
  { admin: at, config, isStopping, log }: ControllerChoices,
  controller: Controller,
): Promise<{ readonly port: number; readonly url: string; close(): Promise<void> } | undefined> {
  if (at === null) return undefined
  const admin = await listenOrSay(at, (place) =>
    createAdminServer({
      listen: place,
      ready: () => (isStopping() ? stopping : controller.readiness()),
      metrics: () => controller.scrape(),
      names: adminNames(config),
      log: log.child({ component: 'admin' }),
    }),
  )
  const url = `http://${authorityOf(at.host, admin.port)}`
  return { port: admin.port, url, close: () => admin.close() }
}
