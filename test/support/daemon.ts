// A daemon under test: the compiled broker on free ports and a directory of its own, which a test may kill in part or
// whole and start again. Runs in the process of the test. It signals only processes that this daemon started, and at the
// end it fails the test if any of them is still there.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type RunningDaemon, startDaemon } from '#dist/bench/harness/daemon.js'
import { RawConnection } from './raw-connection.ts'

export interface TestDaemonOptions {
  /** Further flags of `millrace serve`. */
  readonly flags?: readonly string[]
}

const POLL_MS = 5
const GONE_DEADLINE_MS = 20_000

export class TestDaemon implements AsyncDisposable {
  readonly dataDir: string
  readonly #flags: readonly string[]
  /** Every process that this daemon ever was, to look for leaks at the end. */
  readonly #processes: KnownProcess[] = []
  #running: RunningDaemon
  readonly port: number
  readonly #adminPort: number

  private constructor(dataDir: string, flags: readonly string[], running: RunningDaemon) {
    this.dataDir = dataDir
    this.#flags = flags
    this.#running = running
    this.#processes.push(knownProcess(running.pid))
    this.port = Number(new URL(running.url).port)
    this.#adminPort = Number(new URL(running.adminUrl).port)
  }

  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-test-'))
    const flags = ['--log-level', 'warn', ...(options.flags ?? [])]
    return new TestDaemon(dataDir, flags, await startDaemon({ dataDir, flags }))
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
    const ports = ['--port', String(this.port), '--admin-port', String(this.#adminPort)]
    this.#running = await startDaemon({ dataDir: this.dataDir, flags: [...this.#flags, ...ports] })
    this.#processes.push(knownProcess(this.#running.pid))
    return this.#running.startMs
  }

  /** Drains and waits until every process of it is gone. */
  async stop(): Promise<void> {
    await this.#running.stop()
    await untilGone(this.#processes)
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

/** A zombie counts as gone: whoever should reap it, it runs no code and holds no file. */
export function isAlive({ pid, bornAt }: KnownProcess): boolean {
  const stat = statOf(pid)
  return stat !== undefined && stat.state !== 'Z' && stat.bornAt === bornAt
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

/** State and start time of a process, from proc(5); the name in parentheses may hold anything, so it is cut off first. */
function statOf(pid: number): { readonly state: string; readonly bornAt: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', bornAt: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

async function onceExited(child: RunningDaemon['process']): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
