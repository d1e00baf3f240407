// Kills at each step of a change of shards: before and after every commit of the catalog, and at every commit of the
// owner in between, where shards are sealed and opened. Each kill is a picture of the data directory, on which another
// broker starts: it must complete what was begun, and hold every acknowledged record, once, in order.
import { describe, expect, test } from 'vitest'
import { createBroker } from '../../broker/broker.ts'
import { type Client, connect } from '../../client/index.ts'
import { describeRouting } from '../support/checker/full-read.ts'
import { History } from '../support/checker/history.ts'
import { untilProgress } from '../support/checker/progress.ts'
import { randomOf } from '../support/random.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { runPipelinedProducer, runPutter } from './support/client-producers.ts'
import { runClientSubscriber } from './support/client-readers.ts'
import { CrashImages, expectSound } from './support/crash-images.ts'
import { StepImages } from './support/step-images.ts'

const STREAM = 'clicks'
const PROGRESS_CALLS = 40
const HALF = 2n ** 127n

interface Change {
  readonly name: string
  readonly shards: number
  readonly change: (client: Client) => Promise<unknown>
  readonly openAfter: number
}

const shard = (index: number) => `shardId-${String(index).padStart(12, '0')}`

const changes: readonly Change[] = [
  {
    name: 'a shard is split in two',
    shards: 1,
    change: (client) => client.splitShard(STREAM, shard(0), { at: HALF }),
    openAfter: 2,
  },
  {
    name: 'one key is cut out of a shard',
    shards: 1,
    change: (client) => client.splitShard(STREAM, shard(0), { isolate: { hashKey: HALF } }),
    openAfter: 3,
  },
  {
    name: 'two shards are merged',
    shards: 2,
    change: (client) => client.mergeShards(STREAM, shard(0), shard(1)),
    openAfter: 1,
  },
  {
    name: 'a stream grows by several waves',
    shards: 1,
    change: (client) => client.updateShardCount(STREAM, 5),
    openAfter: 5,
  },
  {
    name: 'a stream shrinks to ranges that it did not have',
    shards: 5,
    change: (client) => client.updateShardCount(STREAM, 3),
    openAfter: 3,
  },
]

describe('a broker killed at any step of a change of shards', () => {
  test.concurrent.each(changes)('continues the change and loses nothing, when $name', async (change) => {
    await using directory = await temporaryDirectory()
    const history = new History()
    using images = new CrashImages(directory.path, history)
    const steps = new StepImages(images)
    await runChange({ directory: directory.path, history, steps, change })
    expect(steps.commits.length).toBeGreaterThanOrEqual(3)
    for (const image of images.images) {
      // A change that was durably begun must be completed.
      const isBegun = steps.durableIn(image).length > 0
      const open = isBegun ? [change.openAfter] : [change.shards, change.openAfter]
      const look = async ({ url }: { readonly url: string }) => {
        const { shards } = await describeRouting(Number(new URL(url).port), STREAM)
        expect(open, `killed at ${image.step}`).toContain(
          shards.filter(({ state }) => state === 'OPEN').length,
        )
      }
      await expectSound(image, { stream: STREAM, options: { config: CONFIG }, look })
    }
  })
})

const CONFIG = { segmentSize: '1MiB', owners: 2 } as const

interface Scene {
  readonly directory: string
  readonly history: History
  readonly steps: StepImages
  readonly change: Change
}

/** Runs load, progress, the change with pictures of it, then progress again. */
async function runChange({ directory, history, steps, change }: Scene): Promise<void> {
  await using broker = await createBroker({
    dataDir: directory,
    config: CONFIG,
    ...steps.options,
  })
  await using client = await connect(broker.url)
  await client.createStream(STREAM, { shards: change.shards })
  const stop = new AbortController()
  const load = { client, stream: STREAM, history, random: randomOf(1), stopped: stop.signal }
  const loads = [
    runPipelinedProducer({ ...load, name: 'pipe' }),
    runPutter({ ...load, name: 'put' }),
    runClientSubscriber({ ...load, name: 'subscriber' }),
  ]
  try {
    await untilProgress(history, PROGRESS_CALLS)
    steps.isArmed = true
    await change.change(client)
    steps.isArmed = false
    await untilProgress(history, PROGRESS_CALLS)
  } finally {
    stop.abort()
    await Promise.all(loads)
  }
}
