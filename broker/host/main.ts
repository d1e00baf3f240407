// PROCESS ENTRY: a shard host, forked by the controller, which tells it over IPC what to serve. Composition root.
// It lives as long as its controller: when the channel ends it answers what is in flight and exits. Signals are the
// controller's business: a terminal's Ctrl-C reaches every process of the group, and must not end a host before its drain.
// When it cannot go on it exits with a code of its own, and is started again from what is on disk.
import { SOFTWARE } from '../config/software.ts'
import type { HostCalls, HostSettings } from '../host-contract.ts'
import { countHost, countServer, readHost } from '../telemetry/counting.ts'
import { endSoon } from '../telemetry/end-soon.ts'
import { createTelemetry } from '../telemetry/instruments.ts'
import { createLog, type Logger } from '../telemetry/log.ts'
import { serveCalls } from '../threads/calls.ts'
import { parentChannel } from '../threads/channels.ts'
import { createMaintenanceThread } from '../threads/maintenance-thread.ts'
import { startOwnerThread } from '../threads/owner-thread.ts'
import { createReaderPool } from '../threads/reader-pool.ts'
import { createHost } from './host.ts'

/** How long a host whose controller is gone answers what is in flight. */
const ORPHAN_DRAIN_MS = 5_000
/** How long it takes at most to close: an owner whose disk hangs may never be closed. */
const ORPHAN_END_MS = 2 * ORPHAN_DRAIN_MS
/** How long a start waits for its owners: such a host of an earlier controller may still hold them. */
const LOCK_WAIT_MS = 2 * ORPHAN_DRAIN_MS
/** Exit code of a host that must not go on: an owner is gone, an invariant is broken, an error was caught by nobody. */
const EXIT_BROKEN = 70

const ownerWorker = new URL('../storage/worker.js', import.meta.url)
const maintenanceWorker = new URL('../storage/maintenance-worker.js', import.meta.url)
const readerWorker = new URL('../storage/reader-worker.js', import.meta.url)

/** Where the log goes, as the controller tells it: what else is printed must not get between its lines. */
const logDescriptor = Number(process.argv[3] ?? 1)
// Who reads them may be gone, or stall: no reason to end, or to wait.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

let log: Logger | undefined
const { instruments, collect } = createTelemetry('host', { withProcess: true })

function openLog({ hostId, logLevel: level, logFormat: format }: HostSettings): Logger {
  log = createLog({ level, format, process: `host-${hostId}`, descriptor: logDescriptor })
  return log
}

const host = createHost({
  startOwner: ({ ownerId, directory }, { segmentBytes, freeSpaceFloorBytes }) =>
    startOwnerThread(
      { ownerId, directory, segmentBytes, freeSpaceFloorBytes, lockWaitMs: LOCK_WAIT_MS },
      ownerWorker,
    ),
  openReader: ({ readerThreads }) => createReaderPool({ threads: readerThreads, workerUrl: readerWorker }),
  openMaintenance: () => createMaintenanceThread({ workerUrl: maintenanceWorker }),
  software: SOFTWARE,
  openLog,
  metrics: countHost(instruments),
  serverMetrics: countServer(instruments),
  exportMetrics: (readings) => {
    readHost(instruments, readings)
    return collect()
  },
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
serveCalls<HostCalls>(channel, {
  ...host.handlers,
  drain: async (request) => {
    await host.handlers.drain(request)
    // After the reply has left: nothing keeps the process alive then, but output that nobody takes.
    setImmediate(() => channel.close())
    endSoon()
    return null
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
