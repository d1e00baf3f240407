// Composes a controller: lock, catalog, hosts, server, and admin port. The entry (a daemon or an embedded broker) chooses
// what differs: launcher, time, where to listen, where rows are stored. The start opens things in the order of their
// dependencies: the lock before anything is read, the catalog before a port is open, the ports before a host is launched,
// so that a start which cannot succeed fails before it has touched anything.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { CatalogStore } from './catalog-contract.ts'
import type { SmallRowsEvents, SmallRowsStore } from './small-rows-contract.ts'
import { remaining, type Closers } from './closing.ts'
import type { Config } from './config/derive.ts'
import { adminNames, listenOrSay, openness, type ListenAttempt } from './config/listening.ts'
import { SOFTWARE } from './config/software.ts'
import { authorityOf } from './config/url.ts'
import type { SecretFile } from './control/access/key-ring.ts'
import { CertificateWatch } from './control/certificates/certificate-watch.ts'
import { createController, type Controller, type ControllerOptions } from './control/controller.ts'
import { createAdminServer, type AdminServer } from './server/admin-http.ts'
import { createServer, type Server } from './server/server.ts'
import { catalogPath, openCatalogStore } from './storage/catalog-store.ts'
import { prepareDataDirectory } from './storage/data-directory.ts'
import { lockDirectory } from './storage/directory-lock.ts'
import { noRoomToStart } from './storage/disk/full-disk.ts'
import { noteAt } from './storage/note.ts'
import { openSmallRows as openSmallRowsStore, smallRowsPath } from './storage/small-rows/store.ts'
import { scrapeRefusal } from './access/scraper.ts'
import type { Audit } from './telemetry/audit/audit.ts'
import { openAudit } from './telemetry/audit/open.ts'
import { createTelemetry, type Instruments, type Telemetry } from './telemetry/instruments.ts'
import type { Logger } from './telemetry/log.ts'
import type { Time } from './time.ts'

const stopping = { ready: false, reasons: ['the broker is stopping'] } as const

/** What the entry decides. */
export interface ControllerChoices extends Pick<
  ControllerOptions,
  'launcher' | 'listenOf' | 'addressOf' | 'onBroken' | 'onHostDown'
> {
  readonly config: Config
  readonly time: Time
  readonly log: Logger
  /** Where the controller listens to clients; null where they connect within this process only. */
  readonly listen: ListenAttempt | null
  /** Where the controller listens to probes and scrapers; null for nowhere. */
  readonly admin: ListenAttempt | null
  /** True from the first moment of a stop: readiness probes then fail. */
  readonly isStopping: () => boolean
  /** Write the token of root to a file of the data directory, at the first start. */
  readonly hasRootToken: boolean
  /** What runs beside the broker; default: nothing. */
  readonly beside?: Beside
  /** Opens the catalog. Default: the catalog on disk. */
  readonly openCatalog?: (directory: string) => Promise<CatalogStore>
  /** Opens the small rows. Default: those on disk. */
  readonly openSmallRows?: (directory: string, events: SmallRowsEvents) => Promise<SmallRowsStore>
}

/** What runs beside the broker, in processes that its daemon starts. */
export interface Beside {
  /** Why the broker is not ready for its sake. */
  reasons(): readonly string[]
  /** Called just before the metrics are read. */
  measure(instruments: Instruments): void
}

/** A controller whose ports are open, and whose hosts are being launched. */
export interface ComposedController {
  readonly controller: Controller
  readonly server: Server
  /** The resolved path of the data directory: it stays right if the configured name later leads elsewhere. */
  readonly dataDir: string
  /** The port for clients; 0 where the controller does not listen. */
  readonly port: number
  readonly admin: { readonly port: number; readonly url: string } | undefined
  /** What all ports show and trust; undefined without TLS. */
  readonly certificates: CertificateWatch | undefined
  readonly instruments: Instruments
  /** What is left of the time for draining, from the first call on. */
  readonly drainMs: () => number
}

/**
 * Opens everything, and starts the hosts. Adds a closer to `closers` for everything that was opened, also where it rejects.
 * Rejects with `unavailable` where the directory is in use, a port is taken, or the disk has no room for a file that a start
 * must make.
 */
export async function composeController(
  choices: ControllerChoices,
  closers: Closers,
): Promise<ComposedController> {
  try {
    return await openAll(choices, closers)
  } catch (error) {
    throw (await noRoomToStart(error, choices.config.dataDir)) ?? error
  }
}

async function openAll(choices: ControllerChoices, closers: Closers): Promise<ComposedController> {
  const { time, log, onBroken } = choices
  const { openCatalog = openCatalogStore, openSmallRows = openSmallRowsStore } = choices
  const telemetry = createTelemetry('controller', { withProcess: true })
  const drainMs = remaining(choices.config.drainTimeout, time)
  const certificates = await openCertificates(choices, telemetry.instruments, closers)
  const { path: dataDir, notice } = await prepareDataDirectory(choices.config.dataDir)
  const config = { ...choices.config, dataDir }
  const lock = await lockDirectory(dataDir)
  closers.push(() => lock.release())
  if (notice !== undefined) log.warn(notice)
  const { audit, close: closeAudit } = openAudit({
    path: config.auditLog,
    process: 'controller',
    log,
    metrics: telemetry.instruments,
    time,
  })
  closers.push(closeAudit)
  const controller = await createController({
    ...choices,
    config,
    openStore: () => openCatalog(catalogPath(dataDir)),
    openSmallRows: (events) => openSmallRows(smallRowsPath(dataDir), events),
    clockNote: noteAt(join(dataDir, 'clock.json')),
    rootTokenFile: choices.hasRootToken ? secretAt(join(dataDir, 'root.token')) : undefined,
    accessKeyFile: secretAt(config.accessKeyFile ?? join(dataDir, 'access.key')),
    software: SOFTWARE,
    certificates: () => certificates?.current ?? null,
    telemetry,
    random: Math.random,
    newBrokerId: randomUUID,
  })
  const closeAdmin: Closers = []
  // The admin port closes last, so that probes and scrapers can watch the drain.
  closers.push(() => closeAdmin.pop()?.())
  closers.push(() => controller.drain(drainMs()))
  const admin = await openAdmin(choices, controller, { telemetry, certificates, audit })
  if (admin !== undefined) closeAdmin.push(() => admin.close())
  const server = createServer({
    identity: { brokerId: controller.brokerId, role: 'controller', hostId: 0, software: SOFTWARE },
    policy: controller.policy,
    handlers: controller.handlers,
    maxConnections: config.maxConnections,
    certificates: certificates?.current,
    quotas: config.quotaSettings,
    log: log.child({ component: 'server' }),
    metrics: telemetry.instruments,
    audit,
    now: controller.now,
    onBroken,
    ...(admin && { adminUrl: admin.url }),
  })
  closers.push(() => {
    controller.endWaits()
    return server.drain(drainMs())
  })
  controller.serveBy(server)
  const { port } = await listen(server, choices.listen)
  certificates?.onRenewed((renewed) => {
    audit.record('certificatesRenewed', { outcome: 'done' })
    server.renewCertificates(renewed)
    admin?.renewCertificates(renewed)
    void controller.serveCertificates(renewed)
  })
  const open = openness(config)
  if (open !== undefined) log.warn({ open: open.addresses }, open.message)
  if (open?.isWhole) audit.record('startedOpen', { outcome: 'done', detail: open.addresses.join(', ') })
  controller.start()
  const { instruments } = telemetry
  return { controller, server, dataDir, port, admin, certificates, instruments, drainMs }
}

function secretAt(path: string): SecretFile {
  return { path, ...noteAt(path) }
}

/** The only place where this process opens a port to clients: authentication of connections would belong here. */
async function listen(server: Server, at: ListenAttempt | null): Promise<{ readonly port: number }> {
  return at === null ? { port: 0 } : listenOrSay(at, (place) => server.listen(place))
}

/** Opens the TLS directory, if there is one. */
async function openCertificates(
  { config, time, log }: ControllerChoices,
  metrics: Instruments,
  closers: Closers,
): Promise<CertificateWatch | undefined> {
  const { tlsDir: directory, tlsClients: clients } = config
  if (directory === undefined) return undefined
  const watched = { directory, clients, time, metrics, log: log.child({ component: 'certificates' }) }
  const certificates = await CertificateWatch.open(watched)
  closers.push(() => certificates.close())
  return certificates
}

/** Opens the port for probes and scrapers, if the entry wants one. */
async function openAdmin(
  { admin: at, config, isStopping, beside, log }: ControllerChoices,
  controller: Controller,
  {
    telemetry,
    certificates,
    audit,
  }: { telemetry: Telemetry; certificates: CertificateWatch | undefined; audit: Audit },
): Promise<(AdminServer & { readonly url: string }) | undefined> {
  if (at === null) return undefined
  const admin = await listenOrSay(at, (place) =>
    createAdminServer({
      listen: place,
      ready: () => (isStopping() ? stopping : readinessOf(controller, beside)),
      metrics: () => {
        beside?.measure(telemetry.instruments)
        return controller.scrape()
      },
      refusalOf: (scraper) => {
        const refused = scrapeRefusal(controller.policy, scraper, controller.now)
        if (refused !== undefined) {
          const { code: outcome, principal, message: detail } = refused
          audit.record(outcome, { principal, operation: 'metrics', outcome, detail })
        }
        return refused
      },
      names: adminNames(config),
      tls: certificates && { certificates: certificates.current, metrics: telemetry.instruments },
      log: log.child({ component: 'admin' }),
    }),
  )
  const scheme = certificates === undefined ? 'http' : 'https'
  return { ...admin, url: `${scheme}://${authorityOf(at.host, admin.port)}` }
}

function readinessOf(
  controller: Controller,
  beside: Beside | undefined,
): ReturnType<Controller['readiness']> {
  const reasons = [...controller.readiness().reasons, ...(beside?.reasons() ?? [])]
  return { ready: reasons.length === 0, reasons }
}
