// An app as the daemon's child. It serves what the first message over its channel says, ends in good order on SIGTERM, and ends when the
// channel closes: then its daemon is gone. Where it cannot serve, it says so and ends. Runs in the process of an app.
import type { AppBroker, AppMessage, AppStart } from '../../protocol/apps/app-channel.ts'
import { tlsFiles } from '../connecting/credential-files.ts'
import type { AppConnection, ServeApp, ServingApp } from './app-task.ts'

/** How long work may go on when the daemon is gone. */
const ORPHAN_MS = 5_000

/** Exit code of a process that was not started by a daemon. */
const EXIT_USAGE = 2

/** Runs an app in this process, for as long as the daemon that started it wants. Called once, by the program of an app. */
export function runApp(name: string, serve: ServeApp): void {
  if (process.send === undefined) {
    process.stderr.write(
      `This program is run by \`millrace serve --with ${name}\`. By itself it is run by a verb of \`millrace\`: see \`millrace --help\`.\n`,
    )
    process.exitCode = EXIT_USAGE
    return
  }
  const child = new AppChild(serve)
  // A terminal's Ctrl-C reaches every process of the group: the daemon says when to end.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  process.on('SIGTERM', () => void child.end(0))
  process.on('disconnect', () => {
    setTimeout(() => process.exit(1), ORPHAN_MS).unref()
    void child.end(0)
  })
  process.once('message', (message) => void child.start(message as AppStart))
}

class AppChild {
  readonly #serve: ServeApp
  #serving: Promise<ServingApp> | undefined
  #isEnding = false

  constructor(serve: ServeApp) {
    this.#serve = serve
  }

  async start({ broker, tls, options }: AppStart): Promise<void> {
    try {
      this.#serving = this.#serve({ broker: connectionOf(broker), tls, options }, say)
      const { url } = await this.#serving
      if (!this.#isEnding) say({ type: 'ready', url })
    } catch (error) {
      if (this.#isEnding) return
      say({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
      void this.end(1)
    }
  }

  /** Closes what is open, and ends the process. */
  async end(exitCode: number): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    try {
      const serving = await this.#serving?.catch(() => undefined)
      await serving?.close()
      process.exitCode = exitCode
    } catch (error) {
      say({
        type: 'log',
        level: 'error',
        message: 'could not close in good order',
        fields: { error: String(error) },
      })
      process.exitCode = 1
    }
    if (process.connected) process.disconnect()
    process.exit()
  }
}

function say(message: AppMessage): void {
  // A daemon that has ended hears nothing.
  if (process.connected) process.send!(message, undefined, undefined, () => {})
}

function connectionOf({ url, ca, serverName, token }: AppBroker): AppConnection {
  const hasTrust = ca !== undefined || serverName !== undefined
  return {
    url,
    ...(token !== undefined && { token }),
    ...(hasTrust && { tls: tlsFiles({ ca, serverName }) }),
  }
}
