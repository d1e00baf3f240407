// PROCESS ENTRY: the daemon, which is the controller and launches the shard hosts. Composition root.
// The order of the start is that of its dependencies: the lock before anything is read, the catalog before a port is
// open, the ports before a host is launched, so that a start which cannot succeed fails before it has touched anything.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../protocol/millrace-error.ts'
import { ConfigError } from './config/config-error.ts'
import { advertisedAddress, type Config } from './config/derive.ts'
import { listenRefusal } from './config/listening.ts'
import { loadConfig } from './config/load.ts'
import { flagOf } from './config/options.ts'
import { SOFTWARE } from './config/software.ts'
import { authorityOf } from './config/url.ts'
import { createController, type Controller } from './control/controller.ts'
import { processLauncher } from './control/process-launcher.ts'
import { endOnSignals, failStop, type Ending } from './ending.ts'
import { createAdminServer, type AdminServer } from './server/admin-http.ts'
import { createServer, type Server } from './server/server.ts'
import { openCatalogStore } from './storage/catalog-store.ts'
import { prepareDataDirectory } from './storage/data-directory.ts'
import { lockDirectory, type DirectoryLock } from './storage/directory-lock.ts'
import { countServer } from './telemetry/counting.ts'
import { endSoon } from './telemetry/end-soon.ts'
import { createTelemetry, type Telemetry } from './telemetry/instruments.ts'
import { logConsole } from './telemetry/log-console.ts'
import { createLog, type Logger } from './telemetry/log.ts'
import { systemTime } from './time.ts'

const stopping = { ready: false, reasons: ['the broker is stopping'] } as const

/** A running daemon. */
export interface Daemon {
  /** For clients: `millrace://127.0.0.1:7400`. */
  readonly url: string
  /** For probes and scrapers: `http://127.0.0.1:7480`. */
  readonly adminUrl: string
  /** Fulfils when every host serves; rejects when the daemon stops before that. */
  readonly ready: Promise<void>
  /** Fulfils, with the exit code that is due, when nothing runs any more. */
  readonly stopped: Promise<number>
  /** Drains and stops, as SIGTERM does. */
  stop(): void
}

/**
 * Starts a broker on its data directory, and stops it on SIGINT or SIGTERM: appends in flight are answered, new
 * requests are refused; a second signal ends it at once. Fulfils when the controller's ports are open; the hosts follow,
 * and a line in the log (whatever its level) says when all of them serve. Rejects with `unavailable` and one sentence
 * where it cannot start; then nothing is left running.
 */
export async function startDaemon(options: Config): Promise<Daemon> {
  let config = options
  const log = createLog({ level: config.logLevel, format: config.logFormat, process: 'controller' })
  const telemetry = createTelemetry('controller', { withProcess: true })
  const failure = failStop(log)
  const restoreConsole = logConsole(log)
  const opened: { lock?: DirectoryLock; controller?: Controller; admin?: AdminServer; server?: Server } = {}
  let ending: Ending | undefined
  const close = async (): Promise<void> => {
    const until = systemTime.elapsed() + config.drainTimeout
    const left = (): number => Math.ceil(Math.max(0, until - systemTime.elapsed()))
    await opened.server?.drain(left())
    await opened.controller?.drain(left())
    // Probes and scrapers may watch until the end.
    await opened.admin?.close()
    await opened.lock?.release()
    failure.release()
    restoreConsole()
  }
  try {
    const { path: dataDir, notice } = await prepareDataDirectory(config.dataDir)
    config = { ...config, dataDir }
    opened.lock = await lockDirectory(config.dataDir, { waitMs: 0 })
    if (notice !== undefined) log.warn(notice)
    const controller = await openController(config, log, telemetry, failure.fail)
    opened.controller = controller
    opened.admin = await listening(config, 'adminPort', (listen) =>
      createAdminServer({
        listen,
        ready: () => (ending?.isStopping ? stopping : controller.readiness()),
        metrics: () => controller.scrape(),
        log: log.child({ component: 'admin' }),
      }),
    )
    const adminUrl = `http://${authorityOf(config.host, opened.admin.port)}`
    const server = createServer({
      identity: { brokerId: controller.brokerId, role: 'controller', hostId: 0, software: SOFTWARE },
      handlers: controller.handlers,
      maxConnections: config.maxConnections,
      log: log.child({ component: 'server' }),
      metrics: countServer(telemetry.instruments),
      onBroken: failure.fail,
      adminUrl,
    })
    opened.server = server
    const { port } = await listening(config, 'port', (at) => server.listen(at))
    const url = `millrace://${authorityOf(config.host, port)}`
    controller.start()
    const ready = controller.whenReady()
    announce(log, ready, { url, adminUrl, port, adminPort: opened.admin.port, dataDir: config.dataDir })
    const { stopped, stop } = (ending = endOnSignals({ log, close, kill: () => controller.kill() }))
    return { url, adminUrl, ready, stopped, stop: () => stop('asked to') }
  } catch (error) {
    await close()
    throw error
  }
}

function openController(
  config: Config,
  log: Logger,
  telemetry: Telemetry,
  onBroken: (error: Error) => void,
): Promise<Controller> {
  // 0 where every host takes a free port.
  const portOf = (hostId: number): number =>
    config.hostPortBase === 0 ? 0 : config.hostPortBase + hostId - 1
  return createController({
    config,
    openStore: () => openCatalogStore(join(config.dataDir, 'catalog')),
    launcher: processLauncher({
      entry: new URL('./host/main.js', import.meta.url),
      threadPoolSize: config.threadPoolSize,
      log,
    }),
    listenOf: (hostId) => ({ host: config.host, port: portOf(hostId) }),
    addressOf: (hostId, port = portOf(hostId)) =>
      port === 0 ? undefined : advertisedAddress(config, hostId, port),
    software: SOFTWARE,
    telemetry,
    log,
    time: systemTime,
    random: Math.random,
    newBrokerId: randomUUID,
    onBroken,
  })
}

interface Facts {
  readonly url: string
  readonly adminUrl: string
  readonly port: number
  readonly adminPort: number
  readonly dataDir: string
}

/** Says in the log when the daemon serves, whatever the level: it is the one line that people and scripts wait for. */
function announce(log: Logger, ready: Promise<void>, facts: Facts): void {
  const { url, adminUrl, dataDir } = facts
  const line = `millrace is ready at ${url} (admin ${adminUrl}, data in ${dataDir})`
  // It is no failure to be stopped before.
  ready.then(() => log.child({}, { level: 'info' }).info(facts, line)).catch(() => {})
}

/** Opens a port, or says which option to change. */
async function listening<T>(
  config: Config,
  option: 'port' | 'adminPort',
  listen: (at: { host: string; port: number }) => Promise<T>,
): Promise<T> {
  const at = { host: config.host, port: config[option] }
  try {
    return await listen(at)
  } catch (cause) {
    const froms = { hostFrom: flagOf('host'), portFrom: flagOf(option) }
    throw listenRefusal(cause as NodeJS.ErrnoException, { ...at, ...froms })
  }
}

/** The daemon as a process by itself, configured by environment and file alone. */
async function main(): Promise<number> {
  process.stderr.on('error', () => {})
  try {
    const daemon = await startDaemon(loadConfig({}).values)
    return await daemon.stopped
  } catch (error) {
    // What the system refuses (a directory, a disk) is no defect either.
    const isForeseen =
      error instanceof ConfigError || MillraceError.is(error) || 'syscall' in (error as Error)
    const { message, stack } = error as Error
    process.stderr.write(`millrace: ${isForeseen ? message : stack}\n`)
    return error instanceof ConfigError ? 2 : 1
  } finally {
    endSoon()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main()
