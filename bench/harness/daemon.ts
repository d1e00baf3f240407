// A daemon of the bench's own: the compiled broker in a child process, on free ports, in a given directory. Runs in the
// bench's own process (and under the tests' daemon support). It signals only processes that it started.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface DaemonOptions {
  readonly dataDir?: string
  /** Further flags of `millrace serve`. */
  readonly flags?: readonly string[]
}

export interface RunningDaemon {
  readonly url: string
  readonly adminUrl: string
  /** The controller's process. */
  readonly pid: number
  readonly process: ChildProcess
  /** Milliseconds from the start of the process until it said that it is ready. */
  readonly startMs: number
  /** Asks it to drain and waits until it is gone. */
  stop(): Promise<void>
}

const STOP_DEADLINE_MS = 20_000
const LOG_LINES_KEPT = 40

/** Fulfils when the daemon takes requests; rejects with the end of its log when it ends before. */
export async function startDaemon(
  options: DaemonOptions & { readonly dataDir: string },
): Promise<RunningDaemon> {
  const startedAt = performance.now()
  const flags = ['--data-dir', options.dataDir, '--port', '0', '--host-port-base', '0', '--admin-port', '0']
  const entry = fileURLToPath(new URL('../../cli/main.js', import.meta.url))
  const child = spawn(
    process.execPath,
    [entry, 'serve', ...flags, '--log-format', 'json', ...(options.flags ?? [])],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const ports = await readPorts(child)
  return {
    url: `millrace://127.0.0.1:${ports.port}`,
    adminUrl: `http://127.0.0.1:${ports.adminPort}`,
    pid: child.pid ?? 0,
    process: child,
    startMs: performance.now() - startedAt,
    stop: () => stopDaemon(child),
  }
}

interface Ports {
  readonly port: number
  readonly adminPort: number
}

/** The ports are in the log line that says ready. The rest of the log is read on, so that its pipe never fills. */
async function readPorts(child: ChildProcess): Promise<Ports> {
  const kept: string[] = []
  const keep = (line: string) => {
    kept.push(line)
    if (kept.length > LOG_LINES_KEPT) kept.shift()
  }
  return await new Promise<Ports>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on('line', keep)
    createInterface({ input: child.stdout! }).on('line', (line) => {
      keep(line)
      const ports = portsIn(line)
      if (ports) resolve(ports)
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      reject(new Error(`the daemon ended with ${signal ?? code} before it was ready:\n${kept.join('\n')}`))
    })
  })
}

function portsIn(line: string): Ports | undefined {
  if (!line.startsWith('{')) return undefined
  const entry = JSON.parse(line) as { readonly port?: unknown; readonly adminPort?: unknown }
  if (typeof entry.port !== 'number' || typeof entry.adminPort !== 'number') return undefined
  return { port: entry.port, adminPort: entry.adminPort }
}

/** SIGTERM, then SIGKILL where draining takes longer than anyone would wait. */
async function stopDaemon(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await gone
  clearTimeout(impatience)
}

/** Resident memory of a process, in megabytes. Linux only: read from /proc. */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
  return (kilobytes * 1024) / 1e6
}
