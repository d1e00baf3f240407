// A daemon of the bench's own: the compiled broker in a child process, on free ports, in a given directory. Runs in the
// bench's own process (and under the tests' daemon support). It signals only processes that it started.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type BrokerOptionName, environmentNameOf } from '../../broker/config/options.ts'

/** Options of the daemon as its environment takes them: `{ segmentSize: '1MiB' }`. */
export type DaemonConfig = { readonly [K in BrokerOptionName]?: string }

export interface DaemonOptions {
  readonly config?: DaemonConfig
  /** Kills the process, however far its start is, when it fires. */
  readonly signal?: AbortSignal
}

export interface RunningDaemon {
  readonly url: string
  readonly adminUrl: string
  readonly dataDir: string
  /** The controller's process. */
  readonly pid: number
  readonly process: ChildProcess
  /** Milliseconds from the start of the process until it said that it is ready. */
  readonly startMs: number
  /** The end of what it logged. */
  log(): string
  /** Asks it to drain and waits until it is gone. */
  stop(): Promise<void>
  /** Starts another one on the same directory, once this one is gone. */
  startAgain(): Promise<RunningDaemon>
}

const STOP_DEADLINE_MS = 60_000
const LOG_LINES_KEPT = 200

/** Any free port each, so that runs never meet; JSON, because nobody reads it unless something goes wrong. */
const DEFAULTS: DaemonConfig = {
  port: '0',
  hostPortBase: '0',
  adminPort: '0',
  logLevel: 'info',
  logFormat: 'json',
}

/** Fulfils when the daemon takes requests; rejects with the end of its log when it ends before. */
export async function startDaemon(dataDir: string, options: DaemonOptions = {}): Promise<RunningDaemon> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../broker/main.js', import.meta.url))], {
    env: environmentOf({ ...DEFAULTS, dataDir, ...options.config }),
    stdio: ['ignore', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...(options.signal ? { signal: options.signal } : {}),
  })
  const lines: string[] = []
  const log = () => lines.join('\n')
  const urls = await untilReady(child, lines)
  return {
    ...urls,
    dataDir,
    pid: child.pid ?? 0,
    process: child,
    startMs: performance.now() - startedAt,
    log,
    stop: () => stopDaemon(child),
    startAgain: async () => {
      await untilExited(child)
      return await startDaemon(dataDir, options)
    },
  }
}

/** What this process was told itself must not reach a broker whose settings are part of the measurement. */
function environmentOf(config: DaemonConfig): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'))
  const own = Object.entries(config).map(([name, value]) => [
    environmentNameOf(name as BrokerOptionName),
    value,
  ])
  return Object.fromEntries([...inherited, ...own]) as NodeJS.ProcessEnv
}

/** The log line that says ready carries where. */
function urlsIn(line: string): { readonly url: string; readonly adminUrl: string } | undefined {
  if (!line.startsWith('{') || !line.includes('"adminUrl"')) return undefined
  return JSON.parse(line) as { readonly url: string; readonly adminUrl: string }
}

/** Reads the line that says ready, and goes on reading: a pipe that fills would stop the daemon. */
function untilReady(child: ChildProcess, lines: string[]): Promise<{ url: string; adminUrl: string }> {
  return new Promise((resolve, reject) => {
    const take = (line: string) => {
      lines.push(line)
      if (lines.length > LOG_LINES_KEPT) lines.shift()
      const urls = urlsIn(line)
      if (urls) resolve({ url: urls.url, adminUrl: urls.adminUrl })
    }
    createInterface({ input: child.stdout! }).on('line', take)
    createInterface({ input: child.stderr! }).on('line', take)
    child.on('error', (error) => {
      // One that its signal kills has yet to end: who starts the next one finds the directory free.
      if (child.pid === undefined) reject(error)
      else child.once('exit', () => reject(error))
    })
    child.on('close', (code, signal) => {
      reject(new Error(`the daemon ended with ${signal ?? code} before it was ready:\n${lines.join('\n')}`))
    })
  })
}

/** SIGTERM, then SIGKILL where draining takes longer than anyone would wait. */
async function stopDaemon(child: ChildProcess): Promise<void> {
  const gone = untilExited(child)
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await gone
  clearTimeout(impatience)
}

async function untilExited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** Resident memory of a process, in megabytes. Linux only: read from /proc. */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
  return (kilobytes * 1024) / 1e6
}
