// Records that are sent together: each has its result, whatever becomes of the others and of its shard.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connect, type Producer, type ProducerOptions, type PutResult } from '../../../client/index.ts'
import { evenRanges, hashKeyToDecimal } from '../../../protocol/index.ts'
import { driven, fakeTime } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

async function producing(
  broker: FakeBroker,
  options: ProducerOptions = {},
): Promise<{ producer: Producer; end: () => Promise<void> }> {
  const client = await driven(connect('millrace://fake', { dial: broker.dial }))
  const producer = await driven(client.producer('clicks', options))
  return { producer, end: () => driven(client.close()) }
}

/** Records that fall into two halves of the key space in turns. */
function records(count: number) {
  const [low, high] = evenRanges(2).map(({ start }) => hashKeyToDecimal(start))
  return Array.from({ length: count }, (_, i) => ({
    partitionKey: `key-${i}`,
    data: String(i),
    explicitHashKey: i % 2 === 0 ? low! : high!,
  }))
}

function places(results: readonly PutResult[]): string[] {
  return results.map((result) =>
    result.ok
      ? `${result.acknowledgement.shardId.slice(-1)}/${result.acknowledgement.sequenceNumber}`
      : result.error.code,
  )
}

it('sendMany gives each record the place where it is stored, in the order in which they were given', async () => {
  const broker = new FakeBroker()
  const { producer, end } = await producing(broker)
  const [first, second] = await driven(
    Promise.all([producer.sendMany(records(3)), producer.sendMany(records(2))]),
  )
  expect(places(first)).toEqual(['0/0', '0/1', '0/2'])
  expect(places(second)).toEqual(['0/3', '0/4'])
  expect(broker.recordsOf(0).map(({ data }) => Buffer.from(data).toString())).toEqual([
    '0',
    '1',
    '2',
    '0',
    '1',
  ])
  expect(await driven(producer.sendMany([]))).toEqual([])
  await end()
})

it('sendMany tells of a record that is invalid or finds no room, and stores the others', async () => {
  const broker = new FakeBroker()
  const { producer, end } = await producing(broker, { bufferBytesMax: 64 * 1024 })
  const large = { partitionKey: 'k', data: new Uint8Array(40 * 1024) }
  const given = [large, { partitionKey: '', data: 'x' }, large, large]
  expect(places(await driven(producer.sendMany(given)))).toEqual([
    '0/0',
    'invalidArgument',
    '0/1',
    'overloaded',
  ])
  await end()
})

it('sendMany follows each record into the shard that takes the place of its own', async () => {
  const broker = new FakeBroker()
  const { producer, end } = await producing(broker)
  await driven(producer.sendMany(records(2)))
  broker.seal(0)
  const sending = producer.sendMany(records(5))
  broker.split(0)
  expect(places(await driven(sending))).toEqual(['1/2', '2/2', '1/3', '2/3', '1/4'])
  await end()
})

it('sendMany tells of records that a shard refuses for good', async () => {
  const broker = new FakeBroker()
  const { producer, end } = await producing(broker, { onThrottled: 'fail' })
  broker.disturb = ({ operation }) =>
    operation === 'append' ? { refuseBatch: () => 'provisionedThroughputExceeded' } : 'none'
  const results = await driven(producer.sendMany(records(2)))
  expect(places(results)).toEqual(['provisionedThroughputExceeded', 'provisionedThroughputExceeded'])
  // Whoever has a result for each record needs no other report.
  await driven(producer.flush())
  await end()
})
