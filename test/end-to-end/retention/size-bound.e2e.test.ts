// A bound in bytes is a bound on a stream, wherever its records lie: over hosts that serve more or less of its keys, of its
// bytes and of its history, and over restarts with another number of them.
import { expect, onTestFinished, test } from 'vitest'
import { createBroker } from '../../../broker/broker.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import { connect, type Client } from '../../../client/index.ts'
import { until } from '../../support/checker/progress.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'

const MIB = 2 ** 20
const RECORD_BYTES = 16 * 1024
const RECORDS_PER_MIB = MIB / RECORD_BYTES

async function dataDirectory(): Promise<string> {
  const directory = await temporaryDirectory()
  onTestFinished(() => directory[Symbol.asyncDispose]())
  return directory.path
}

/** A broker of so many hosts, with small segments, for as long as it is used. */
async function withBroker(
  dataDir: string,
  hosts: number,
  use: (client: Client) => Promise<void>,
): Promise<void> {
  await using broker = await createBroker({ dataDir, config: { hosts, owners: 3, segmentSize: '1MiB' } })
  await using client = await connect(broker.url)
  await use(client)
}

async function append(client: Client, name: string, partitionKey: string, mebibytes: number): Promise<void> {
  const producer = await client.producer(name, { batchBytes: 65_536 })
  for (let i = 0; i < mebibytes * RECORDS_PER_MIB; i++) {
    await producer.push({ partitionKey, data: Buffer.alloc(RECORD_BYTES, i) })
  }
  await producer.close()
}

/** Records of each partition key that can be read. */
async function kept(client: Client, name: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for await (const { partitionKey } of client.read(name, { onTrimmed: 'horizon' })) {
    counts[partitionKey] = (counts[partitionKey] ?? 0) + 1
  }
  return counts
}

/** Makes a stream larger than its bound, and fulfils when the broker has noticed: it has looked at all streams by then. */
async function untilTrimmed(client: Client, name: string): Promise<void> {
  const trimHorizons = async (): Promise<number> => {
    let sum = 0
    for await (const { trimHorizon = 0 } of client.listShards(name)) sum += trimHorizon
    return sum
  }
  const before = await trimHorizons()
  await append(client, name, 'any', 4)
  await until(`the oldest of ${name} is gone`, async () => (await trimHorizons()) > before)
}

test('retentionBytes: a stream within its bound keeps all records, however unevenly they lie on its hosts', async () => {
  const dataDir = await dataDirectory()
  const sent = 4 * RECORDS_PER_MIB
  await withBroker(dataDir, 1, async (client) => {
    await client.createStream('large', { retentionBytes: MIB })
    await client.createStream('hot', { shards: 2, retentionBytes: 16 * MIB })
    for await (const { shardId } of client.listShards('hot')) {
      await client.splitShard('hot', shardId, { isolate: { partitionKey: 'hot' } }).catch(() => {})
    }
    await append(client, 'hot', 'hot', 4)
    await untilTrimmed(client, 'large')
    expect(await kept(client, 'hot')).toEqual({ hot: sent })
  })
  for (const hosts of [3, 2]) {
    await withBroker(dataDir, hosts, async (client) => {
      await untilTrimmed(client, 'large')
      await untilTrimmed(client, 'large')
      expect(await kept(client, 'hot'), `${hosts} hosts`).toEqual({ hot: sent })
    })
  }
  expect((await checkDataDirectory(dataDir)).problems).toEqual([])
})

test('retentionBytes: a stream above its bound loses its oldest records, not those of the host that holds most', async () => {
  const dataDir = await dataDirectory()
  await withBroker(dataDir, 3, async (client) => {
    await client.createStream('aged', { shards: 2 })
    const ofShard = new Map<string, string>()
    for (let i = 0; ofShard.size < 2; i++) {
      const { shardId } = await client.put('aged', { partitionKey: `key-${i}`, data: '' })
      if (!ofShard.has(shardId)) ofShard.set(shardId, `key-${i}`)
    }
    const [cold = '', hot = ''] = ofShard.values()
    await append(client, 'aged', cold, 4)
    await append(client, 'aged', hot, 8)
    const before = await kept(client, 'aged')
    await client.updateStream('aged', { retentionBytes: 11 * MIB })
    await until('something is gone', async () => ((await kept(client, 'aged'))[cold] ?? 0) < before[cold]!)
    const after = await kept(client, 'aged')
    expect(after[hot]).toBe(before[hot])
    expect((after[cold]! + after[hot]!) * RECORD_BYTES).toBeGreaterThan(10.5 * MIB)
  })
  expect((await checkDataDirectory(dataDir)).problems).toEqual([])
})
