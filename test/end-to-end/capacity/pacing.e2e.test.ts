// Producers that share shards with limits: what is refused is sent again, and all records arrive once. How few batches a paced
// producer has refused is tested under a clock of the test's own, in test/client/producer/pacing: here it is up to the machine.
import { expect, test } from 'vitest'
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'

const SHARDS = 2
const PRODUCERS = 3
const RECORDS = 6000
/** So small that it is used up for some seconds. */
const RECORDS_PER_SECOND = 1000
const BATCH_RECORDS = 20

test('producers of a stream with limits: what is refused is sent again, and every record is stored once', async () => {
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
  const total = (count: 'throttles' | 'storedRecords') =>
    all.reduce((sum, metrics) => sum + metrics[count], 0)
  expect(total('storedRecords')).toBe(RECORDS)
  expect(total('throttles')).toBeGreaterThan(0)

  const read = new Set<string>()
  let count = 0
  for await (const { bytes } of client.read('clicks')) {
    read.add(Buffer.from(bytes).toString())
    count++
  }
  expect(count).toBe(RECORDS)
  expect(read.size).toBe(RECORDS)
})
