// A whole broker inside the calling process: for tests, and for programs that embed a broker. Composition root.
// It runs the daemon's engine, storage and protocol included. The differences: hosts are not processes, and the caller
// can replace time, disk and transport.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { refusal } from '../protocol/refusal.ts'
import type { CatalogStore } from './catalog-contract.ts'
import { closeAll, type Closers } from './closing.ts'
import { composeController, type ControllerChoices } from './compose-controller.ts'
import { ConfigError } from './config/config-error.ts'
import { advertisedAddress, type Config } from './config/derive.ts'
import type { BrokerOptionName } from './config/options.ts'
import { resolveConfig } from './config/resolve.ts'
import { authorityOf, schemeOf } from './config/url.ts'
import type { Controller } from './control/controller.ts'
import { embeddedHosts, type EmbeddedHosts } from './embedded-host.ts'
import { checkBrokerOptions } from './embedded-options.ts'
import { inProcessPair } from './server/transport/in-process.ts'
import type { Server } from './server/server.ts'
import type { OwnerParts } from './storage/owner.ts'
import { silentLog, type Logger } from './telemetry/log.ts'
import { systemTime, type Clock } from './time.ts'

/** Host name in addresses of a broker without ports; the port in them is 0 for the controller, else the host's number. */
const IN_PROCESS_HOST = 'in-process'

export interface BrokerOptions {
  /** Where records are stored, for this broker and later ones. Default: a temporary directory, removed by `close`. */
  readonly dataDir?: string
  /**
   * Which ports to open: any free ones on this machine's loopback address (`true`, the default), none (`false`: clients
   * of this process connect through `dial`), or an address; hosts then take free ports there.
   */
  readonly listen?: boolean | { readonly host: string; readonly port: number }
  /** Write and read on threads, as the daemon does. Default: everything runs in this thread. */
  readonly threads?: boolean
  /** Options of the daemon by name, as they are written in its configuration file: `{ segmentSize: '8MiB' }`. */
  readonly config?: { readonly [K in BrokerOptionName]?: string | number }
  /** Milliseconds since the epoch; arrival times come from it. Default: the system's clock. */
  readonly clock?: Clock
  /** Monotonic milliseconds, used to detect that `clock` has jumped. Default: the system's. */
  readonly elapsed?: Clock
  /** Replaces parts of storage, so that tests can make it fail. Not with `threads`. */
  readonly storage?: Omit<OwnerParts, 'now'>
  /** Opens the catalog. For tests that make it fail. */
  readonly openCatalog?: (directory: string) => Promise<CatalogStore>
  /** Opens the small rows. For tests that make them fail. */
  readonly openSmallRows?: ControllerChoices['openSmallRows']
  /** Default: nothing is logged. */
  readonly log?: Logger
}

export interface Broker extends AsyncDisposable {
  /** The URL to give to `connect`. */
  readonly url: string
  readonly dataDir: string
  /**
   * Opens a connection within this process to one of this broker's addresses. `connect(broker.url, broker)` uses it instead
   * of TCP, and so needs no port.
   */
  readonly dial: (address: { readonly host: string; readonly port: number }) => Promise<Duplex>
  /** Metrics in Prometheus' text format. */
  readonly metrics: () => Promise<string>
  /** Answers what is in flight, then closes everything; a temporary data directory is removed. */
  readonly close: () => Promise<void>
}

/**
 * Starts a broker in this process, ready to serve:
 *
 * ```ts
 * await using broker = await createBroker()
 * await using client = await connect(broker.url)
 * await client.createStream('clicks', { shards: 2 })
 * ```
 *
 * It stores durably, like the daemon; one data directory belongs to one broker at a time. Rejects with `unavailable`
 * where the directory is in use or the port is taken, and with ConfigError where an option is refused.
 */
export async function createBroker(options: BrokerOptions = {}): Promise<Broker> {
  checkBrokerOptions(options)
  if (options.threads === true && options.storage !== undefined) {
    throw refusal('invalidArgument', 'storage cannot be replaced where it runs on threads.')
  }
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'millrace-')))
  const closers: Closers = []
  if (options.dataDir === undefined) closers.push(() => rm(dataDir, { recursive: true, force: true }))
  try {
    return await openBroker(options, dataDir, closers)
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

async function openBroker(options: BrokerOptions, dataDir: string, closers: Closers): Promise<Broker> {
  const { log = silentLog(), listen = true } = options
  const { clock: now = systemTime.now, elapsed = systemTime.elapsed } = options
  const time = { ...systemTime, now, elapsed }
  const config = embeddedConfig(options, dataDir)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= closeAll(closers))
  const fail = (error: Error): void => {
    log.fatal({ err: error }, 'the broker cannot go on and closes')
    close().catch((cause: unknown) => log.error({ err: cause }, 'the broker did not close in good order'))
  }
  const hosts = embeddedHosts({
    threads: options.threads === true,
    time,
    storage: options.storage ?? {},
    log,
  })
  const start = startFailure()
  const { host, port: wantedPort } = config
  const at = { host, port: wantedPort, hostFrom: 'listen', portFrom: 'listen' }
  const choices: ControllerChoices = {
    config,
    launcher: hosts.launcher,
    ...addressing(listen === false, config),
    listen: listen === false ? null : at,
    admin: null,
    // Where everyone may do everything, nobody needs it.
    hasRootToken: config.access === 'required',
    isStopping: () => closing !== undefined,
    time,
    log,
    onBroken: fail,
    onHostDown: start.fail,
    ...(options.openCatalog && { openCatalog: options.openCatalog }),
    ...(options.openSmallRows && { openSmallRows: options.openSmallRows }),
  }
  const { controller, server, port, dataDir: path } = await composeController(choices, closers)
  await Promise.race([controller.whenReady(), start.failed])
  return {
    url: `${listen === false ? 'millrace' : schemeOf(config)}://${authorityOf(listen === false ? IN_PROCESS_HOST : config.host, port)}`,
    dataDir: path,
    dial: dialer({ port, server, controller, hosts, inProcess: listen === false }),
    metrics: () => controller.scrape(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Configuration of an embedded broker: one host, little reserved disk space, and any free ports. */
function embeddedConfig({ listen = true, config = {} }: BrokerOptions, dataDir: string): Config {
  const at = typeof listen === 'object' ? listen : { host: '127.0.0.1', port: 0 }
  const settings = { hosts: 1, freeSpaceFloor: '64MiB', ...at, hostPortBase: 0, ...config, dataDir }
  const resolved = resolveConfig({ settings }).values
  if (resolved.apps.length === 0) return resolved
  throw new ConfigError(
    'with is for daemons: a broker inside a program runs no apps; start them as the program likes.',
  )
}

/** Functions that say where each host listens, and where clients reach it. */
function addressing(inProcess: boolean, config: Config): Pick<ControllerChoices, 'listenOf' | 'addressOf'> {
  if (inProcess) {
    return { listenOf: () => null, addressOf: (hostId) => ({ hostId, host: IN_PROCESS_HOST, port: hostId }) }
  }
  return {
    listenOf: () => ({ host: config.host, port: 0 }),
    addressOf: (hostId, port) => (port === undefined ? undefined : advertisedAddress(config, hostId, port)),
  }
}

/** Makes `createBroker` fail with the first failed start of a host. A daemon keeps trying instead. */
function startFailure(): {
  readonly failed: Promise<never>
  readonly fail: (hostId: number, how: string) => void
} {
  let fail: (error: Error) => void
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // After the start nothing awaits this promise; a late rejection must not count as unhandled.
  failed.catch(() => {})
  return {
    failed,
    fail: (hostId, how) => fail(refusal('unavailable', `Host ${hostId} could not start: ${how}`)),
  }
}

interface Dialled {
  readonly port: number
  readonly server: Server
  readonly controller: Controller
  readonly hosts: EmbeddedHosts
  readonly inProcess: boolean
}

function dialer({ port: controllerPort, server, controller, hosts, inProcess }: Dialled): Broker['dial'] {
  return async ({ host, port }) => {
    const [near, far] = inProcessPair()
    if (port === controllerPort) {
      server.accept(far)
      return near
    }
    const found = controller.hosts.find((known) => port === (inProcess ? known.hostId : known.port))
    if (found === undefined) {
      throw refusal('unavailable', `${host}:${port} is not an address of this broker.`)
    }
    hosts.accept(found.hostId, far)
    return near
  }
}
