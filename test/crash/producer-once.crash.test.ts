// A producer stores each record once and in the order of its key, wherever its appends are interrupted: its connection is cut
// at every kind of place of an append and of its answer, and a host, or all processes, are killed when an append is not
// sent, is under way, is stored and not acknowledged, and is acknowledged. Nothing is given up: every record must be
// acknowledged in the end, and be where its acknowledgement says. With MILLRACE_CRASH_ROUNDS (as by `npm run test:crash`)
// every place is hit more often.
import { describe, expect, onTestFailed, test } from 'vitest'
import { checkDataDirectory } from '#dist/broker/storage/integrity.js'
import { connect } from '../../client/index.ts'
import { check, describeViolations } from '../support/checker/checker.ts'
import { readFully } from '../support/checker/full-read.ts'
import { History } from '../support/checker/history.ts'
import { untilProgress } from '../support/checker/progress.ts'
import { knownProcess, signal, TestDaemon } from '../support/daemon.ts'
import { randomOf, type Random } from '../support/random.ts'
import { runPipelinedProducer, runPutter } from './support/client-producers.ts'
import { cutPlaces, CuttingProxy, type Cut, type CutPlace } from './support/cutting-proxy.ts'
import { retried } from './support/resharder.ts'

const isLong = process.env['MILLRACE_CRASH_ROUNDS'] !== undefined
const SEED = Number(process.env['MILLRACE_CRASH_SEED'] ?? Date.now() % 1_000_000)
const CUTS_EACH = isLong ? 20 : 3
const KILLS_EACH = isLong ? 5 : 1
const DEADLINE_MS = 600_000

const STREAM = 'clicks'
const SHARDS = 3
/** Acknowledged calls between two interruptions. */
const PROGRESS_CALLS = 20
const SKIP_MAX = 4
const CONFIG = { segmentSize: '1MiB', hosts: '2' }

const places = Object.keys(cutPlaces) as CutPlace[]
/** Not sent, under way, stored and not acknowledged, acknowledged. */
const killPlaces = [
  'before an append',
  'right behind an append',
  'before the answer to an append',
  'right behind the answer',
] as const satisfies readonly CutPlace[]

interface Scene {
  readonly daemon: TestDaemon
  readonly proxy: CuttingProxy
  readonly history: History
  readonly random: Random
}

/** In any order, each as often as the others: places that follow each other meet what the one before has left. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items]
  return items.map(() => left.splice(random.below(left.length), 1)[0]!)
}

const times = <T>(count: number, items: readonly T[]): T[] =>
  Array.from({ length: count }, () => items).flat()

describe(`a producer that is interrupted in its appends (MILLRACE_CRASH_SEED=${SEED})`, () => {
  test(
    'stores each record once, in the order of its key: connections cut at every place of an append',
    async () => {
      await proven(async (scene) => {
        for (const at of shuffled(times(CUTS_EACH, places), scene.random)) await interrupt(scene, at)
        expect(scene.proxy.count).toBe(CUTS_EACH * places.length)
      })
    },
    DEADLINE_MS,
  )

  test(
    'stores each record once, in the order of its key: hosts killed at every point of an append',
    async () => {
      await proven(async (scene) => {
        const { daemon, random } = scene
        for (const at of shuffled(times(KILLS_EACH, killPlaces), random)) {
          const hosts = await retried(async () => {
            const pids = await daemon.hostPids()
            if (pids.length < Number(CONFIG.hosts)) throw new Error('not all hosts are back')
            return pids
          })
          // Which of them has the append is not known, so at times the other one is killed, and at times both.
          const killed = random.pick([hosts, hosts.slice(0, 1), hosts.slice(1)]).map(knownProcess)
          await interrupt(scene, at, () => {
            for (const host of killed) signal(host, 'SIGKILL')
          })
        }
      })
    },
    DEADLINE_MS,
  )

  test(
    'stores each record once, in the order of its key: all processes killed at every point of an append',
    async () => {
      await proven(async (scene) => {
        const { daemon, random } = scene
        for (const at of shuffled(times(KILLS_EACH, killPlaces), random)) {
          const hosts = await retried(() => daemon.hostPids())
          let killing: Promise<void> | undefined
          await interrupt(
            scene,
            at,
            () => {
              killing = daemon.killAll(hosts)
            },
            async () => {
              await killing
              await daemon.restart()
            },
          )
        }
      })
    },
    DEADLINE_MS,
  )
})

/** Waits for progress, interrupts an append at the place, and waits for progress again. */
async function interrupt(
  { proxy, history, random }: Scene,
  at: CutPlace,
  onReached?: () => void,
  afterwards?: () => Promise<void>,
): Promise<void> {
  await untilProgress(history, PROGRESS_CALLS)
  const cut: Cut = { at, skip: random.below(SKIP_MAX) }
  await proxy.cut(onReached === undefined ? cut : { ...cut, onReached })
  await afterwards?.()
  await untilProgress(history, PROGRESS_CALLS)
}

/** Runs producers while they are interrupted; then reads everything, and holds it to what they were told. */
async function proven(interruptAll: (scene: Scene) => Promise<void>): Promise<void> {
  const random = randomOf(SEED)
  await using daemon = await TestDaemon.start(CONFIG)
  onTestFailed(() => console.error(daemon.log()))
  const history = new History()
  {
    await using proxy = new CuttingProxy(random)
    await using client = await connect(daemon.url, {
      dial: proxy.dial,
      retry: { backoffMinMs: 5, backoffMaxMs: 50 },
    })
    await client.createStream(STREAM, { shards: SHARDS })
    const stop = new AbortController()
    const load = { client, stream: STREAM, history, random: randomOf(SEED + 1), stopped: stop.signal }
    const loads = [
      runPipelinedProducer({ ...load, name: 'pipe 0' }),
      runPipelinedProducer({ ...load, name: 'pipe 1' }),
      runPutter({ ...load, name: 'put' }),
    ]
    try {
      await Promise.race([
        interruptAll({ daemon, proxy, history, random }),
        Promise.all(loads).then(() => new Promise<never>(() => {})),
      ])
    } finally {
      stop.abort()
      await Promise.all(loads)
    }
  }
  const finals = await retried(() => readFully(daemon.port, STREAM))
  for (const final of finals) history.addFinal(final)
  expect(describeViolations(check(history))).toBe('')
  expectEachOnce(history)
  await daemon.stop()
  expect((await checkDataDirectory(daemon.dataDir)).problems).toEqual([])
}

/** Stricter than the promises, since nothing was given up: what was sent and what is stored are the same. */
function expectEachOnce(history: History): void {
  const outcomes = new Set(history.appends.map(({ outcome }) => outcome.type))
  expect([...outcomes]).toEqual(['ok'])
  const sent = history.appends.flatMap(({ records }) => records)
  const stored = history.finals.flatMap(({ records }) => records)
  expect(stored.map(({ value }) => value).toSorted()).toEqual(sent.map(({ value }) => value).toSorted())
  const byKey = (records: readonly { readonly partitionKey: string; readonly value: string }[]) => {
    const keys: Record<string, string[]> = {}
    for (const { partitionKey, value } of records) (keys[partitionKey] ??= []).push(value)
    return keys
  }
  expect(byKey(stored)).toEqual(byKey(sent))
}
