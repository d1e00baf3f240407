// PROCESS ENTRY: the app as the daemon's child. It serves what the first message over its channel says, ends in good order on
// SIGTERM, and ends when the channel closes: then its daemon is gone. Where it cannot serve, it says so and ends.
import { tlsFiles } from 'millrace'
import type { AppBroker, AppMessage, AppStart } from 'millrace/protocol'
import { serveApp, type ServingApp } from './app.ts'
import type { EndpointBroker } from './endpoint.ts'

/** How long requests may go on when the daemon is gone. */
const ORPHAN_MS = 5_000

/** Exit code of a process that was not started by a daemon. */
const EXIT_USAGE = 2

let serving: Promise<ServingApp> | undefined
let isEnding = false

function say(message: AppMessage): void {
  // A daemon that has ended hears nothing.
  if (process.connected) process.send!(message, undefined, undefined, () => {})
}

async function start({ broker, tls, options }: AppStart): Promise<void> {
  try {
    serving = serveApp({ broker: brokerOf(broker), tls, options }, say)
    const { url } = await serving
    if (!isEnding) say({ type: 'ready', url })
  } catch (error) {
    if (isEnding) return
    say({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
    void end(1)
  }
}

function brokerOf({ url, ca, serverName, token }: AppBroker): EndpointBroker {
  const hasTrust = ca !== undefined || serverName !== undefined
  return {
    url,
    ...(token !== undefined && { token }),
    ...(hasTrust && { tls: tlsFiles({ ca, serverName }) }),
  }
}

/** Closes what is open, and ends the process. */
async function end(exitCode: number): Promise<void> {
  if (isEnding) return
  isEnding = true
  try {
    const endpoint = await serving?.catch(() => undefined)
    await endpoint?.close()
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

// A terminal's Ctrl-C reaches every process of the group: the daemon says when to end.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})
process.on('SIGTERM', () => void end(0))
process.on('disconnect', () => {
  setTimeout(() => process.exit(1), ORPHAN_MS).unref()
  void end(0)
})

if (process.send === undefined) {
  process.stderr.write(
    'This program is run by `millrace serve --with kinesis`. By itself: `millrace kinesis`.\n',
  )
  process.exitCode = EXIT_USAGE
} else {
  process.once('message', (message) => void start(message as AppStart))
}
