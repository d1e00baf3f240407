// Derives the configuration from the options: decides `auto`, computes sizes of thread pools, and checks relations between
// options. Runs in the controller and the command line; pure. Computed once and frozen; each refusal gives its reason.
import { isLoopback } from '../../protocol/access/loopback.ts'
import { noQuotaSettings, type QuotaSettings } from '../access/quotas/quotas.ts'
import { appsIn, checkApps, decideApps } from './apps/app-options.ts'
import type { AppName } from './apps/app-table.ts'
import { ConfigError, type Origin } from './config-error.ts'
import type { Machine } from './environment.ts'
import { formatValue } from './kinds.ts'
import { optionsOf, type BrokerOptionName, type OptionValues } from './options.ts'
import { parseQuotas } from './quotas.ts'
import { isWildcard } from './url.ts'

/** The configuration of a daemon: every option decided, and derived settings. Sizes in bytes, durations in milliseconds. */
export type Config = {
  /**
   * `advertiseHost` is empty where clients use the address by which they reached the controller; `advertisePortBase` is 0
   * where hosts are reached under the ports that they listen on.
   */
  readonly [K in BrokerOptionName]: Exclude<OptionValues[K], 'auto'>
} & {
  /** Threads of libuv's pool in a host process: they run the commits of all its owners, and file and name lookups. */
  readonly threadPoolSize: number
  /** What the option `quotas` says. */
  readonly quotaSettings: QuotaSettings
  /** What the option `with` says. */
  readonly apps: readonly AppName[]
}

type Origins = Readonly<Record<BrokerOptionName, Origin>>

export function deriveConfig(values: OptionValues, origins: Origins, machine: Machine): Config {
  const hosts = values.hosts === 'auto' ? defaultHosts(values, machine) : values.hosts
  const owners = values.owners === 'auto' ? hosts : values.owners
  const coresPerHost = machine.cores / hosts
  const access =
    values.access === 'auto' ? (values.tlsDir === undefined ? 'open' : 'required') : values.access
  const config: Config = {
    ...values,
    hosts,
    owners,
    access,
    ...decideApps(values, access),
    advertiseHost: values.advertiseHost === 'auto' ? advertisedHost(values.host) : values.advertiseHost,
    advertisePortBase: values.advertisePortBase === 'auto' ? 0 : values.advertisePortBase,
    readerThreads:
      values.readerThreads === 'auto' ? clamp(Math.floor(coresPerHost / 2), 1, 4) : values.readerThreads,
    logFormat: values.logFormat === 'auto' ? (machine.isTerminal ? 'pretty' : 'json') : values.logFormat,
    quotaSettings: quotaSettingsOf(values, origins),
    apps: appsIn(values.with, origins.with),
    // A commit holds a pool thread for as long as the disk takes. With too few threads, one slow flush delays every other
    // owner and every file operation of the process. So: two threads for each owner, and eight for the rest.
    threadPoolSize: clamp(2 * Math.ceil(owners / hosts) + 8, 16, 1024),
  }
  checkRelations(config, origins)
  return Object.freeze(config)
}

function quotaSettingsOf({ quotas: text }: OptionValues, { quotas: origin }: Origins): QuotaSettings {
  if (text === undefined) return noQuotaSettings
  const settings = parseQuotas(text)
  if (typeof settings === 'string') throw new ConfigError(`${origin.name} cannot be used: ${settings}.`)
  return settings
}

/** Returns the address under which clients reach the host that listens on `port`. */
export function advertisedAddress(
  config: Config,
  hostId: number,
  port: number,
): { readonly hostId: number; readonly host: string; readonly port: number } {
  const { advertiseHost: host, advertisePortBase } = config
  return { hostId, host, port: advertisePortBase === 0 ? port : advertisePortBase + hostId - 1 }
}

function defaultHosts(values: OptionValues, machine: Machine): number {
  const byCores = machine.cores <= 4 ? 1 : Math.floor(machine.cores / 4)
  return clamp(byCores, 1, Math.min(64, values.owners === 'auto' ? 64 : values.owners))
}

/** '' for a wildcard: only the client knows by which of its addresses it reaches this machine. */
function advertisedHost(host: string): string {
  return isWildcard(host) ? '' : host
}

function checkRelations(config: Config, origins: Origins): void {
  const refuse = (names: readonly BrokerOptionName[], reason: string): never => {
    const settings = names.map((name) => {
      const kind = optionsOf('broker').find(([other]) => other === name)?.[1].kind ?? 'string'
      const from = origins[name].source === 'default' ? name : origins[name].name
      return `${from} (${formatValue(kind, config[name] ?? '')})`
    })
    const verb = names.length > 1 ? 'cannot be used together' : 'cannot be used'
    throw new ConfigError(`${settings.join(' and ')} ${verb}: ${reason}.`)
  }
  // First: with --insecure it would only be refused by another sentence.
  if (config.access === 'required' && config.tlsDir === undefined && !isLoopback(config.host)) {
    refuse(
      ['access', 'host'],
      'others could read tokens on their way to an address that other machines reach; add --tls-dir, which ' +
        '`millrace tls init` makes',
    )
  }
  for (const [name, what] of [
    ['host', 'everyone who does may read, write and delete everything'],
    ['adminHost', 'everyone who does may read health and metrics, and others on the way too'],
  ] as const) {
    if (!isLoopback(config[name]) && config.tlsDir === undefined && !config.insecure) {
      refuse(
        [name],
        `other machines may reach it, and ${what}; --tls-dir lets it speak TLS, and --insecure ` +
          '(MILLRACE_INSECURE=true) says that this is wanted',
      )
    }
  }
  if (config.tlsClients !== 'none' && config.tlsDir === undefined) {
    refuse(['tlsClients'], 'clients show certificates over TLS alone; add --tls-dir')
  }
  if (config.owners < config.hosts) {
    refuse(
      ['hosts', 'owners'],
      'a host without an owner would serve nothing, so owners cannot be fewer than hosts',
    )
  }
  const lastHostPort = config.hostPortBase + config.hosts - 1
  if (config.hostPortBase > 0 && lastHostPort > 65_535) {
    refuse(['hostPortBase', 'hosts'], `the last host would listen on port ${lastHostPort}`)
  }
  const isHostPort = (port: number): boolean =>
    port > 0 && config.hostPortBase > 0 && port >= config.hostPortBase && port <= lastHostPort
  for (const name of ['port', 'adminPort'] as const) {
    if (isHostPort(config[name])) {
      refuse(
        [name, 'hostPortBase'],
        `ports ${config.hostPortBase} to ${lastHostPort} belong to the shard hosts`,
      )
    }
  }
  if (config.port > 0 && config.port === config.adminPort) {
    refuse(['port', 'adminPort'], 'two listeners cannot share a port')
  }
  const lastAdvertisedPort = config.advertisePortBase + config.hosts - 1
  if (lastAdvertisedPort > 65_535) {
    refuse(['advertisePortBase', 'hosts'], `the last host would be reached on port ${lastAdvertisedPort}`)
  }
  checkApps(config, refuse)
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
