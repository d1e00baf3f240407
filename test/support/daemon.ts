// A daemon under test: the compiled broker on its own ports and directory, which a test can kill in part or whole and
// start again. Runs in the test's process. It signals only processes that this daemon started, and fails the test if
// one of them remains at the end.
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type DaemonConfig, type RunningDaemon, startDaemon } from '#dist/bench/harness/daemon.js'
import { freePort } from './ports.ts'
import { RawConnection } from './raw-connection.ts'

const POLL_MS = 5
const GONE_DEADLINE_MS = 60_000

export class TestDaemon implements AsyncDisposable {
  readonly dataDir: string
  readonly #config: DaemonConfig
  /** Every process of this daemon so far, to find leaks at the end. */
  readonly #processes: KnownProcess[] = []
  #running: RunningDaemon
  /** Logs of the earlier starts. */
  readonly #earlierLogs: string[] = []
  readonly port: number

  private constructor(dataDir: string, config: DaemonConfig, running: RunningDaemon) {
    this.dataDir = dataDir
    this.#config = config
    this.#running = running
    this.#processes.push(knownProcess(running.pid))
    this.port = Number(portOf(running.url))
  }

  static async start(config: DaemonConfig = {}): Promise<TestDaemon> {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-test-'))
    // Ports that are still free when the daemon starts again.
    const ports = { port: String(await freePort()), adminPort: String(await freePort()) }
    const placed = { ...ports, ...config }
    return new TestDaemon(dataDir, placed, await startDaemon(dataDir, { config: placed }))
  }

  get url(): string {
    return this.#running.url
  }

  get adminUrl(): string {
    return this.#running.adminUrl
  }

  get controllerPid(): number {
    return this.#running.pid
  }

  /** Pids of the running hosts, as the controller reports them. */
  async hostPids(): Promise<number[]> {
    const connection = await RawConnection.open(this.port)
    const { hosts } = await connection.request('describeBroker', {})
    connection.close()
    const pids = hosts.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
    this.#processes.push(...pids.map(knownProcess))
    return pids
  }

  /** Sends SIGKILL to the controller and waits for its end. Hosts must notice by themselves that it is gone. */
  async killController(): Promise<void> {
    const gone = onceExited(this.#running.process)
    this.#running.process.kill('SIGKILL')
    await gone
  }

  /** Sends SIGKILL to every process, as simultaneously as possible. `hostPids` must be read before. */
  async killAll(hostPids: readonly number[]): Promise<void> {
    const hosts = hostPids.map(knownProcess)
    const gone = onceExited(this.#running.process)
    this.#running.process.kill('SIGKILL')
    for (const host of hosts) signal(host, 'SIGKILL')
    await gone
    await untilGone(hosts)
  }

  /** Starts again on the same directory and ports. Returns how long that took, in milliseconds. */
  async restart(): Promise<number> {
    this.#started(await startDaemon(this.dataDir, { config: this.#config }))
    return this.#running.startMs
  }

  /** Starts again, and kills the controller after `killAfterMs`, however far its start is. */
  async restartAndKill(killAfterMs: number): Promise<void> {
    const kill = new AbortController()
    const starting = startDaemon(this.dataDir, { config: this.#config, signal: kill.signal })
    const ended = starting.then(
      async (running) => {
        this.#started(running)
        await this.killController()
      },
      () => {},
    )
    await Promise.race([delay(killAfterMs), ended])
    kill.abort()
    await ended
  }

  #started(running: RunningDaemon): void {
    this.#earlierLogs.push(this.#running.log())
    this.#running = running
    this.#processes.push(knownProcess(running.pid))
  }

  /** The end of each start's log, without lines about client connections. */
  log(): string {
    const lines = [...this.#earlierLogs, this.#running.log()].join('\n').split('\n')
    return lines.filter((line) => !line.includes('"session ended"')).join('\n')
  }

  /** Stops the daemon gracefully and waits until all of its processes are gone. */
  async stop(): Promise<void> {
    await this.#running.stop()
    await untilGone(this.#processes)
    await untilUnused(this.dataDir)
  }

  /** Ends the remaining processes, removes the directory, and throws if a process leaked. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop()
    } finally {
      for (const known of this.#processes) signal(known, 'SIGKILL')
      await untilGone(this.#processes)
      await rm(this.dataDir, { recursive: true, force: true })
    }
  }
}

/** A process, distinguished from a later one with the same pid. */
export interface KnownProcess {
  readonly pid: number
  /** Clock ticks from the machine's boot to the process' start; undefined if it was already gone. */
  readonly bornAt: string | undefined
}

export function knownProcess(pid: number): KnownProcess {
  return { pid, bornAt: statOf(pid)?.bornAt }
}

/** The processes that a process has started and that still run, also where it answers nothing. Linux only. */
export function childrenOf({ pid }: KnownProcess): KnownProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((child) => (statOf(Number(child))?.parent === pid ? [knownProcess(Number(child))] : []))
}

/** Sends a signal to a process that may already be gone. */
export function signal(known: KnownProcess, name: NodeJS.Signals): void {
  if (!isAlive(known)) return
  try {
    process.kill(known.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * A process that its parent has not reaped counts as gone after its last thread ended: it runs no code and has no open
 * file.
 */
export function isAlive({ pid, bornAt }: KnownProcess): boolean {
  const stat = statOf(pid)
  return stat !== undefined && stat.bornAt === bornAt && !(stat.state === 'Z' && stat.threads <= 1)
}

/** Waits until none of the processes runs; at the deadline, throws and names those that still run. */
export async function untilGone(processes: readonly KnownProcess[]): Promise<void> {
  const deadline = performance.now() + GONE_DEADLINE_MS
  for (;;) {
    const alive = processes.filter(isAlive)
    if (alive.length === 0) return
    if (performance.now() > deadline) {
      throw new Error(`processes ${alive.map(({ pid }) => pid).join(', ')} are still there`)
    }
    await delay(POLL_MS)
  }
}

/**
 * Waits until no process has a file of the directory open, processes left by a killed controller included. Reads /proc;
 * without /proc it finds no process.
 */
export async function untilUnused(directory: string): Promise<void> {
  const deadline = performance.now() + GONE_DEADLINE_MS
  for (;;) {
    const processes = orNothing(() => readdirSync('/proc')) ?? []
    const users = processes.filter((name) => /^\d+$/.test(name) && hasOpen(name, directory))
    if (users.length === 0) return
    if (performance.now() > deadline) throw new Error(`processes ${users.join(', ')} still use ${directory}`)
    await delay(POLL_MS)
  }
}

function hasOpen(pid: string, directory: string): boolean {
  const descriptors = orNothing(() => readdirSync(`/proc/${pid}/fd`)) ?? []
  return descriptors.some((descriptor) =>
    orNothing(() => readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.startsWith(directory),
  )
}

/** Processes and their files may disappear while they are read. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

interface ProcessStat {
  readonly state: string
  readonly parent: number
  readonly threads: number
  readonly bornAt: string
}

/** Fields from proc(5). The name in parentheses may contain anything, so it is cut off first. */
function statOf(pid: number): ProcessStat | undefined {
  const text = orNothing(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    threads: Number(fields[17]),
    bornAt: fields[19] ?? '',
  }
}

async function onceExited(child: RunningDaemon['process']): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function portOf(url: string): string {
  return new URL(url).port
}
