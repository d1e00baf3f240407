// Bytes that change on the disk: a reader gets the stored bytes or `corruptData`, never anything else, and undamaged
// records are still served.
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createBroker } from '../../broker/broker.ts'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import { connect, MillraceError, type UnreadableRecords } from '../../client/index.ts'
import { BATCH_HEADER_BYTES } from '../../protocol/batch/batch.ts'
import { payloadOf, valueOf } from '../support/checker/history.ts'
import { randomOf } from '../support/random.ts'
import { temporaryDirectory } from '../support/disk/temporary.ts'

const STREAM = 'clicks'
const RECORDS = 60
const SEED = Date.now() % 1_000_000
const RECORD_BYTES = 3000

test.each(Array.from({ length: 12 }, (_, index) => SEED + index))(
  'a flipped bit in a stored batch is an error where it lies, and nowhere else (seed %i)',
  async (seed) => {
    const random = randomOf(seed)
    await using directory = await temporaryDirectory()
    await store(directory.path)
    const victim = `v.${random.below(RECORDS)}`
    await flipBit(directory.path, {
      value: victim,
      at: random.below(BATCH_HEADER_BYTES + RECORD_BYTES),
      random,
    })

    await using broker = await createBroker({ dataDir: directory.path })
    await using client = await connect(broker.url)
    const sound = new Set<string>()
    const broken: string[] = []
    for await (const { shardId } of client.listShards(STREAM)) {
      try {
        for await (const record of client.read(STREAM, { shard: shardId })) {
          const { value, intact } = valueOf(record.bytes)
          expect(intact, `${value} has the bytes that were stored`).toBe(true)
          expect(record.partitionKey).toBe(value)
          sound.add(value)
        }
      } catch (error) {
        if (!MillraceError.is(error, 'corruptData')) throw error
        broken.push(shardId)
      }
    }
    expect(broken).toHaveLength(1)
    expect(sound.has(victim)).toBe(false)
    const skipped: UnreadableRecords[] = []
    const onUnreadable = (records: UnreadableRecords): void => void skipped.push(records)
    const through = new Set<string>()
    for await (const record of client.read(STREAM, { onUnreadable })) through.add(valueOf(record.bytes).value)
    expect([...through].toSorted()).toEqual(allBut(victim))
    expect(skipped).toMatchObject([{ shardId: broken[0], reason: 'corruptData' }])
    expect(skipped[0]!.nextSequenceNumber).toBe(skipped[0]!.firstSequenceNumber + 1)
    const { shardId } = await client.put(STREAM, { partitionKey: victim, data: 'still taken' })
    expect(shardId).toBe(broken[0])
    await client.close()
    await broker.close()
    expect((await checkDataDirectory(directory.path)).ok).toBe(false)
  },
)

function allBut(victim: string): string[] {
  return Array.from({ length: RECORDS }, (_, index) => `v.${index}`)
    .filter((value) => value !== victim)
    .toSorted()
}

/** Stores each record in its own batch, under its own key. */
async function store(dataDir: string): Promise<void> {
  await using broker = await createBroker({ dataDir })
  await using client = await connect(broker.url)
  await client.createStream(STREAM, { shards: 4 })
  for (let index = 0; index < RECORDS; index++) {
    const value = `v.${index}`
    await client.put(STREAM, { partitionKey: value, data: payloadOf(value, RECORD_BYTES) })
  }
}

/** Flips one bit in the batch that holds a value, `at` bytes after the approximate start of the batch. */
async function flipBit(
  dataDir: string,
  { value, at, random }: { value: string; at: number; random: ReturnType<typeof randomOf> },
): Promise<void> {
  const owner = join(dataDir, 'owners', '0000')
  const segment = (await readdir(owner)).find((name) => name.startsWith('segment-'))!
  const path = join(owner, segment, 'data.mdb')
  const payload = payloadOf(value, RECORD_BYTES)
  const content = await readFile(path)
  const payloadAt = content.indexOf(payload)
  expect(payloadAt).toBeGreaterThan(0)
  // The batch header, record header and key precede the payload in the file: see protocol/batch/batch.ts and record.ts.
  const batchAt = content.lastIndexOf('MLR1', payloadAt, 'latin1')
  const target = Math.min(batchAt + at, payloadAt + RECORD_BYTES - 1)
  const file = await open(path, 'r+')
  await file.write(Buffer.of(content[target]! ^ (1 << random.below(8))), 0, 1, target)
  await file.close()
}
