// A whole broker on a disk that fails, slows down or fills up, injected at the storage interface. Whatever the disk
// does: no acknowledged record is missing, no refused record is stored, no record is visible before it is durable, and
// service resumes.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createBroker, type Broker } from '../../broker/broker.ts'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { connect } from '../../client/index.ts'
import { check, describeViolations } from '../support/checker/checker.ts'
import { readFully } from '../support/checker/full-read.ts'
import { History } from '../support/checker/history.ts'
import { untilProgress } from '../support/checker/progress.ts'
import { type Random, randomOf } from '../support/random.ts'
import { FaultyDisk } from '../support/disk/storage.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { runBatchProducer } from './support/batch-producer.ts'
import { runPipelinedProducer, runPutter } from './support/client-producers.ts'
import { runClientReader, runClientSubscriber } from './support/client-readers.ts'
import { runSubscriber } from './support/shard-subscriber.ts'

const STREAM = 'clicks'
const SHARDS = 4
const PROGRESS_CALLS = 30
const POLL_MS = 2
const FLOOR_BYTES = 100 * 2 ** 20

interface Scene {
  readonly disk: FaultyDisk
  readonly history: History
  readonly random: Random
  /** The answer of the injected statfs. */
  freeBytes: number
}

interface Trouble {
  readonly name: string
  readonly inject: (scene: Scene) => Promise<void>
  /** Whether the fault took effect: a fault that hit no operation proves nothing. */
  readonly happened: (scene: Scene) => boolean
}

const troubles: readonly Trouble[] = [
  {
    name: 'a flush fails and nothing is stored',
    inject: async ({ disk, history }) => {
      for (let time = 0; time < 3; time++) {
        disk.faults.push('nothing stored')
        await untilProgress(history, PROGRESS_CALLS)
      }
    },
    happened: ({ disk }) => disk.faults.length === 0,
  },
  {
    name: 'a flush fails though everything is stored',
    inject: async ({ disk, history }) => {
      for (let time = 0; time < 3; time++) {
        disk.faults.push('stored unnoticed')
        await untilProgress(history, PROGRESS_CALLS)
      }
    },
    happened: ({ disk }) => disk.faults.length === 0,
  },
  {
    name: 'several flushes in a row fail, and so does opening again',
    inject: async ({ disk, random, history }) => {
      disk.refusesToOpen = true
      disk.faults.push('nothing stored', 'stored unnoticed')
      while (disk.faults.length > 1) await delay(POLL_MS)
      await delay(random.below(100))
      disk.refusesToOpen = false
      while (disk.faults.length > 0) await delay(POLL_MS)
      await untilProgress(history, PROGRESS_CALLS)
    },
    happened: ({ disk }) => disk.faults.length === 0,
  },
  {
    name: 'flushes take a long time',
    inject: async ({ disk, random }) => {
      for (let time = 0; time < 5; time++) {
        disk.hold()
        await delay(random.below(100))
        disk.release()
        await delay(random.below(20))
      }
    },
    happened: ({ disk }) => disk.opened.length > 0,
  },
  {
    name: 'the disk is full, as LMDB tells it',
    inject: async ({ disk }) => {
      disk.errno = 28
      disk.faults.push('nothing stored', 'nothing stored')
      while (disk.faults.length > 0) await delay(POLL_MS)
    },
    happened: ({ disk }) => disk.faults.length === 0,
  },
  {
    name: 'free space falls below the floor and rises again',
    inject: async (scene) => {
      scene.freeBytes = FLOOR_BYTES - 1
      while (!codesOf(scene.history).includes('storageFull')) await delay(POLL_MS)
      scene.freeBytes = 10 * FLOOR_BYTES
    },
    happened: ({ history }) => codesOf(history).includes('storageFull'),
  },
]

describe('a broker on a failing disk', () => {
  test.each(troubles)('keeps every promise while $name', async ({ inject, happened }) => {
    const random = randomOf(Date.now() % 1_000_000)
    await using directory = await temporaryDirectory()
    const scene: Scene = {
      disk: new FaultyDisk(),
      history: new History(),
      random,
      freeBytes: 10 * FLOOR_BYTES,
    }
    {
      await using broker = await createBroker({
        dataDir: directory.path,
        config: { segmentSize: '1MiB', freeSpaceFloor: FLOOR_BYTES },
        storage: { openEnvironment: scene.disk.open, freeBytesOf: () => Promise.resolve(scene.freeBytes) },
      })
      await runScene(broker, scene, inject)
      for (const final of await readFully(portOf(broker), STREAM)) scene.history.addFinal(final)
    }
    expect(describeViolations(check(scene.history)), `seed ${random.seed}`).toBe('')
    expect(happened(scene)).toBe(true)
    expect((await checkDataDirectory(directory.path)).problems).toEqual([])
  })
})

/** Runs load, progress, the fault, progress again, then silence. */
async function runScene(broker: Broker, scene: Scene, inject: Trouble['inject']): Promise<void> {
  const { history, random } = scene
  await using client = await connect(broker.url, { retry: { backoffMinMs: 5, backoffMaxMs: 50 } })
  await client.createStream(STREAM, { shards: SHARDS })
  const stop = new AbortController()
  const load = (name: string) => {
    return { port: portOf(broker), client, stream: STREAM, name, history, random, stopped: stop.signal }
  }
  const loads = [
    runBatchProducer(load('batch0')),
    runBatchProducer(load('batch1')),
    runPipelinedProducer(load('pipe')),
    runPutter(load('put')),
    runSubscriber(load('raw subscriber')),
    runClientSubscriber(load('subscriber')),
    runClientReader(load('reader')),
  ]
  try {
    await untilProgress(history, PROGRESS_CALLS)
    await inject(scene)
    await untilProgress(history, PROGRESS_CALLS)
  } finally {
    stop.abort()
    await Promise.all(loads)
  }
}

function codesOf(history: History): string[] {
  return history.appends.flatMap(({ outcome }) => ('code' in outcome ? [outcome.code] : []))
}

function portOf(broker: Broker): number {
  return Number(new URL(broker.url).port)
}
