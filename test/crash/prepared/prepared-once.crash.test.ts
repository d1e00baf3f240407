// Prepared appends store each record once, and those of a key in order, whoever is killed: the program that makes them at every kind of
// place of an append and of its answer, a host, all processes, and both at once; while shards are split and merged. Nothing but
// the program's journal survives it. With MILLRACE_CRASH_ROUNDS (as by `npm run test:crash`) every place is hit more often.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFailed, test } from 'vitest'
import { checkDataDirectory } from '#dist/broker/storage/integrity.js'
import { connect } from '../../../client/index.ts'
import { readFully } from '../../support/checker/full-read.ts'
import { knownProcess, signal, TestDaemon } from '../../support/daemon.ts'
import { Journal, PreparedProgram } from '../../client/prepared/support/prepared-program.ts'
import { randomOf, type Random } from '../../support/random.ts'
import { cutPlaces, CuttingProxy, type CutPlace } from '../support/cutting-proxy.ts'
import { retried } from '../support/resharder.ts'

const isLong = process.env['MILLRACE_CRASH_ROUNDS'] !== undefined
const SEED = Number(process.env['MILLRACE_CRASH_SEED'] ?? Date.now() % 1_000_000)
const ROUNDS = isLong ? 10 : 2
const DEADLINE_MS = 600_000
const STREAM = 'clicks'
const SHARDS = 3
const CONFIG = { segmentSize: '1MiB', hosts: '2' }
const KEYS = 12
const CHUNK_RECORDS = 60
const CALLS_MAX = 4
const SKIP_MAX = 6

const places = Object.keys(cutPlaces) as CutPlace[]

const recordsOf = (chunk: number) =>
  Array.from({ length: CHUNK_RECORDS }, (_, at) => ({
    partitionKey: `key ${(chunk + at * 7) % KEYS}`,
    data: `${chunk}/${at}`,
  }))

/** What is killed when an append has come to a place. */
type Victim = 'program' | 'host' | 'everything but the program' | 'everything'

describe(`prepared appends (MILLRACE_CRASH_SEED=${SEED})`, () => {
  test(
    'store each record once and in order: their program is killed at every place of an append',
    () =>
      proven(places.flatMap((place) => Array.from({ length: ROUNDS }, () => [place, 'program'] as const))),
    DEADLINE_MS,
  )

  test(
    'store each record once and in order: hosts and all processes are killed, with the program and without it',
    () =>
      proven(
        (
          ['right behind an append', 'before the answer to an append', 'right behind the answer'] as const
        ).flatMap((place) =>
          (['host', 'everything but the program', 'everything'] as const).map(
            (victim) => [place, victim] as const,
          ),
        ),
      ),
    DEADLINE_MS,
  )

  test(
    'the example copies each line of a file once, however often it is killed',
    async () => {
      await using daemon = await TestDaemon.start(CONFIG)
      onTestFailed(() => console.error(daemon.log()))
      const directory = await mkdtemp(join(tmpdir(), 'millrace-copy-'))
      const file = join(directory, 'lines.txt')
      const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`)
      await writeFile(file, lines.map((line) => `${line}\n`).join(''))
      await using client = await connect(daemon.url)
      await client.createStream(STREAM, { shards: SHARDS })
      const program = fileURLToPath(import.meta.resolve('#dist/examples/copy-file-once.js'))
      const random = randomOf(SEED)
      /** Runs it until its journal has changed so often, or it is done. Returns whether it is. */
      const runOnce = async (changes: number): Promise<boolean> => {
        const child = spawn(process.execPath, [program, file, STREAM, daemon.url], { stdio: 'inherit' })
        let left = changes
        const watcher = watch(directory, (_, name) => {
          if (name === 'lines.txt.journal' && --left === 0) child.kill('SIGKILL')
        })
        const [code, by] = (await once(child, 'exit')) as [number | null, string | null]
        watcher.close()
        expect([code === 0, by === 'SIGKILL']).toContain(true)
        return code === 0
      }
      let kills = 0
      while (!(await runOnce(1 + random.below(12)))) {
        if (++kills % 3 === 0) await client.updateShardCount(STREAM, 2 + random.below(4)).catch(() => {})
      }
      expect(kills).toBeGreaterThan(0)
      const stored = (await readFully(daemon.port, STREAM)).flatMap(({ records }) => records)
      const byNumber = (a: string, b: string) => Number(a.slice(5)) - Number(b.slice(5))
      expect(stored.map(({ value }) => value).toSorted(byNumber)).toEqual(lines)
      expect(JSON.parse(await readFile(`${file}.journal`, 'utf8'))).toEqual({ done: lines.length })
      await rm(directory, { recursive: true })
    },
    DEADLINE_MS,
  )
})

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items]
  return items.map(() => left.splice(random.below(left.length), 1)[0]!)
}

/** Runs programs one after the other, each until something is killed; then reads everything. */
async function proven(interruptions: readonly (readonly [CutPlace, Victim])[]): Promise<void> {
  const random = randomOf(SEED)
  await using daemon = await TestDaemon.start(CONFIG)
  onTestFailed(() => console.error(daemon.log()))
  const journal = new Journal()
  {
    await using proxy = new CuttingProxy(random)
    await using admin = await connect(daemon.url)
    await admin.createStream(STREAM, { shards: SHARDS })
    let left = shuffled(interruptions, random)
    while (left.length > 0) {
      const [next, ...others] = left
      left = others
      const [at, victim] = next!
      await interrupted({ daemon, proxy, journal, random }, at, victim)
      if (random.below(3) === 0) await retried(() => admin.updateShardCount(STREAM, 2 + random.below(4)))
    }
    const last = await programOf(proxy, daemon, journal)
    const end = journal.next + CALLS_MAX
    await last.program.run((chunk) => chunk < end)
    await last.close()
  }
  expect(journal.begun.size).toBe(0)
  const stored = (await retried(() => readFully(daemon.port, STREAM))).flatMap(({ records }) => records)
  const all = Array.from({ length: journal.next }, (_, chunk) => recordsOf(chunk)).flat()
  const byKey = (records: readonly { readonly partitionKey: string; readonly value: string }[]) => {
    const keys: Record<string, string[]> = {}
    for (const { partitionKey, value } of records) (keys[partitionKey] ??= []).push(value)
    return keys
  }
  expect(byKey(stored)).toEqual(byKey(all.map(({ partitionKey, data }) => ({ partitionKey, value: data }))))
  await daemon.stop()
  expect((await checkDataDirectory(daemon.dataDir)).problems).toEqual([])
}

interface Scene {
  readonly daemon: TestDaemon
  readonly proxy: CuttingProxy
  readonly journal: Journal
  readonly random: Random
}

async function programOf(proxy: CuttingProxy, daemon: TestDaemon, journal: Journal) {
  const client = await retried(() =>
    connect(daemon.url, { dial: proxy.dial, retry: { backoffMinMs: 5, backoffMaxMs: 50 } }),
  )
  const writer = await retried(() => client.preparedWriter(STREAM, { batchBytes: 400 }))
  const flush = () => new Promise<void>((resolve) => setImmediate(resolve))
  const program = new PreparedProgram({ journal, client, writer, recordsOf, callsMax: CALLS_MAX, flush })
  return { program, close: () => client.close() }
}

/** Runs a program until an append has come to a place, and kills the victim there. A program that survives goes on a little. */
async function interrupted(
  { daemon, proxy, journal, random }: Scene,
  at: CutPlace,
  victim: Victim,
): Promise<void> {
  const hosts = await retried(async () => {
    const pids = await daemon.hostPids()
    if (pids.length < Number(CONFIG.hosts)) throw new Error('not all hosts are back')
    return pids
  })
  const { program, close } = await programOf(proxy, daemon, journal)
  let killing: Promise<void> | undefined
  let end = Infinity
  const running = program
    .run((chunk) => chunk < end)
    .catch((error: unknown) => {
      if (!program.isKilled) throw error
    })
  await Promise.race([
    running,
    proxy.cut({
      at,
      skip: random.below(SKIP_MAX),
      onReached: () => {
        if (victim === 'program' || victim === 'everything') program.kill()
        if (victim === 'host') signal(knownProcess(random.pick(hosts)), 'SIGKILL')
        else if (victim !== 'program') killing = daemon.killAll(hosts)
      },
    }),
  ])
  if (killing !== undefined) {
    await killing
    await daemon.restart()
  }
  end = journal.next + CALLS_MAX
  await running
  await close().catch(() => {})
}
