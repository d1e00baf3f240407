// PROCESS ENTRY: a shard host, forked by the controller, which tells it over IPC what to serve.
// It lives as long as its controller: when the channel ends it answers what is in flight and exits. Signals are the
// controller's business: a terminal's Ctrl-C reaches every process of the group, and must not end a host before its drain.
// When it cannot go on it exits with a code of its own, and is started again from what is on disk.
import type { HostSettings } from '../host-contract.ts'
import { endSoon } from '../telemetry/end-soon.ts'
import { createLog, type Logger } from '../telemetry/log.ts'
import { parentChannel } from '../channels/process-channel.ts'
import { composeHost, serveController } from './compose-host.ts'
import { storageThreads } from './storage-threads.ts'

/** How long a host whose controller is gone answers what is in flight. */
const ORPHAN_DRAIN_MS = 5_000
/** How long it takes at most to close: an owner whose disk hangs may never be closed. */
const ORPHAN_END_MS = 2 * ORPHAN_DRAIN_MS
/** How long a start waits for its owners: such a host of an earlier controller may still hold them. */
const LOCK_WAIT_MS = 2 * ORPHAN_DRAIN_MS
/** Exit code of a host that must not go on: an owner is gone, an invariant is broken, an error was caught by nobody. */
const EXIT_BROKEN = 70

/** Where the log goes, as the controller tells it: what else is printed must not get between its lines. */
const logDescriptor = Number(process.argv[3] ?? 1)
// Who reads them may be gone, or stall: no reason to end, or to wait.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

let log: Logger | undefined

function openLog({ hostId, logLevel: level, logFormat: format }: HostSettings): Logger {
  log = createLog({ level, format, process: `host-${hostId}`, descriptor: logDescriptor })
  return log
}

const host = composeHost({
  storage: storageThreads({ lockWaitMs: LOCK_WAIT_MS }),
  openLog,
  ownsProcess: true,
  onBroken: () => process.exit(EXIT_BROKEN),
})

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('SIGHUP', () => {})
process.on('uncaughtException', (error) => {
  if (log) log.fatal({ err: error }, 'an error was caught by nobody')
  else process.stderr.write(`${error.stack}\n`)
  process.exit(EXIT_BROKEN)
})

// The controller may have gone while this file was being loaded: then there is nobody to serve.
if (process.send && !process.connected) process.exit(0)
const channel = parentChannel()
serveController(host, channel, {
  // Nothing keeps the process alive then, but output that nobody takes.
  onDrained: () => {
    channel.close()
    endSoon()
  },
})
channel.onClose(() => {
  // An ordinary exit would wait for threads that hang. What was acknowledged is on disk.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_END_MS).unref()
  host.drain(ORPHAN_DRAIN_MS).then(
    () => process.exit(0),
    (error: unknown) => {
      log?.fatal({ err: error }, 'could not close in good order; the next start recovers')
      process.exit(EXIT_BROKEN)
    },
  )
})
