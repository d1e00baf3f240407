// The app as the daemon and the command line run it. Composition root.
import { createHash, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { connect } from 'millrace'
import { HiddenDocuments, isProcessAlive, openSpoolDirectory, type ServeApp } from 'millrace/app'
import { queryKinds, type AppLogEntry } from 'millrace/protocol'
import { Engine } from './engine/index.ts'
import { analyticsOptionsIn } from './options.ts'
import { runQueries } from './run/queries.ts'
import type { SnapshotState } from './run/snapshots/query-snapshots.ts'
import { sweepSnapshots } from './run/snapshots/sweep.ts'

/** Serves until `close`. Rejects with a sentence for the operator where it cannot. */
export const serveApp: ServeApp = async ({ broker, options }, tell) => {
  const { spoolDir, memory, threads, referenceRefresh, referenceSize } = analyticsOptionsIn(options)
  const { url, ...access } = broker
  // What was opened last is closed first.
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).toReversed()) await closeOne()
  }
  try {
    const directory = await openSpoolDirectory(spoolDir ?? tmpdir(), {
      app: 'analytics',
      keeps: 'Rows of open windows',
      host: hostname(),
      pid: process.pid,
      isAlive: isProcessAlive,
    })
    closers.push(() => rm(directory, { recursive: true, force: true }))
    const client = await connect(url, {
      ...access,
      clientName: 'millrace-analytics',
      log: ({ level, message, error }) => tell(logEntry(level, message, error)),
    })
    closers.push(() => client.close())
    const engine = await Engine.open({ memory, threads, spoolDir: join(directory, 'spilled') })
    closers.push(() => engine.close())
    const state = typeof spoolDir === 'string' ? stateOf(spoolDir, url) : undefined
    const queries = await runQueries({
      client,
      engine,
      directory,
      reference: { refreshMs: referenceRefresh, bytesMax: referenceSize },
      state,
      own: randomUUID(),
      now: Date.now,
      monotonic: () => performance.now(),
      tell: (message, error) => tell(logEntry('warn', message, error)),
    })
    closers.push(() => queries.close())
    if (state !== undefined) {
      const warn = (message: string, error?: unknown): void => tell(logEntry('warn', message, error))
      const sweep = sweepSnapshots({ client, directory: state.directory, tell: warn })
      closers.push(() => sweep.close())
    }
    const hidden = await HiddenDocuments.open({
      client,
      kinds: [queryKinds.queries],
      warn: (message) => tell(logEntry('warn', message)),
      now: Date.now,
    })
    closers.push(() => hidden.close())
    return { url, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What is kept for the next process of a broker: only in a directory that an operator has named, as a temporary one is anybody's. */
function stateOf(spoolDir: string, url: string): SnapshotState {
  const broker = createHash('sha256').update(url).digest('hex').slice(0, 16)
  return { directory: join(spoolDir, `millrace-analytics-snapshots-${broker}`), uuid: randomUUID }
}

function logEntry(level: AppLogEntry['level'], message: string, error?: unknown): AppLogEntry {
  return { type: 'log', level, message, ...(error !== undefined && { fields: { error: inspect(error) } }) }
}
