// What the configuration says of apps: which run, and the options of each under its own names. Runs in the controller and the
// command line; pure.
import type { AppOptions } from '../../../protocol/apps/app-channel.ts'
import { isLoopback } from '../../../protocol/access/loopback.ts'
import { ConfigError, type Origin } from '../config-error.ts'
import type { Config } from '../derive.ts'
import { optionsOf, type BrokerOptionName, type OptionValues } from '../options.ts'
import { appNames, type AppName } from './app-table.ts'

/** `kinesisStateDelay` as the app kinesis knows it: `stateDelay`. */
export function nameInApp(app: AppName, option: string): string {
  const rest = option.slice(app.length)
  return rest.charAt(0).toLowerCase() + rest.slice(1)
}

/** Returns the names of the app's options, in the order of the table. */
export function optionsOfApp(app: AppName): readonly BrokerOptionName[] {
  return optionsOf('broker').flatMap(([name, option]) => (option.app === app ? [name] : []))
}

/** Returns the app's options under its own names. */
export function appOptions(config: Config, app: AppName): AppOptions {
  return Object.fromEntries(optionsOfApp(app).map((name) => [nameInApp(app, name), config[name]]))
}

/** Reads `kinesis,agent`. Throws ConfigError for a name that is no app's. */
export function appsIn(text: string | undefined, { name: from }: Origin): readonly AppName[] {
  const words = text?.split(',').map((word) => word.trim()) ?? []
  const found = words.map((word) => {
    const app = appNames.find((name) => name === word)
    if (app !== undefined) return app
    throw new ConfigError(
      `${from} names ${JSON.stringify(word)}, which is no app: there is ${appNames.join(', ')}.`,
    )
  })
  return [...new Set(found)]
}

/** Returns the options of apps with their `auto` decided. */
export function decideApps(
  values: Pick<OptionValues, 'host' | 'kinesisHost' | 'kinesisAuth'>,
  access: Config['access'],
): Pick<Config, 'kinesisHost' | 'kinesisAuth'> {
  const kinesisHost = values.kinesisHost === 'auto' ? values.host : values.kinesisHost
  const isOpen = access === 'open' && isLoopback(kinesisHost)
  const kinesisAuth = values.kinesisAuth === 'auto' ? (isOpen ? 'off' : 'sigv4') : values.kinesisAuth
  return { kinesisHost, kinesisAuth }
}

type Refuse = (names: readonly BrokerOptionName[], reason: string) => never

/** Checks the options of apps that run against each other and against the broker's. */
export function checkApps(config: Config, refuse: Refuse): void {
  if (config.apps.length > 0 && config.tlsClients === 'required') {
    refuse(
      ['with', 'tlsClients'],
      'an app of the daemon has no client certificate; take --tls-clients optional, or run the app by itself',
    )
  }
  if (config.apps.includes('kinesis')) checkKinesis(config, refuse)
}

function checkKinesis(config: Config, refuse: Refuse): void {
  const { kinesisHost, kinesisPort, insecure } = config
  const isLocal = isLoopback(kinesisHost)
  if (!isLocal && config.tlsDir === undefined && !insecure) {
    refuse(
      ['kinesisHost'],
      'other machines may reach it, and what passes could be read and changed on the way; --tls-dir lets it speak TLS, ' +
        'and --insecure (MILLRACE_INSECURE=true) says that this is wanted',
    )
  }
  if (config.kinesisAuth === 'off' && !insecure && (!isLocal || config.access === 'required')) {
    const [other, who] = isLocal
      ? (['access', 'every program of this machine'] as const)
      : (['kinesisHost', 'everyone who reaches the port'] as const)
    refuse(
      ['kinesisAuth', other],
      `${who} could do everything through it; --insecure (MILLRACE_INSECURE=true) says that this is wanted`,
    )
  }
  if (kinesisPort === 0) return
  for (const name of ['port', 'adminPort'] as const) {
    if (config[name] === kinesisPort) refuse(['kinesisPort', name], 'two listeners cannot share a port')
  }
  const { hostPortBase } = config
  if (hostPortBase > 0 && kinesisPort >= hostPortBase && kinesisPort < hostPortBase + config.hosts) {
    refuse(['kinesisPort', 'hostPortBase'], 'that port belongs to a shard host')
  }
}
