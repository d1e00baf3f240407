// A consumer group of processes on a real daemon, while members join, leave, are killed and stand still for longer than their
// lease, hosts and the controller are killed, and shards are split and merged. Afterwards everything that handlers got and
// checkpointed is compared with the stream. `MILLRACE_CRASH_ROUNDS=100` is the nightly form.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFailed, onTestFinished, test } from 'vitest'
import { connect, type Client, type Producer } from '../../../client/index.ts'
import { History } from '../../support/checker/history.ts'
import { knownProcess, signal, TestDaemon } from '../../support/daemon.ts'
import { type Random, randomOf } from '../../support/random.ts'
import { historyOf, violationsOf, type LoggedRecord, type StreamLog } from './support/group-checker.ts'
import { retried, startChange } from '../support/resharder.ts'
import { SoakMember } from './support/soak-member.ts'

const ROUNDS = Number(process.env['MILLRACE_CRASH_ROUNDS'] ?? 12)
const SEED = Number(process.env['MILLRACE_CRASH_SEED'] ?? Date.now() % 1_000_000)
const DEADLINE_MS = 590_000 + ROUNDS * 60_000
/** Records that are handled between two faults. */
const PROGRESS_RECORDS = 60
const KEYS = 12
const RECORDS_AHEAD = 2_000
const MEMBERS_MAX = 5
/** Short, so that leases end all the time; members that still stand at the end have a long one. */
const LEASE_MS = 2_000
const LAST_LEASE_MS = 120_000
const WAIT_MS_MAX = 240_000

interface Soak {
  readonly daemon: TestDaemon
  readonly random: Random
  readonly client: Client
  readonly history: History
  /** All that there were, with those that are gone. */
  readonly all: SoakMember[]
  running: SoakMember[]
  stopped: SoakMember[]
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it never came to hold that ${what}`)
    await delay(20)
  }
}

const handledBy = (members: readonly SoakMember[]): number =>
  members.reduce((sum, { lines }) => sum + lines.filter((line) => line.startsWith('record ')).length, 0)

function join(soak: Soak, leaseMs = LEASE_MS): SoakMember {
  const member = new SoakMember(soak.daemon.url, { memberId: `m${soak.all.length}`, leaseMs })
  soak.all.push(member)
  soak.running.push(member)
  return member
}

function takeOne(soak: Soak): SoakMember | undefined {
  if (soak.running.length < 2) return undefined
  const member = soak.random.pick(soak.running)
  soak.running = soak.running.filter((each) => each !== member)
  return member
}

async function membersNow({ client }: Soak): Promise<readonly string[]> {
  const { members } = await retried(() => client.describeGroup('soak'))
  return members.map(({ memberId }) => memberId)
}

const faults: Readonly<Record<string, (soak: Soak) => Promise<void>>> = {
  'a member joins': async (soak) => {
    if (soak.running.length < MEMBERS_MAX) join(soak)
    await Promise.resolve()
  },
  'a member leaves': async (soak) => {
    await takeOne(soak)?.stop()
  },
  'a member is killed': async (soak) => {
    await takeOne(soak)?.kill()
    join(soak)
  },
  'a member stands still for longer than its lease, and goes on': async (soak) => {
    const member = takeOne(soak)
    if (member === undefined) return
    member.standStill()
    soak.stopped.push(member)
    await until('its lease has ended', async () => !(await membersNow(soak)).includes(member.memberId))
    member.goOn()
    soak.stopped = soak.stopped.filter((each) => each !== member)
    soak.running.push(member)
  },
  'a host is killed': async ({ daemon, random }) => {
    const pids = await daemon.hostPids()
    if (pids.length > 0) signal(knownProcess(random.pick(pids)), 'SIGKILL')
  },
  'the controller is killed': async ({ daemon }) => {
    await daemon.killController()
    await daemon.restart()
  },
  'everything is killed': async ({ daemon }) => {
    await daemon.killAll(await daemon.hostPids())
    await daemon.restart()
  },
  'shards are split or merged': async ({ daemon, random, history }) => {
    const change = await startChange({ port: daemon.port, stream: 'clicks', random, history })
    await change.settled
  },
}

/** Puts records of every key in order, until it is stopped; each key counts by itself. */
async function put(
  producer: Producer,
  { isStopped, handled }: { isStopped: () => boolean; handled: () => number },
): Promise<void> {
  const counts = Array.from({ length: KEYS }, () => 0)
  while (!isStopped()) {
    // The group is to be at work all the time, and to be through soon after.
    const isAhead = counts[0]! * KEYS > handled() + RECORDS_AHEAD
    if (isAhead) {
      await delay(10)
      continue
    }
    const sent = counts.map((count, key) => producer.send({ partitionKey: `k${key}`, data: String(count) }))
    for (const key of counts.keys()) counts[key]!++
    await Promise.all(sent)
  }
}

/** All of the stream. It is written no more. */
async function logOf(client: Client): Promise<StreamLog> {
  const records: LoggedRecord[] = []
  for await (const { shardId, sequenceNumber, partitionKey, data } of client.read('clicks')) {
    records.push({ shardId, sequenceNumber, key: partitionKey, value: Buffer.from(data).toString() })
  }
  const parents = new Map<string, readonly string[]>()
  for await (const shard of client.listShards('clicks')) parents.set(shard.shardId, shard.parentShardIds)
  return { records, parents }
}

test(
  `a group keeps every promise through ${ROUNDS} faults (MILLRACE_CRASH_SEED=${SEED})`,
  async () => {
    await using daemon = await TestDaemon.start({ hosts: '2' })
    onTestFailed(() => console.error(daemon.log()))
    await using client = await connect(daemon.url, { retry: { backoffMinMs: 5, backoffMaxMs: 100 } })
    await client.createStream('clicks', { shards: 4 })
    const random = randomOf(SEED)
    const soak: Soak = { daemon, random, client, history: new History(), all: [], running: [], stopped: [] }
    onTestFinished(async () => {
      for (const member of soak.all) await member.kill()
    })
    for (let member = 0; member < 3; member++) join(soak)
    let isStopped = false
    const producer = await client.producer('clicks', { deliveryTimeoutMs: 600_000 })
    const putting = put(producer, { isStopped: () => isStopped, handled: () => handledBy(soak.all) })
    const names = Object.keys(faults)
    const done: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = handledBy(soak.all)
      await until('records are handled', () => handledBy(soak.all) > before + PROGRESS_RECORDS)
      // Each fault at least once, then as chance will have it.
      const name = round < names.length ? names[(round + SEED) % names.length]! : random.pick(names)
      done.push(name)
      await faults[name]!(soak)
    }
    isStopped = true
    await putting
    await producer.close()
    const earlier = soak.running
    for (let member = 0; member < 2; member++) join(soak, LAST_LEASE_MS)
    await until('the last members have joined', () =>
      soak.running.slice(-2).every(({ isJoined }) => isJoined),
    )
    for (const member of earlier) if (!soak.running.slice(-2).includes(member)) await member.stop()
    const isThrough = async (): Promise<boolean> => {
      const { shards } = await retried(() => client.describeGroup('soak'))
      return shards.every(({ recordsBehind }) => recordsBehind === 0)
    }
    await until(`everything is processed (${done.join(', ')})`, isThrough)
    for (const member of soak.running.slice(-2)) await member.stop()
    const log = await logOf(client)
    const history = historyOf(soak.all.map(({ memberId, lines }) => ({ member: memberId, lines })))
    const broken = violationsOf(history, log)
    expect(broken.length === 0 ? [] : [...broken, `after: ${done.join(', ')}`]).toEqual([])
    expect(log.records.length).toBeGreaterThan(ROUNDS * PROGRESS_RECORDS)
  },
  DEADLINE_MS,
)
