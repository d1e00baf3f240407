// A shard that is too damaged to tell its tail is not served, and all of its data is kept until its stream is deleted.
// The deletion removes all of it, also during a split, and does not affect other streams.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createBroker } from '../../broker/broker.ts'
import { CATALOG_MAP_BYTES, catalogPath, loadCatalog } from '../../broker/storage/catalog-store.ts'
import { openLmdb } from '../../broker/storage/environment.ts'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { encodeKey, rangeOf } from '../../broker/storage/rows/key-space.ts'
import { mapBytesOf } from '../../broker/storage/segments/segment.ts'
import { type Client, connect } from '../../client/index.ts'
import { History } from '../support/checker/history.ts'
import { until } from '../support/checker/progress.ts'
import { outcomeOf } from '../support/rejection.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'
import { CrashImages } from './support/crash-images.ts'
import { StepImages } from './support/step-images.ts'

const DOOMED = 'doomed'
const KEPT = 'kept'
const CONFIG = { segmentSize: '1MiB' } as const
const RECORDS = 40
const RECORD_BYTES = 10_000
const FIRST_SEGMENT = 'segment-0000000001'

test('a stream with a damaged shard can be deleted: its name is free, and its space comes back', async () => {
  await using directory = await temporaryDirectory()
  await store(directory.path)
  await damageShard(directory.path)
  expect((await checkDataDirectory(directory.path)).ok).toBe(false)
  await expectDeletable(directory.path)
})

test('a split whose shard was damaged before it was sealed waits for ever, and is removed with its stream', async () => {
  await using directory = await temporaryDirectory()
  const images = new CrashImages(directory.path, new History())
  onTestFinished(() => images[Symbol.dispose]())
  const steps = new StepImages(images)
  await store(directory.path)
  {
    await using broker = await createBroker({ dataDir: directory.path, config: CONFIG, ...steps.options })
    await using client = await connect(broker.url)
    steps.isArmed = true
    await client.splitShard(DOOMED, '0')
    steps.isArmed = false
  }
  const image = images.images.find(({ step }) => step === 'after catalog commit 1')!
  await damageShard(image.directory)
  await expectDeletable(image.directory)
})

/** Stores two streams whose records lie side by side; most of the records belong to the stream to be deleted. */
async function store(dataDir: string): Promise<void> {
  await using broker = await createBroker({ dataDir, config: CONFIG })
  await using client = await connect(broker.url)
  await client.createStream(DOOMED, { shards: 2 })
  await client.createStream(KEPT)
  await fill(client, DOOMED, RECORDS)
  await fill(client, KEPT, RECORDS / 4)
}

async function fill(client: Client, stream: string, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, index) => ({
    partitionKey: `key-${index}`,
    data: new Uint8Array(RECORD_BYTES),
  }))
  for (const result of await client.putMany(stream, records)) if (!result.ok) throw result.error
}

/** Damages the head of the doomed stream's first shard, and a batch from which the head could be rebuilt. */
async function damageShard(dataDir: string): Promise<void> {
  const slot = await slotOf(dataDir)
  const path = join(dataDir, 'owners', '0000', FIRST_SEGMENT)
  const segment = await openLmdb({ path, mapBytes: mapBytesOf(0), readOnly: false })
  const [batch] = segment.keys(rangeOf('batch', slot), 1)
  await segment.commit((writer) => {
    for (const key of [encodeKey('head', slot), batch!]) {
      const value = Buffer.from(segment.get(key)!)
      writer.put(key, value.fill(0xff, value.length >> 1))
    }
  })
  await segment.close()
}

async function slotOf(dataDir: string): Promise<number> {
  const path = catalogPath(dataDir)
  const catalog = await openLmdb({ path, mapBytes: CATALOG_MAP_BYTES, readOnly: true })
  const rows = loadCatalog(catalog)
  await catalog.close()
  const stream = rows.find((row) => row.family === 'stream' && row.value.name === DOOMED)!
  const shards = rows.filter((row) => row.family === 'shard')
  return shards.find(({ key }) => key.streamId === stream.key && key.shardIndex === 0)!.value.slot
}

async function expectDeletable(dataDir: string): Promise<void> {
  {
    await using broker = await createBroker({ dataDir, config: CONFIG })
    await using client = await connect(broker.url)
    {
      await using impatient = await connect(broker.url, { requestTimeoutMs: 1000 })
      const reading = impatient.read(DOOMED, { shard: '0' })[Symbol.asyncIterator]()
      expect(await outcomeOf(reading.next()), 'the damaged shard is not served').not.toBe('answered')
    }
    await client.deleteStream(DOOMED)
    await client.createStream(DOOMED)
    await until('what the stream had is gone from the disk', async () => {
      // Maintenance runs as soon as a segment is sealed.
      await fill(client, KEPT, RECORDS)
      return !readdirSync(join(dataDir, 'owners', '0000')).includes(FIRST_SEGMENT)
    })
    let kept = 0
    for await (const _ of client.read(KEPT)) kept++
    expect(kept % RECORDS).toBe(RECORDS / 4)
    for await (const _ of client.read(DOOMED)) expect.fail('nothing of the deleted stream is in the new one')
  }
  expect((await checkDataDirectory(dataDir)).problems).toEqual([])
}
