// PROCESS ENTRY: the daemon: it runs the controller, and launches the shard hosts as processes. compose-controller.ts
// composes the controller; this file adds what makes it a daemon: processes, ports, signals, and the log of the process.
import { fileURLToPath } from 'node:url'
import { invariant } from '../protocol/invariant.ts'
import { MillraceError } from '../protocol/millrace-error.ts'
import { closeAll, type Closers } from './closing.ts'
import { besides, startApps } from './compose-apps.ts'
import { composeController, type ControllerChoices } from './compose-controller.ts'
import { ConfigError } from './config/config-error.ts'
import { advertisedAddress, type Config } from './config/derive.ts'
import type { ListenAttempt } from './config/listening.ts'
import { loadConfig } from './config/load.ts'
import { flagOf } from './config/options.ts'
import { authorityOf, schemeOf } from './config/url.ts'
import { installedApp, type FindApp } from './control/apps/app-program.ts'
import type { AppSupervision } from './control/apps/app-supervision.ts'
import { processLauncher } from './control/hosts/process-launcher.ts'
import { localProfile, writeLocalProfile } from './local-profile.ts'
import { endOnSignals, failStop, onHangUp, type Ending } from './ending.ts'
import { endSoon } from './telemetry/end-soon.ts'
import { logConsole } from './telemetry/log-console.ts'
import { createLog, type Logger } from './telemetry/log.ts'
import { systemTime } from './time.ts'

/** A running daemon. */
export interface Daemon {
  /** For clients: `millrace://127.0.0.1:7400`, or `millraces://…` with TLS. */
  readonly url: string
  /** For probes and scrapers: `http://127.0.0.1:7480`, or `https://…` with TLS. */
  readonly adminUrl: string
  /** Fulfils when every host and every app serves; rejects when the daemon stops before that. */
  readonly ready: Promise<void>
  /** Fulfils when nothing runs any more, with the exit code of the process. */
  readonly stopped: Promise<number>
  /** Drains and stops, as SIGTERM does. */
  stop(): void
}

/**
 * Starts a broker on its data directory, and stops it on SIGINT or SIGTERM: it then answers what is in flight and refuses
 * new requests; a second signal ends it at once. Fulfils when the controller's ports are open; a log line, whatever the
 * level, says when all hosts and apps serve. Rejects with `unavailable` and one sentence where it cannot start; then nothing is left
 * running. `find` finds the programs of apps, in the place of installed packages.
 */
export async function startDaemon(config: Config, find: FindApp = installedApp): Promise<Daemon> {
  const log = createLog({ level: config.logLevel, format: config.logFormat, process: 'controller' })
  const failure = failStop(log)
  const restoreConsole = logConsole(log)
  const closers: Closers = [restoreConsole, () => failure.release()]
  const close = (): Promise<void> => closeAll(closers)
  let ending: Ending | undefined
  let apps: AppSupervision | undefined
  try {
    // What is not installed is said before anything is opened.
    for (const app of config.apps) find(app)
    const isStopping = (): boolean => ending?.isStopping ?? false
    const beside = besides(() => apps)
    const choices = { ...daemonChoices(config, log), isStopping, onBroken: failure.fail, beside }
    const composed = await composeController(choices, closers)
    const { controller, dataDir, port, admin, certificates } = composed
    if (certificates !== undefined) closers.push(onHangUp(() => void certificates.reload()))
    const url = `${schemeOf(config)}://${authorityOf(config.host, port)}`
    invariant(admin !== undefined, 'a daemon has a port for probes')
    const { url: adminUrl, port: adminPort } = admin
    await writeLocalProfile(dataDir, localProfile({ url, ca: certificates?.authority, dataDir }), log)
    // What an earlier daemon could not revoke, for it was killed.
    await controller.appTokens.revoke()
    const running = (apps = startApps({ config, composed, url, find, time: systemTime, log }))
    closers.push(() => running.drain(composed.drainMs()))
    const ready = Promise.all([controller.whenReady(), running.whenReady()]).then(() => {})
    announce(log, ready, { url, adminUrl, port, adminPort, dataDir }, running)
    const kill = (): void => {
      running.kill()
      controller.kill()
    }
    const { stopped, stop } = (ending = endOnSignals({ log, close, kill }))
    return { url, adminUrl, ready, stopped, stop: () => stop('asked to') }
  } catch (error) {
    await close()
    throw error
  }
}

/** The choices of a daemon: hosts are processes, on the configured ports. */
function daemonChoices(config: Config, log: Logger): Omit<ControllerChoices, 'isStopping' | 'onBroken'> {
  // 0 where every host takes a free port.
  const portOf = (hostId: number): number =>
    config.hostPortBase === 0 ? 0 : config.hostPortBase + hostId - 1
  const at = (host: 'host' | 'adminHost', port: 'port' | 'adminPort'): ListenAttempt => ({
    host: config[host],
    port: config[port],
    hostFrom: flagOf(host),
    portFrom: flagOf(port),
  })
  const entry = new URL('./host/main.js', import.meta.url)
  return {
    config,
    launcher: processLauncher({ entry, threadPoolSize: config.threadPoolSize, log }),
    listenOf: (hostId) => ({ host: config.host, port: portOf(hostId) }),
    addressOf: (hostId, port = portOf(hostId)) =>
      port === 0 ? undefined : advertisedAddress(config, hostId, port),
    listen: at('host', 'port'),
    admin: at('adminHost', 'adminPort'),
    hasRootToken: true,
    time: systemTime,
    log,
  }
}

interface Facts {
  readonly url: string
  readonly adminUrl: string
  readonly port: number
  readonly adminPort: number
  readonly dataDir: string
}

/** Logs that the daemon serves, whatever the level: people and scripts wait for this line. */
function announce(log: Logger, ready: Promise<void>, facts: Facts, running: AppSupervision): void {
  const { url, adminUrl, dataDir } = facts
  const tell = (): void => {
    const apps = Object.fromEntries(running.apps.map((app) => [app.app, app.url]))
    const beside = running.apps.map((app) => `${app.app} at ${app.url}, `).join('')
    const line = `millrace is ready at ${url} (${beside}admin ${adminUrl}, data in ${dataDir})`
    log.child({}, { level: 'info' }).info({ ...facts, ...(beside !== '' && { apps }) }, line)
  }
  // `ready` rejects when the daemon is stopped before it is ready, which is no failure.
  ready.then(tell).catch(() => {})
}

/** Runs the daemon without the command line, configured by environment and file alone. Fulfils with the exit code. */
async function main(): Promise<number> {
  process.stderr.on('error', () => {})
  try {
    const daemon = await startDaemon(loadConfig({}).values)
    return await daemon.stopped
  } catch (error) {
    // An error of the system (a directory, a disk) is no defect, so its stack is not printed either.
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
