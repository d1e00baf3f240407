// A verb that runs an app by itself, in front of a broker on this machine or another. Its flags are the app's section of the table of
// options, without the app's name: `--port` for `--kinesis-port`.
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { nameInApp, appOptions, optionsOfApp } from '../../broker/config/apps/app-options.ts'
import { appTable, type AppName } from '../../broker/config/apps/app-table.ts'
import type { Config } from '../../broker/config/derive.ts'
import { configFlags } from '../../broker/config/flags.ts'
import { loadConfig } from '../../broker/config/load.ts'
import { flagOf, type BrokerOptionName, type OptionName } from '../../broker/config/options.ts'
import { endSentence } from '../../client/errors.ts'
import { isLoopback } from '../../protocol/access/loopback.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { AppTask } from '../../client/app-process/app-task.ts'
import type { AppLogEntry } from '../../protocol/apps/app-channel.ts'
import { credentialsOf } from '../connecting/credentials.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { resolveTarget, type Target } from '../connecting/resolve.ts'
import { processSurroundings } from '../connecting/surroundings.ts'
import { Failure } from '../failure.ts'
import { print, tell, type Terminal } from '../terminal.ts'
import { loadApp } from './app-module.ts'

/** Options of the daemon that count for its apps too. */
const shared = ['tlsDir', 'insecure'] as const satisfies readonly BrokerOptionName[]

/** What a verb of an app may do beside serving. */
export interface AppVerbExtra {
  /** Chooses by the flags what is done instead of serving; undefined: the app serves. */
  readonly instead?: (
    flags: Readonly<Record<string, unknown>>,
  ) => ((task: AppTask) => Promise<void>) | undefined
  /** False: the app has nothing that depends on whether the broker is open, which is then not asked. */
  readonly dependsOnAccess?: boolean
}

/** Returns the verb of an app, without its description. */
export function appVerb(
  app: AppName,
  terminal: Terminal,
  { instead, dependsOnAccess = true }: AppVerbExtra = {},
): Command {
  const command = new Command(appTable[app].verb.split(' ').at(-1)).action(
    async (flags: ConnectionFlags & Readonly<Record<string, unknown>>) => {
      const target = resolveTarget(flags, processSurroundings())
      // What is wrong with the flags is said before anybody is asked.
      configOf(app, command, 'open')
      const { serveApp } = await loadApp(app)
      const config = configOf(app, command, dependsOnAccess ? await accessOf(target) : 'open')
      const credentials = await credentialsOf(target, (line) => tell(terminal, line))
      const task: AppTask = {
        broker: { url: target.url, ...credentials },
        tls: tlsOf(config),
        options: appOptions(config, app),
      }
      const other = instead?.(flags)
      if (other !== undefined) return other(task)
      const interrupted = terminal.interrupted()
      const serving = await serveApp(task, (entry) => showLog(terminal, entry)).catch((error: unknown) => {
        // An error of the broker says by its code what to do.
        throw error instanceof Error && !('code' in error) ? new Failure(endSentence(error.message)) : error
      })
      print(terminal, `${app} is ready at ${serving.url} (broker ${target.url})`)
      if (!interrupted.aborted) {
        await new Promise<void>((resolve) =>
          interrupted.addEventListener('abort', () => resolve(), { once: true }),
        )
      }
      await serving.close()
    },
  )
  for (const { name, flag, help } of configFlags()) {
    if (isShared(name)) command.addOption(new Option(flag, help))
    else if (optionsOfApp(app).includes(name)) {
      command.addOption(new Option(flag.replace(flagOf(name), flagIn(app, name)), help))
    }
  }
  return withConnection(command)
}

/** Resolves the app's options from the flags and the environment. */
function configOf(app: AppName, command: Command, access: Config['access']): Config {
  const given = command.opts<Record<string, unknown>>()
  const flags: Record<string, unknown> = { with: app, access }
  for (const name of optionsOfApp(app)) flags[name] = given[nameInApp(app, name)]
  for (const name of shared) flags[name] = given[name]
  const flagName = (name: OptionName): string =>
    (optionsOfApp(app) as readonly OptionName[]).includes(name) ? flagIn(app, name) : flagOf(name)
  return loadConfig(flags, undefined, undefined, flagName).values
}

/** Finds out whether the broker is open, where that makes a difference: its own machine's may be. */
async function accessOf({ url, tls }: Target): Promise<'open' | 'required'> {
  const hosts = url
    .replace(/^\w+:\/\//, '')
    .split(',')
    .map((address) => address.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'))
  if (tls.cert !== undefined || !hosts.every((host) => isLoopback(host))) return 'required'
  const { connect, tlsFiles } = await import('../../client/index.ts')
  try {
    // Without a token: an open broker answers nobody in particular.
    const trust = tls.ca === undefined ? {} : { tls: tlsFiles({ ca: tls.ca.value }) }
    await using client = await connect(url, { ...trust, clientName: 'millrace-cli' })
    await client.describeBroker()
    return 'open'
  } catch (error) {
    if (MillraceError.is(error, 'unauthenticated')) return 'required'
    throw error
  }
}

function isShared(name: BrokerOptionName): boolean {
  return (shared as readonly BrokerOptionName[]).includes(name)
}

/** `--state-delay` for `kinesisStateDelay`. */
function flagIn(app: AppName, name: OptionName): string {
  return flagOf(nameInApp(app, name) as OptionName)
}

function tlsOf({ tlsDir }: Config): { certFile: string; keyFile: string } | undefined {
  return tlsDir === undefined
    ? undefined
    : { certFile: join(tlsDir, 'cert.pem'), keyFile: join(tlsDir, 'key.pem') }
}

/** The app's own words, for people; what went wrong in detail stands below. */
export function showLog(terminal: Terminal, { level, message, fields }: AppLogEntry): void {
  if (level === 'debug') return
  tell(terminal, `millrace: ${endSentence(message)}`)
  if (level !== 'info' && fields !== undefined) {
    for (const [name, value] of Object.entries(fields)) tell(terminal, `  ${name}: ${String(value)}`)
  }
}
