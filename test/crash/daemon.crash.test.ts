// Rounds of kill and restart: producers append and subscribers follow while a host, the controller or the whole daemon
// is killed at a random moment. Afterwards all records are read and checked: no acknowledged record is missing, no
// refused record is stored, and no number meant two records. `MILLRACE_CRASH_ROUNDS=100` is the nightly form.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFailed, test } from 'vitest'
import { checkDataDirectory } from '#dist/broker/storage/integrity.js'
import { connect } from '../../client/index.ts'
import { check, describeViolations } from '../support/checker/checker.ts'
import { knownProcess, signal, TestDaemon } from '../support/daemon.ts'
import { readFully } from '../support/checker/full-read.ts'
import { History } from '../support/checker/history.ts'
import { untilProgress } from '../support/checker/progress.ts'
import { type Random, randomOf } from '../support/random.ts'
import { runBatchProducer } from './support/batch-producer.ts'
import { runPipelinedProducer, runPutter } from './support/client-producers.ts'
import { runClientReader, runClientSubscriber } from './support/client-readers.ts'
import { retried } from './support/resharder.ts'
import { runSubscriber } from './support/shard-subscriber.ts'

const ROUNDS = Number(process.env['MILLRACE_CRASH_ROUNDS'] ?? 10)
const FIRST_SEED = Number(process.env['MILLRACE_CRASH_SEED'] ?? Date.now() % 1_000_000)
/** Rounds that share one data directory: what one crash leaves behind is what the next one hits. */
const GROUP_ROUNDS = 10
const GROUP_DEADLINE_MS = 600_000

const STREAM = 'clicks'
const SHARDS = 4
/** Acknowledged calls before and after the fault, so that every round proves something. */
const PROGRESS_CALLS = 40
const MOMENT_MS_MAX = 150
const START_MS_MAX = 400
const STANDSTILL_MS_MAX = 1500

/** The smallest segments: rolls happen all the time, and kills hit them. */
const CONFIG = { segmentSize: '1MiB', hosts: '2' }

const faults: readonly { readonly name: string; readonly inject: (scene: Scene) => Promise<void> }[] = [
  {
    name: 'one host is killed',
    inject: async ({ daemon, random }) =>
      signal(knownProcess(random.pick(await daemon.hostPids())), 'SIGKILL'),
  },
  {
    name: 'every host is killed',
    inject: async ({ daemon }) => {
      for (const pid of await daemon.hostPids()) signal(knownProcess(pid), 'SIGKILL')
    },
  },
  {
    name: 'the controller is killed',
    inject: async ({ daemon }) => {
      await daemon.killController()
      await daemon.restart()
    },
  },
  {
    name: 'a host stands still for a while',
    inject: async ({ daemon, random }) => {
      const host = knownProcess(random.pick(await daemon.hostPids()))
      signal(host, 'SIGSTOP')
      await delay(random.below(STANDSTILL_MS_MAX))
      signal(host, 'SIGCONT')
    },
  },
  {
    name: 'it is asked to stop, and started again',
    inject: async ({ daemon }) => {
      await daemon.stop()
      await expectSound(daemon)
      await daemon.restart()
    },
  },
  {
    name: 'everything is killed',
    inject: async ({ daemon }) => {
      await daemon.killAll(await daemon.hostPids())
      await expectSound(daemon)
      await daemon.restart()
    },
  },
  {
    name: 'everything is killed, and so are the starts after it',
    inject: async ({ daemon, random }) => {
      await daemon.killAll(await daemon.hostPids())
      for (let attempt = 0; attempt < 3; attempt++) await daemon.restartAndKill(random.below(START_MS_MAX))
      await daemon.restart()
    },
  },
]

interface Scene {
  readonly daemon: TestDaemon
  readonly history: History
  readonly random: Random
}

const groups = Array.from({ length: Math.ceil(ROUNDS / GROUP_ROUNDS) }, (_, group) => ({
  seed: FIRST_SEED + group,
  rounds: Math.min(GROUP_ROUNDS, ROUNDS - group * GROUP_ROUNDS),
}))

describe('a daemon killed at random moments', () => {
  test.each(groups)(
    'keeps every promise over $rounds rounds (MILLRACE_CRASH_SEED=$seed)',
    async ({ seed, rounds }) => {
      await using daemon = await TestDaemon.start(CONFIG)
      onTestFailed(() => console.error(daemon.log()))
      await createStream(daemon)
      const scene = { daemon, history: new History(), random: randomOf(seed) }
      for (let round = 0; round < rounds; round++) {
        const fault = faults[round % faults.length]!
        await runRound(scene, round, fault)
        scene.history.finals.splice(0)
        // A process that was just killed may not have restarted yet.
        for (const final of await retried(() => readFully(daemon.port, STREAM))) scene.history.addFinal(final)
        expect(describeViolations(check(scene.history)), `round ${round}: ${fault.name}`).toBe('')
      }
      await daemon.stop()
      await expectSound(daemon)
      const { ok, pending } = scene.history.count()
      expect(ok).toBeGreaterThan(rounds * PROGRESS_CALLS)
      expect(pending).toBe(0)
    },
    GROUP_DEADLINE_MS,
  )
})

async function createStream(daemon: TestDaemon): Promise<void> {
  await using client = await connect(daemon.url)
  await client.createStream(STREAM, { shards: SHARDS })
}

/** Runs load, progress, a fault at a random moment, progress again, then silence. */
async function runRound(scene: Scene, round: number, fault: (typeof faults)[number]): Promise<void> {
  const { daemon, history, random } = scene
  const stop = new AbortController()
  await using client = await connect(daemon.url, { retry: { backoffMinMs: 5, backoffMaxMs: 50 } })
  const load = (name: string) => {
    const base = { port: daemon.port, client, stream: STREAM, history, random, stopped: stop.signal }
    return { ...base, name: `${name}r${round}` }
  }
  const loads = [
    runBatchProducer(load('batch0')),
    runBatchProducer(load('batch1')),
    runSubscriber(load('raw subscriber ')),
    runPipelinedProducer(load('pipe')),
    runPutter(load('put')),
    runClientSubscriber(load('subscriber ')),
    runClientReader(load('reader ')),
  ]
  const failed = Promise.all(loads).then(() => new Promise<never>(() => {}))
  try {
    await Promise.race([untilProgress(history, PROGRESS_CALLS), failed])
    await delay(random.below(MOMENT_MS_MAX))
    await fault.inject(scene)
    await Promise.race([untilProgress(history, PROGRESS_CALLS), failed])
  } finally {
    stop.abort()
    await Promise.all(loads)
  }
}

async function expectSound(daemon: TestDaemon): Promise<void> {
  const report = await checkDataDirectory(daemon.dataDir)
  expect(report.problems).toEqual([])
  expect(report.ok).toBe(true)
}
