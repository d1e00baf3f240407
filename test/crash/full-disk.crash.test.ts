// A disk that is full to its last block: appends are refused with the right error, reads continue, expired records make
// room, and service resumes by itself. A whole broker on an in-memory disk of a few megabytes.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, type TestContext } from 'vitest'
import { type Broker, createBroker } from '../../broker/broker.ts'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { parseSegmentName } from '../../broker/storage/segments/segment-name.ts'
import { type Client, connect, type MillraceError } from '../../client/index.ts'
import { parseShardId } from '../../protocol/shards/shard-id.ts'
import { check, describeViolations } from '../support/checker/checker.ts'
import { readFully, shardNameOf } from '../support/checker/full-read.ts'
import { History, payloadOf } from '../support/checker/history.ts'
import { ManualTime } from '../support/manual-time.ts'
import { until } from '../support/checker/progress.ts'
import { SmallDisk } from '../support/disk/small-disk.ts'
import { expectNoOrphans } from './support/crash-images.ts'

const KEPT = 'kept'
const EXPIRING = 'expiring'
const DOOMED = 'doomed'
const HOUR_MS = 3_600_000
const KIB = 1024
const DISK_BYTES = 24 * KIB * KIB
const FLOOR_BYTES = 256 * KIB
const NEARLY_FULL_BYTES = 1024 * KIB
const RECORD_BYTES = 2000
/** An append that is refused for this long counts as refused. */
const REFUSED_AFTER_MS = 2000
/** Enough to seal a segment. */
const SEGMENT_RECORDS = 600

interface Scene {
  readonly disk: SmallDisk
  readonly history: History
  readonly time: ManualTime
}

interface Running {
  readonly broker: Broker
  readonly client: Client
}

test('a full disk refuses appends and loses nothing, until expired records make room', async (context) => {
  const scene = await onSmallDisk(context)
  const { disk, history, time } = scene
  const put = putter(history)
  await withBroker(scene, async ({ client }) => {
    await client.createStream(KEPT)
    await client.createStream(EXPIRING, { retentionMs: HOUR_MS })
    for (let segment = 0; segment < 3; segment++) await put(client, EXPIRING, SEGMENT_RECORDS)
    await put(client, KEPT, SEGMENT_RECORDS)
    disk.fill(NEARLY_FULL_BYTES)
    await until('an append is refused', async () => (await put(client, KEPT, 1)) === 'storageFull')
    // No write is under way now.
    disk.fill()
    expect(await put(client, KEPT, 1)).toBe('storageFull')
    // The catalog may use the ballast.
    await client.updateStream(EXPIRING, { retentionMs: 2 * HOUR_MS })
    await client.updateStream(EXPIRING, { retentionMs: HOUR_MS })
    expect(await count(client, KEPT)).toBe(history.acknowledgedCalls)
    expect(await count(client, EXPIRING)).toBe(3 * SEGMENT_RECORDS)
  })
  // Filled again, as another program may do first of all. Reserved room is given back meanwhile, and taken.
  disk.fill()
  await withBroker(scene, async ({ client, broker }) => {
    expect(await count(client, KEPT)).toBe(history.acknowledgedCalls)
    expect(await count(client, EXPIRING)).toBe(3 * SEGMENT_RECORDS)
    expect(await put(client, KEPT, 1)).toBe('storageFull')

    time.advance(HOUR_MS + 1)
    await until('appends are taken again', async () => (await put(client, KEPT, 1)) === 'stored')
    expect(await count(client, EXPIRING)).toBe(0)
    await expectNothingLost(scene, broker)
  })
  await expectSound(scene)
})

test('a compaction on a full disk leaves nothing behind, and is repeated when there is room', async (context) => {
  const scene = await onSmallDisk(context)
  const { disk, history, time } = scene
  const put = putter(history)
  await withBroker(scene, async ({ client, broker }) => {
    await client.createStream(KEPT)
    await client.createStream(DOOMED)
    for (let round = 0; round < 20; round++) {
      await put(client, KEPT, 40)
      await put(client, DOOMED, 100)
    }
    // More than appends need and the catalog reserves, but less than a compaction needs.
    disk.fill(3 * FLOOR_BYTES)
    await client.deleteStream(DOOMED)
    await until('a compaction fails for want of room', () => hasCompacted(broker, 'storageFull'))
    expect(strangersIn(scene)).toEqual([])
    expect(await put(client, KEPT, 1)).toBe('stored')

    disk.clear()
    // A failed compaction is not tried again for a while.
    time.advance(2 * HOUR_MS)
    await put(client, KEPT, SEGMENT_RECORDS)
    await until('a compaction is done', () => hasCompacted(broker, 'done'))
    await expectNothingLost(scene, broker)
  })
  await expectSound(scene)
})

/** Skips the test if the system allows no such disk. */
async function onSmallDisk(context: TestContext): Promise<Scene> {
  const disk = await SmallDisk.mount(DISK_BYTES)
  if (disk === undefined) return context.skip('This system does not let a test mount a disk (unshare).')
  onTestFinished(() => disk[Symbol.asyncDispose]())
  return { disk, time: new ManualTime(), history: new History() }
}

async function withBroker({ disk, time }: Scene, use: (running: Running) => Promise<void>): Promise<void> {
  const { now, elapsed } = time
  const config = { segmentSize: '1MiB', freeSpaceFloor: FLOOR_BYTES } as const
  await using broker = await createBroker({ dataDir: disk.path, clock: now, elapsed, config })
  await using client = await connect(broker.url)
  await use({ broker, client })
}

async function expectNothingLost({ history }: Scene, broker: Broker): Promise<void> {
  history.endFaults()
  for (const final of await readFully(Number(new URL(broker.url).port), KEPT)) history.addFinal(final)
  expect(describeViolations(check(history))).toBe('')
}

async function expectSound({ disk }: Scene): Promise<void> {
  expect((await checkDataDirectory(disk.path)).problems).toEqual([])
  await expectNoOrphans(disk.path, 'the end')
}

/** Appends a number of records, and returns 'stored' if all were stored, or else the code of the last refusal. */
function putter(history: History) {
  let sent = 0
  return (client: Client, stream: string, amount: number): Promise<string> =>
    put(
      { client, stream, history },
      Array.from({ length: amount }, () => `v.${sent++}`),
    )
}

interface Target {
  readonly client: Client
  readonly stream: string
  readonly history: History
}

async function put({ client, stream, history }: Target, values: readonly string[]): Promise<string> {
  const records = values.map((value, index) => ({ value, partitionKey: `key-${index % 10}` }))
  const calls = records.map((record) =>
    stream === KEPT ? history.invoke({ producer: 'p', idempotent: true, records: [record] }) : undefined,
  )
  let outcome = 'stored'
  await using producer = await client.producer(stream, { deliveryTimeoutMs: REFUSED_AFTER_MS })
  const sending = records.map(async ({ value, partitionKey }, index) => {
    try {
      const data = payloadOf(value, RECORD_BYTES)
      const { shardId, sequenceNumber } = await producer.send({ partitionKey, data })
      calls[index]?.ok(shardNameOf(stream, parseShardId(shardId)), [sequenceNumber])
    } catch (error) {
      calls[index]?.failed(error)
      outcome = (error as MillraceError).code
    }
  })
  await Promise.all(sending)
  return outcome
}

async function count(client: Client, stream: string): Promise<number> {
  let records = 0
  for await (const _ of client.read(stream)) records++
  return records
}

async function hasCompacted(broker: Broker, result: string): Promise<boolean> {
  const pattern = new RegExp(String.raw`millrace_compactions_total\{[^}]*result="${result}"[^}]*\} [1-9]`)
  return pattern.test(await broker.metrics())
}

/** Directories of an unfinished compaction or removal. */
function strangersIn({ disk }: Scene): string[] {
  const names = readdirSync(join(disk.path, 'owners', '0000'))
  return names.filter((name) => name.startsWith('segment-') && parseSegmentName(name) === undefined)
}
