// The examples that keep their position in the database that they write to: whatever is killed or hangs, each click is in the
// database once, and those of one visitor in their order. The faults are drawn from a seed; when they fall is left to chance.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import { connect, type Client } from 'millrace'
import type pg from 'pg'
import { expect, onTestFinished, test, type TestContext } from 'vitest'
import { until } from '../support/checker/progress.ts'
import { TestDaemon, knownProcess, signal } from '../support/daemon.ts'
import { HOW_TO_INSTALL, PostgresServer } from '../support/postgres.ts'
import { randomOf } from '../support/random.ts'

const ROUNDS = Number(process.env['MILLRACE_EXACTLY_ONCE_ROUNDS'] ?? 8)
const SEED = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const VISITORS = Array.from({ length: 12 }, (_, i) => `visitor-${i}`)
const PAGES_A_ROUND = 20
const MEMBERS = 2
const DEADLINE_MS = 240_000

interface Visit {
  readonly visitor: string
  readonly page: string
}

/** The database of an example, as the test looks into it. */
interface Sink {
  readonly program: string
  readonly group: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Visits in the order in which they were stored. */
  visits(): Promise<readonly Visit[]>
  /** The highest epoch in which a shard was claimed. */
  epoch(): Promise<number>
  /** True while a member that hangs keeps all others from writing. */
  isLocked(): Promise<boolean>
  /** Ends the database as a crash does. */
  crash?(): Promise<void>
}

/** The processes of an example. */
class Members {
  readonly #sink: Sink
  readonly #url: string
  readonly running: ChildProcess[] = []

  constructor(sink: Sink, url: string) {
    this.#sink = sink
    this.#url = url
    onTestFinished(() => this.running.forEach((child) => void child.kill('SIGKILL')))
  }

  /** Starts those that do not run. */
  fill(): void {
    while (this.running.length < MEMBERS) {
      const { program, args, env } = this.#sink
      const path = fileURLToPath(import.meta.resolve(`#dist/examples/${program}.js`))
      this.running.push(
        spawn(process.execPath, [path, ...args], {
          env: { ...process.env, ...env, MILLRACE_URL: this.#url },
          stdio: 'inherit',
        }),
      )
    }
  }

  /**
   * Waits until so many clicks are stored. Starts members again that have ended, as a supervisor does: one that begins while the
   * broker or the database is down ends with an error.
   */
  async stored(count: number): Promise<void> {
    const isStored = async () => {
      const ended = this.running.filter(({ exitCode }) => exitCode !== null)
      for (const child of ended) this.running.splice(this.running.indexOf(child), 1)
      this.fill()
      return (await this.#sink.visits()).length >= count
    }
    await until(`${count} clicks are stored`, isStored, DEADLINE_MS)
  }

  async kill(count: number): Promise<void> {
    const killed = this.running.splice(0, count)
    await Promise.all(killed.map((child) => ended(child, 'SIGKILL')))
  }

  /** Ends all as Ctrl-C does: in order, or at once where one has only begun. */
  async stop(): Promise<void> {
    const ends = [0, 'SIGINT']
    for (const child of this.running.splice(0)) expect(ends).toContain(await ended(child, 'SIGINT'))
  }
}

/** Ends a process; fulfils with its exit code or the signal that ended it. */
async function ended(child: ChildProcess, by: NodeJS.Signals): Promise<unknown> {
  const gone = once(child, 'exit')
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(by)
    await gone
  }
  return child.exitCode ?? child.signalCode
}

/** What can happen in the midst of processing. */
const faults = {
  killOne: ({ members }: Run) => members.kill(1),
  killAll: ({ members }: Run) => members.kill(MEMBERS),
  killHosts: async ({ daemon }: Run) => {
    for (const pid of await daemon.hostPids()) signal(knownProcess(pid), 'SIGKILL')
  },
  killBroker: async ({ daemon }: Run) => {
    await daemon.killController()
    await daemon.restart()
  },
  crashDatabase: ({ sink }: Run) => sink.crash?.(),
  split: async ({ client }: Run) => {
    const { items } = await client.listShards('clicks').page()
    await client.splitShard('clicks', items.findLast(({ state }) => state === 'OPEN')!.shardId)
  },
  /** Stops a member for longer than its lease; when it goes on, its shards are another member's. */
  hang: (run: Run) => hang(run),
} as const

interface Run {
  readonly daemon: TestDaemon
  readonly client: Client
  readonly sink: Sink
  readonly members: Members
}

async function hang({ client, sink, members }: Run): Promise<void> {
  const child = members.running[0]!
  const { shards } = await client.describeGroup(sink.group)
  const hasShards = shards.some(({ memberId }) => memberId?.includes(`-${child.pid}-`))
  const epoch = await sink.epoch()
  child.kill('SIGSTOP')
  try {
    if (!hasShards) return
    const isClaimed = async () => (await sink.epoch()) > epoch || (await sink.isLocked())
    await until('others claim the shards of a member that hangs', isClaimed, DEADLINE_MS)
  } finally {
    child.kill('SIGCONT')
  }
}

async function expectExactlyOnce(sink: Sink): Promise<void> {
  const random = randomOf(SEED)
  await using daemon = await TestDaemon.start()
  await using client = await connect(daemon.url)
  await client.createStream('clicks', { shards: 3 })
  const members = new Members(sink, daemon.url)
  const run = { daemon, client, sink, members }
  const names = Object.keys(faults) as (keyof typeof faults)[]
  let sent = 0
  await using producer = await client.producer('clicks')
  for (let round = 0; round < ROUNDS; round++) {
    members.fill()
    const visits = async (): Promise<void> => {
      for (let page = 0; page < PAGES_A_ROUND; page++) {
        const clicks = VISITORS.map((user) => ({ user, page: String(round * PAGES_A_ROUND + page) }))
        await Promise.all(
          clicks.map((data) => producer.send({ partitionKey: data.user, data: JSON.stringify(data) })),
        )
      }
    }
    const sending = visits()
    sending.catch(() => {})
    const awaited = sent + 1 + random.below(VISITORS.length * PAGES_A_ROUND)
    sent += VISITORS.length * PAGES_A_ROUND
    await members.stored(awaited)
    // Each once, in an order of the seed, and then again.
    await faults[names[(round + SEED) % names.length]!](run)
    await sending
  }
  members.fill()
  await members.stored(sent)
  await members.stop()
  const pages = new Map<string, number[]>(VISITORS.map((visitor) => [visitor, []]))
  for (const { visitor, page } of await sink.visits()) pages.get(visitor)!.push(Number(page))
  const all = Array.from({ length: ROUNDS * PAGES_A_ROUND }, (_, page) => page)
  expect(pages).toEqual(new Map(VISITORS.map((visitor) => [visitor, all])))
}

test(`exactly-once.ts: stores each click once in SQLite, in order, seed ${SEED}`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sqlite-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'clicks.db')
  const within = async <T>(waitMs: number, use: (database: Database.Database) => T): Promise<T> => {
    const database = new Database(path)
    try {
      database.exec(`PRAGMA busy_timeout = ${waitMs}`)
      return use(database)
    } finally {
      database.close()
    }
  }
  const all = (sql: string) => within(60_000, (database) => database.prepare(sql).all())
  // A member makes the tables; the test looks at them earlier.
  const orNone = (error: Error): unknown[] => {
    if (error.message.includes('no such table')) return []
    throw error
  }
  await expectExactlyOnce({
    program: 'exactly-once',
    group: 'sqlite',
    args: [path],
    env: {},
    visits: async () =>
      (await all('SELECT visitor, page FROM visits ORDER BY id').catch(orNone)) as readonly Visit[],
    epoch: async () =>
      ((await all('SELECT max(epoch) AS epoch FROM progress')) as [{ epoch: number }])[0].epoch,
    isLocked: () =>
      within(2_000, (database) => database.exec('BEGIN IMMEDIATE; ROLLBACK')).then(
        () => false,
        (error: { code?: string }) => error.code === 'SQLITE_BUSY',
      ),
  })
})

function postgresSink(server: PostgresServer): Sink {
  const ask = async (sql: string): Promise<unknown[]> => {
    const client = await server.connect()
    try {
      return (await client.query<object>(sql)).rows
    } finally {
      await client.end()
    }
  }
  const orNone = (error: Error & { code?: string }): unknown[] => {
    if (error.code === '42P01') return [] // there is no such table
    throw error
  }
  return {
    program: 'exactly-once-postgres',
    group: 'postgres',
    args: [],
    env: server.environment,
    visits: async () =>
      (await ask('SELECT visitor, page FROM visits ORDER BY id').catch(orNone)) as readonly Visit[],
    epoch: async () =>
      Number(((await ask('SELECT max(epoch) AS epoch FROM progress')) as [{ epoch: string }])[0].epoch),
    isLocked: () => Promise.resolve(false),
    crash: () => server.restart(),
  }
}

test(`exactly-once-postgres.ts: stores each click once in PostgreSQL, in order, seed ${SEED}`, async (context) => {
  await using server = await PostgresServer.start()
  if (server === undefined) return context.skip(HOW_TO_INSTALL)
  await expectExactlyOnce(postgresSink(server))
})

interface PostgresRun {
  readonly server: PostgresServer
  readonly sink: Sink
  readonly members: Members
  readonly watch: pg.Client
  put(page: string): Promise<void>
  /** The member that has the shard. */
  holder(): Promise<ChildProcess>
  /** Why the shard is where it is. */
  reason(): Promise<string>
}

/** Has two members copy the clicks of one visitor, of which the first is stored. */
async function withPostgres(context: TestContext, use: (run: PostgresRun) => Promise<void>): Promise<void> {
  await using server = await PostgresServer.start()
  if (server === undefined) return context.skip(HOW_TO_INSTALL)
  const sink = postgresSink(server)
  await using daemon = await TestDaemon.start()
  await using client = await connect(daemon.url)
  await client.createStream('clicks')
  const members = new Members(sink, daemon.url)
  members.fill()
  const put = async (page: string): Promise<void> => {
    await client.put('clicks', { partitionKey: 'ada', data: JSON.stringify({ user: 'ada', page }) })
  }
  await put('/')
  await members.stored(1)
  const shard = async () => (await client.describeGroup(sink.group)).shards[0]!
  const holder = async () => {
    const { memberId } = await shard()
    return members.running.find(({ pid }) => memberId!.includes(`-${pid}-`))!
  }
  const watch = await server.connect()
  const reason = async () => (await shard()).reason
  await use({ server, sink, members, watch, put, holder, reason })
  await watch.end()
  await put('/again')
  await members.stored(4)
  await members.stop()
  expect((await sink.visits()).map(({ page }) => page)).toEqual(['/', '/cart', '/thanks', '/again'])
}

test('exactly-once-postgres.ts: a member that hangs within its transaction holds up nobody', async (context) => {
  await withPostgres(context, async ({ server, members, watch, put, holder }) => {
    // Its transaction waits for the table, and then for the member.
    const lock = await server.connect()
    await lock.query('BEGIN; LOCK TABLE visits IN EXCLUSIVE MODE')
    await put('/cart')
    const waiting =
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO visits%'"
    const isWithin = async () => (await watch.query(waiting)).rowCount === 1
    await until('a member is within its transaction', isWithin, DEADLINE_MS)
    const hanging = await holder()
    hanging.kill('SIGSTOP')
    try {
      await lock.query('COMMIT')
      await lock.end()
      await put('/thanks')
      await members.stored(3)
    } finally {
      hanging.kill('SIGCONT')
    }
  })
})

test('exactly-once-postgres.ts: the database refuses a member that hung before its transaction', async (context) => {
  await withPostgres(context, async ({ server, members, watch, put, holder, reason }) => {
    let hanging: ChildProcess | undefined
    try {
      // Held first: a session that is opened before the others end would serve the handler.
      server.holdNewSessions(true)
      await server.endOthers(watch)
      await put('/cart')
      // The handler waits for a session: for this click, or once more for the first one, whose session may just have ended.
      const waits = ['handlerSlow', 'retrying']
      await until('the handler waits', async () => waits.includes(await reason()), DEADLINE_MS)
      hanging = await holder()
      hanging.kill('SIGSTOP')
      server.holdNewSessions(false)
      await put('/thanks')
      await members.stored(3)
    } finally {
      server.holdNewSessions(false)
      hanging?.kill('SIGCONT')
    }
  })
})
