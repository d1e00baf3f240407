// The proof of order: producers append 10,000 keys while shards are split, merged and rescaled without a pause, hosts,
// the controller or the whole daemon are killed, and the oldest records expire. Afterwards all records are read and
// checked, and so are the deliveries to stream readers, in their order. `npm run test:order` is the long form.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFailed, test } from 'vitest'
import { checkDataDirectory } from '#dist/broker/storage/integrity.js'
import { type Client, connect } from '../../client/index.ts'
import { check, describeViolations } from '../support/checker/checker.ts'
import { knownProcess, signal, TestDaemon } from '../support/daemon.ts'
import { readFully, seeEpoch, seeHorizons } from '../support/checker/full-read.ts'
import { type FinalRead, History, type StreamRead } from '../support/checker/history.ts'
import { until, untilProgress } from '../support/checker/progress.ts'
import { type Random, randomOf } from '../support/random.ts'
import { runPipelinedProducer } from './support/client-producers.ts'
import { runClientFollower, runClientReader, runClientSubscriber } from './support/client-readers.ts'
import { epochOf, retried, startChange } from './support/resharder.ts'

const LONG_ROUNDS = process.env['MILLRACE_ORDER_ROUNDS']
const ROUNDS = Number(LONG_ROUNDS ?? 1)
const FIRST_SEED = Number(process.env['MILLRACE_ORDER_SEED'] ?? Date.now() % 1_000_000)
/** Completed changes of shards in one round. */
const RESHARDS = LONG_ROUNDS === undefined ? 16 : 60
const ROUND_DEADLINE_MS = 600_000

const STREAM = 'clicks'
const PRODUCERS = 8
const KEYS = 10_000
/** Half of the records have one of these keys: rarely used keys are hardly ever under way twice during a change. */
const BUSY_KEYS = 50
/** Less than is appended, so that retention and compaction run and are killed, too. */
const KEPT_BYTES = 4 * 2 ** 20
const PROGRESS_CALLS = 100
/** One in this many changes is hit by a kill. */
const KILL_ONE_IN = 3
const MOMENT_MS_MAX = 80
/** A reader that rereads without a pause would take the test's processor time. */
const READER_PAUSE_MS = 2000

/** The smallest segments: rolls happen all the time, also between seals. */
const CONFIG = { segmentSize: '1MiB', hosts: '2' }

const kills: readonly ((scene: Scene) => Promise<void>)[] = [
  async ({ daemon, random }) => signal(knownProcess(random.pick(await daemon.hostPids())), 'SIGKILL'),
  async ({ daemon, random }) => signal(knownProcess(random.pick(await daemon.hostPids())), 'SIGKILL'),
  async ({ daemon }) => {
    for (const pid of await daemon.hostPids()) signal(knownProcess(pid), 'SIGKILL')
  },
  async ({ daemon }) => {
    await daemon.killController()
    await daemon.restart()
  },
  async ({ daemon }) => {
    await daemon.killAll(await daemon.hostPids())
    await daemon.restart()
  },
]

interface Scene {
  readonly daemon: TestDaemon
  readonly history: History
  readonly random: Random
  readonly port: number
  readonly stream: string
  /** The actions of the round, to explain a failure. */
  readonly done: string[]
}

const seeds = Array.from({ length: ROUNDS }, (_, round) => FIRST_SEED + round)

describe('a stream whose shards change all the time, on a daemon that is killed', () => {
  test.each(seeds)(
    `keeps the order of every key over ${RESHARDS} changes (MILLRACE_ORDER_SEED=%i)`,
    async (seed) => {
      await using daemon = await TestDaemon.start(CONFIG)
      const { port } = daemon
      const history = new History()
      const scene: Scene = { daemon, history, random: randomOf(seed), port, stream: STREAM, done: [] }
      onTestFailed(() => console.error([...scene.done, daemon.log()].join('\n')))
      await createStream(port)
      await runRound(scene)
      expect(describeViolations(check(history))).toBe('')
      const { ok, pending } = history.count()
      expect(ok).toBeGreaterThan(RESHARDS * PROGRESS_CALLS)
      expect(pending).toBe(0)
      await daemon.stop()
      expect((await checkDataDirectory(daemon.dataDir)).problems).toEqual([])
    },
    ROUND_DEADLINE_MS,
  )
})

async function createStream(port: number): Promise<void> {
  await using client = await connect(`millrace://127.0.0.1:${port}`)
  await client.createStream(STREAM, { shards: 4, retentionBytes: KEPT_BYTES })
}

/** Runs load, changes and kills, checks that all clients are served again, waits for silence, and reads all records. */
async function runRound(scene: Scene): Promise<void> {
  const { daemon, history } = scene
  await using client = await connect(daemon.url, { retry: { backoffMinMs: 5, backoffMaxMs: 50 } })
  const producing = new AbortController()
  const reading = new AbortController()
  const producers = startProducers(scene, client, producing.signal)
  const readers = startReaders(scene, client, reading.signal)
  const failed = Promise.all([...producers, ...readers]).then(() => new Promise<never>(() => {}))
  try {
    await Promise.race([changeShards(scene), failed])
    // The last kill may be recent: a host that is down answers after its restart.
    await retried(() => seeHorizons(scene.port, STREAM, history))
    history.endFaults()
    await Promise.race([untilAllServed(history), failed])
    producing.abort()
    await Promise.race([Promise.all(producers), failed])
    await seeEpoch(scene.port, STREAM, history)
    const haveCaughtUp = async () => isRead(history, await readFully(scene.port, STREAM))
    // A timeout is left to the checker, which names the reader and the shard that it did not finish.
    await Promise.race([until('all readers caught up', haveCaughtUp), failed]).catch(() => {})
    reading.abort()
    await Promise.all(readers)
    // Old records still expire: what is stored after all readers have stopped is what none of them may have skipped.
    for (const final of await readFully(scene.port, STREAM)) history.addFinal(final)
  } finally {
    producing.abort()
    reading.abort()
    await Promise.allSettled([...producers, ...readers])
  }
}

function startProducers({ history, random }: Scene, client: Client, stopped: AbortSignal): Promise<void>[] {
  const partitionKey = () => `key-${random.below(random.below(2) === 0 ? BUSY_KEYS : KEYS)}`
  return Array.from({ length: PRODUCERS }, (_, index) =>
    runPipelinedProducer({
      client,
      stream: STREAM,
      history,
      random,
      stopped,
      name: `p${index}`,
      partitionKey,
    }),
  )
}

function startReaders({ history, random }: Scene, client: Client, stopped: AbortSignal): Promise<void>[] {
  const load = { client, stream: STREAM, history, random, stopped }
  return [
    runClientSubscriber({ ...load, name: 'subscriber' }, true),
    runClientFollower({ ...load, name: 'follower' }, true),
    runClientReader({ ...load, name: 'reader' }, READER_PAUSE_MS),
  ]
}

/** Changes shards one change at a time until enough are complete; some are hit by a kill at a random moment. */
async function changeShards(scene: Scene): Promise<void> {
  const { history, random } = scene
  const enough = (await epochOf(scene)) + RESHARDS
  for (let epoch = enough - RESHARDS; epoch < enough; epoch = await epochOf(scene)) {
    await untilProgress(history, PROGRESS_CALLS)
    // No answer is possible while a host is down.
    await seeHorizons(scene.port, STREAM, history).catch(() => {})
    const change = await startChange(scene)
    note(scene, `epoch ${epoch}, ${history.acknowledgedCalls} acknowledged: ${change.what}`)
    if (random.below(KILL_ONE_IN) === 0) {
      await delay(random.below(MOMENT_MS_MAX))
      const kill = random.below(kills.length)
      note(scene, `kill ${kill}`)
      await kills[kill]!(scene)
    }
    await change.settled
  }
}

function note({ done }: Scene, what: string): void {
  done.push(`${(performance.now() / 1000).toFixed(1)} s, ${what}`)
}

/** Fulfils when each producer has an acknowledgement of a record sent after the faults. */
function untilAllServed(history: History): Promise<void> {
  const from = history.appends.length
  return until('all producers are served again', () => {
    const served = history.appends.slice(from).filter(({ outcome }) => outcome.type === 'ok')
    return new Set(served.map(({ producer }) => producer)).size === PRODUCERS
  })
}

/** True if each complete reader got the last record of each shard. */
function isRead({ streamReads }: History, shards: readonly FinalRead[]): boolean {
  const ends = shards.flatMap(({ shard, records }) => {
    const last = records.at(-1)
    return last === undefined ? [] : [{ shard, sequenceNumber: last.sequenceNumber }]
  })
  const isCaughtUp = ({ deliveries }: StreamRead) => {
    const reached = new Map(deliveries.map(({ shard, record }) => [shard, record.sequenceNumber]))
    return ends.every(({ shard, sequenceNumber }) => (reached.get(shard) ?? -1) >= sequenceNumber)
  }
  return streamReads.filter(({ isComplete }) => isComplete).every(isCaughtUp)
}
