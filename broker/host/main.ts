// PROCESS ENTRY: a shard host, forked by the controller, which sends over IPC what it serves.
// It runs as long as its controller: when the channel ends, it answers running requests and exits. It ignores signals,
// because a terminal's Ctrl-C reaches every process of the group and must not end a host before the controller drains it.
// A host that cannot go on exits with a code of its own, and is started again from what is on disk.
import type { HostSettings } from '../host-contract.ts'
import { endSoon } from '../telemetry/end-soon.ts'
import { createLog, type Logger } from '../telemetry/log.ts'
import { parentChannel } from '../channels/process-channel.ts'
import { composeHost, serveController } from './compose-host.ts'
import { storageThreads } from './storage-threads.ts'

/** How long a host whose controller is gone goes on answering running requests. */
const ORPHAN_DRAIN_MS = 5_000
/** How long such a host may take to close before it is killed: an owner whose disk hangs may never close. */
const ORPHAN_END_MS = 2 * ORPHAN_DRAIN_MS
/** How long a start waits for the locks of its owners: a host of an earlier controller may still hold them. */
const LOCK_WAIT_MS = 2 * ORPHAN_DRAIN_MS
/** Exit code of a host that must not go on: an owner has ended, an invariant is broken, or an exception was not caught. */
const EXIT_BROKEN = 70

/** The file descriptor that the controller gives for the log, so that other output does not get between its lines. */
const logDescriptor = Number(process.argv[3] ?? 1)
// Their reader may be gone or may stall. The host neither ends nor waits for that.
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
  if (log) log.fatal({ err: error }, 'an exception was not caught')
  else process.stderr.write(`${error.stack}\n`)
  process.exit(EXIT_BROKEN)
})

// If the controller ended while this file was being loaded, there is nothing to serve.
if (process.send && !process.connected) process.exit(0)
const channel = parentChannel()
serveController(host, channel, {
  // Only output that is not read could keep the process alive now.
  onDrained: () => {
    channel.close()
    endSoon()
  },
})
channel.onClose(() => {
  // An ordinary exit would wait for threads that hang. Acknowledged records are on disk, so a kill loses nothing.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_END_MS).unref()
  host.drain(ORPHAN_DRAIN_MS).then(
    () => process.exit(0),
    (error: unknown) => {
      log?.fatal({ err: error }, 'could not close in good order; the next start recovers')
      process.exit(EXIT_BROKEN)
    },
  )
})
