// A producer keeps just below the limits of its shards: whatever the machine's speed, few of its batches are refused, and all
// records arrive once. One that others share a shard with gets its part.
import { expect, test } from 'vitest'
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'

const SHARDS = 2
const PRODUCERS = 3
const RECORDS = 6000
/** So small that it is used up for some seconds. */
const RECORDS_PER_SECOND = 1000
const BATCH_RECORDS = 20

test('producers of a stream with limits: few batches are refused, and every record is stored once', async () => {
  await using broker = await createBroker({ listen: false })
  await using client = await connect(broker.url, broker)
  const shardLimits = { writeRecordsPerSecond: RECORDS_PER_SECOND }
  await client.createStream('clicks', { shards: SHARDS, shardLimits })
  const producers = await Promise.all(
    Array.from({ length: PRODUCERS }, () => client.producer('clicks', { batchRecords: BATCH_RECORDS })),
  )
  await Promise.all(
    producers.map((producer, p) =>
      producer.pushAll(
        Array.from({ length: RECORDS / PRODUCERS }, (_, i) => {
          return { partitionKey: `key ${p} ${i % 50}`, data: `${p} ${i}` }
        }),
      ),
    ),
  )
  const all = producers.map((producer) => producer.metrics())
  const total = (count: 'throttles' | 'sentBatches' | 'storedRecords') =>
    all.reduce((sum, metrics) => sum + metrics[count], 0)
  expect(total('storedRecords')).toBe(RECORDS)
  // Each shard refuses each producer to begin with, and with that the batches behind the refused one.
  const atFirst = SHARDS * PRODUCERS * 8
  expect(total('throttles')).toBeLessThan(atFirst + total('sentBatches') / 3)

  const read = new Set<string>()
  let count = 0
  for await (const { bytes } of client.read('clicks')) {
    read.add(Buffer.from(bytes).toString())
    count++
  }
  expect(count).toBe(RECORDS)
  expect(read.size).toBe(RECORDS)
})
