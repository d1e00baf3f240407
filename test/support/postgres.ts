// A PostgreSQL server of a test's own, in a temporary directory: reached through a socket there, so no port is taken, and gone
// at the test's end. Uses the server's programs as Debian installs them, or those on the PATH.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { until } from './checker/progress.ts'

/** Said where a test is skipped. */
export const HOW_TO_INSTALL =
  'There is no PostgreSQL server here. On Debian or Ubuntu `apt-get install postgresql` installs one; the test starts it by itself.'
const START_DEADLINE_MS = 180_000
const USER = 'millrace'

interface Account {
  readonly uid: number
  readonly gid: number
}

export class PostgresServer implements AsyncDisposable {
  readonly #programs: string
  readonly #directory: string
  /** The server refuses to run as root. */
  readonly #account: Account | undefined
  #process: ChildProcess | undefined

  private constructor(programs: string, directory: string, account: Account | undefined) {
    this.#programs = programs
    this.#directory = directory
    this.#account = account
  }

  /** Starts one; undefined if its programs are not installed. */
  static async start(): Promise<PostgresServer | undefined> {
    const programs = findPrograms()
    if (programs === undefined) return undefined
    const account = process.getuid?.() === 0 ? accountOf('postgres', 'nobody') : undefined
    const directory = await mkdtemp(join(tmpdir(), 'millrace-pg-'))
    if (account !== undefined) await chown(directory, account.uid, account.gid)
    const server = new PostgresServer(programs, directory, account)
    const options = ['-D', server.#data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    await promisify(execFile)(join(programs, 'initdb'), options, server.#run)
    await server.restart()
    return server
  }

  /** What clients find in their environment. */
  get environment(): Readonly<Record<'PGHOST' | 'PGUSER' | 'PGDATABASE', string>> {
    return { PGHOST: this.#directory, PGUSER: USER, PGDATABASE: 'postgres' }
  }

  /** A connection; end it. */
  async connect(): Promise<pg.Client> {
    const { PGHOST: host, PGUSER: user, PGDATABASE: database } = this.environment
    const client = new pg.Client({ host, user, database })
    client.on('error', () => {}) // the server is ended by the test
    await client.connect()
    return client
  }

  /** Ends every session but this one. */
  async endOthers(session: pg.Client): Promise<void> {
    const others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
    await session.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`)
  }

  /** Lets new sessions wait, or go on: those that are open serve meanwhile. */
  holdNewSessions(areHeld: boolean): void {
    this.#process?.kill(areHeld ? 'SIGSTOP' : 'SIGCONT')
  }

  /** Ends it as a crash does, if it runs, and starts it again; fulfils when it takes connections. */
  async restart(): Promise<void> {
    await this.#end('SIGQUIT')
    const options = ['-D', this.#data, '-k', this.#directory, '-c', 'listen_addresses=']
    const child = spawn(join(this.#programs, 'postgres'), options, { ...this.#run, stdio: 'ignore' })
    this.#process = child
    const takesConnections = async () => {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode} as it started`)
      const client = await this.connect().catch(() => undefined)
      await client?.end()
      return client !== undefined
    }
    await until('PostgreSQL takes connections', takesConnections, START_DEADLINE_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGINT')
    await rm(this.#directory, { recursive: true, force: true })
  }

  get #data(): string {
    return join(this.#directory, 'data')
  }

  get #run() {
    return { ...this.#account, cwd: this.#directory, env: { PATH: process.env['PATH'], LC_ALL: 'C' } }
  }

  async #end(signal: 'SIGQUIT' | 'SIGINT'): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
}

/** The directory of the newest server's programs. */
function findPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : []
  const places = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  return places.find((place) => ['initdb', 'postgres'].every((name) => existsSync(join(place, name))))
}

/** The first of these users that the system has. */
function accountOf(...names: readonly string[]): Account {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const found = names.flatMap((name) => users.filter(([user]) => user === name))[0]
  if (found === undefined) throw new Error(`The system has none of the users ${names.join(', ')}.`)
  return { uid: Number(found[2]), gid: Number(found[3]) }
}
