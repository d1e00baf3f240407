// Starts the compiled broker in a child process, on free ports, in a given directory. Runs in the bench's main process, and
// in tests. Signals only processes that it started.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type BrokerOptionName, environmentNameOf } from '../../broker/config/options.ts'

/** Options of the broker, passed by its environment: `{ segmentSize: '1MiB' }`. */
export type DaemonConfig = { readonly [K in BrokerOptionName]?: string }

export interface DaemonOptions {
  readonly config?: DaemonConfig
  /** The program that runs the daemon. Default: that of the broker. */
  readonly entry?: URL
  /** Kills the process when it fires, also during the start. */
  readonly signal?: AbortSignal
}

export interface RunningDaemon {
  readonly url: string
  readonly adminUrl: string
  readonly dataDir: string
  /** The controller's process. */
  readonly pid: number
  readonly process: ChildProcess
  /** Milliseconds from the start of the process to its log line that says ready. */
  readonly startMs: number
  /** The end of its log. */
  log(): string
  /** Asks the broker to drain, and waits until the process has ended. */
  stop(): Promise<void>
  /** Waits until this process has ended, and starts another on the same directory. */
  startAgain(): Promise<RunningDaemon>
}

const STOP_DEADLINE_MS = 60_000
const LOG_LINES_KEPT = 200

/** Free ports, so that runs do not collide; the log is JSON, so that the line that says ready can be parsed. */
const DEFAULTS: DaemonConfig = {
  port: '0',
  hostPortBase: '0',
  adminPort: '0',
  logLevel: 'info',
  logFormat: 'json',
}

/** Fulfils when the broker takes requests; rejects with the end of its log if it ends before that. */
export async function startDaemon(dataDir: string, options: DaemonOptions = {}): Promise<RunningDaemon> {
  const startedAt = performance.now()
  const { entry = new URL('../../broker/main.js', import.meta.url) } = options
  const child = spawn(process.execPath, [fileURLToPath(entry)], {
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

/** The environment without this process's own broker settings, which would change what is measured. */
function environmentOf(config: DaemonConfig): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'))
  const own = Object.entries(config).map(([name, value]) => [
    environmentNameOf(name as BrokerOptionName),
    value,
  ])
  return Object.fromEntries([...inherited, ...own]) as NodeJS.ProcessEnv
}

/** Reads the urls from the log line that says ready. */
function urlsIn(line: string): { readonly url: string; readonly adminUrl: string } | undefined {
  if (!line.startsWith('{') || !line.includes('"adminUrl"')) return undefined
  return JSON.parse(line) as { readonly url: string; readonly adminUrl: string }
}

/** Waits for the line that says ready, and reads on after it, since a full pipe would stop the broker. */
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
      // A process killed by its signal rejects only when it has ended, so that the directory is free for the next one.
      if (child.pid === undefined) reject(error)
      else child.once('exit', () => reject(error))
    })
    child.on('close', (code, signal) => {
      reject(new Error(`the daemon ended with ${signal ?? code} before it was ready:\n${lines.join('\n')}`))
    })
  })
}

/** Sends SIGTERM, and SIGKILL if draining takes too long. */
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
