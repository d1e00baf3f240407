// A daemon under test: the compiled broker on ports and in a directory of its own, which a test may kill in part or
// whole and start again. Runs in the process of the test. It signals only processes that this daemon started, and at the
// end it fails the test if any of them is still there.
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
  /** Every process that this daemon ever was, to look for leaks at the end. */
  readonly #processes: KnownProcess[] = []
  #running: RunningDaemon
  /** What was logged before the last start. */
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
    // Ports that are still free when it is started again.
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

  /** Pids of the hosts that run now, as the controller knows them. */
  async hostPids(): Promise<number[]> {
    const connection = await RawConnection.open(this.port)
    const { hosts } = await connection.request('describeBroker', {})
    connection.close()
    const pids = hosts.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
    this.#processes.push(...pids.map(knownProcess))
    return pids
  }

  /** SIGKILL, and the controller's own end awaited. Hosts must notice by themselves that their controller is gone. */
  async killController(): Promise<void> {
    const gone = onceExited(this.#running.process)
    this.#running.process.kill('SIGKILL')
    await gone
  }

  /** SIGKILL to every process at once, as far as anything is at once. Pids from `hostPids`, taken before. */
  async killAll(hostPids: readonly number[]): Promise<void> {
    const hosts = hostPids.map(knownProcess)
    const gone = onceExited(this.#running.process)
    this.#running.process.kill('SIGKILL')
    for (const host of hosts) signal(host, 'SIGKILL')
    await gone
    await untilGone(hosts)
  }

  /** Starts again on the same directory and ports. Says how long that took. */
  async restart(): Promise<number> {
    this.#started(await startDaemon(this.dataDir, { config: this.#config }))
    return this.#running.startMs
  }

  /** Starts again, and kills the controller after `killAfterMs`, wherever its start is by then. */
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

  /** What the daemon logged last, of each start, without the comings and goings of clients. */
  log(): string {
    const lines = [...this.#earlierLogs, this.#running.log()].join('\n').split('\n')
    return lines.filter((line) => !line.includes('"session ended"')).join('\n')
  }

  /** Drains and waits until every process of it is gone. */
  async stop(): Promise<void> {
    await this.#running.stop()
    await untilGone(this.#processes)
    await untilUnused(this.dataDir)
  }

  /** Ends what is left, removes the directory, and throws if a process had leaked. */
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

/** A process, told apart from a later one that got the same pid. */
export interface KnownProcess {
  readonly pid: number
  /** Clock ticks from the start of the machine to the start of the process; undefined for one that was gone already. */
  readonly bornAt: string | undefined
}

export function knownProcess(pid: number): KnownProcess {
  return { pid, bornAt: statOf(pid)?.bornAt }
}

/** Sends a signal to a process that may be gone already. */
export function signal(known: KnownProcess, name: NodeJS.Signals): void {
  if (!isAlive(known)) return
  try {
    process.kill(known.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** One that nobody reaped counts as gone, once its last thread is: it runs no code and holds no file. */
export function isAlive({ pid, bornAt }: KnownProcess): boolean {
  const stat = statOf(pid)
  return stat !== undefined && stat.bornAt === bornAt && !(stat.state === 'Z' && stat.threads <= 1)
}

/** Waits until none of the processes runs, and names those that still do at the deadline. */
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
 * Waits until no process has a file of the directory open: also those that a killed controller left behind. Looks into
 * /proc, and finds nothing where there is none.
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

/** Processes and their files come and go while they are looked at. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

interface ProcessStat {
  readonly state: string
  readonly threads: number
  readonly bornAt: string
}

/** From proc(5). The name in parentheses may hold anything, so it is cut off first. */
function statOf(pid: number): ProcessStat | undefined {
  const text = orNothing(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', threads: Number(fields[17]), bornAt: fields[19] ?? '' }
}

async function onceExited(child: RunningDaemon['process']): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function portOf(url: string): string {
  return new URL(url).port
}
