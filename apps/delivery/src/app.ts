// The app as the daemon and the command line run it. Composition root.
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { inspect } from 'node:util'
import { connect } from 'millrace'
import { HiddenDocuments, isProcessAlive, openSpoolDirectory, type ServeApp } from 'millrace/app'
import { deliveryKinds, type AppLogEntry } from 'millrace/protocol'
import type { Clock } from './engine/clock.ts'
import { Deliveries } from './running/deliveries.ts'
import { deliveryOpener } from './engine/delivery-parts.ts'
import { deliveryOptionsIn } from './options.ts'
import { SpoolRoom } from './spool/spool-room.ts'

/** Of the room for waiting records, so much may be in memory. */
const MEMORY_BYTES_MAX = 128 * 2 ** 20

/** The time of the machine. */
const machineClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
}

/** Serves until `close`. Rejects with a sentence for the operator where it cannot. */
export const serveApp: ServeApp = async ({ broker, options }, tell) => {
  const { spoolDir, spoolBytes } = deliveryOptionsIn(options)
  const { url, ...access } = broker
  const { tls } = broker
  // Several copies may live in one process, as in tests: only what has no process is removed.
  const directory = await openSpoolDirectory(spoolDir ?? tmpdir(), {
    app: 'delivery',
    keeps: 'Waiting records',
    host: hostname(),
    pid: process.pid,
    isAlive: isProcessAlive,
  })
  const client = await connect(url, {
    ...access,
    clientName: 'millrace-delivery',
    log: ({ level, message, error }) => tell(logEntry(level, message, error)),
  })
  const copy = randomBytes(6).toString('hex')
  let files = 0
  const heaps = { directory, fileName: () => `${copy}-${files++}` }
  const deliveries = new Deliveries({
    client,
    copy,
    open: deliveryOpener({
      client,
      askTls: typeof tls === 'object' ? () => tls : tls,
      heaps,
      rim: { unique: () => copy, now: Date.now },
      clock: machineClock,
      random: Math.random,
    }),
    room: new SpoolRoom({ bytesMax: spoolBytes, memoryBytesMax: Math.min(spoolBytes, MEMORY_BYTES_MAX) }),
    clock: machineClock,
    random: Math.random,
    log: (level, message, error) => tell(logEntry(level, message, error)),
  })
  const hidden = await HiddenDocuments.open({
    client,
    kinds: [deliveryKinds.definitions],
    warn: (message) => tell(logEntry('warn', message)),
    now: Date.now,
  })
  return {
    url,
    close: async () => {
      await hidden.close()
      await deliveries.close()
      await client.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function logEntry(level: AppLogEntry['level'], message: string, error?: unknown): AppLogEntry {
  return { type: 'log', level, message, ...(error !== undefined && { fields: { error: inspect(error) } }) }
}
