// The app as the daemon and the command line run it. Composition root.
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { connect } from 'millrace'
import type { ServeApp } from 'millrace/app'
import type { AppLogEntry } from 'millrace/protocol'
import type { Clock } from './engine/clock.ts'
import { Deliveries } from './engine/deliveries.ts'
import { deliveryOpener } from './engine/delivery-parts.ts'
import { deliveryOptionsIn } from './options.ts'
import { SpoolRoom } from './spool/spool-room.ts'

/** Of the room for waiting records, so much may be in memory. */
const MEMORY_BYTES_MAX = 128 * 2 ** 20

/** The time of the machine. */
const machineClock: Clock = {
  now: Date.now,
  after: (ms, then) => {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
}

/** Serves until `close`. Rejects with a sentence for the operator where it cannot. */
export const serveApp: ServeApp = async ({ broker, options }, tell) => {
  const { spoolDir, spoolBytes } = deliveryOptionsIn(options)
  const { url, ...access } = broker
  const directory = await openSpool(spoolDir)
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
  return {
    url,
    close: async () => {
      await deliveries.close()
      await client.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A directory of this copy's own: what a crash has left in others is never read. */
async function openSpool(spoolDir: string | undefined): Promise<string> {
  const parent = spoolDir ?? tmpdir()
  try {
    await mkdir(parent, { recursive: true })
    return await mkdtemp(join(parent, 'millrace-delivery-'))
  } catch (error) {
    const { message } = error as Error
    throw new Error(
      `Waiting records cannot be kept in ${parent}: ${message}. Name another directory by --delivery-spool-dir.`,
      {
        cause: error,
      },
    )
  }
}

function logEntry(level: AppLogEntry['level'], message: string, error?: unknown): AppLogEntry {
  return { type: 'log', level, message, ...(error !== undefined && { fields: { error: inspect(error) } }) }
}
