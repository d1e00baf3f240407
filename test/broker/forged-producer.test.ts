// A client that reads a stream and sends raw appends beside a producer: every record that the producer is told is stored is
// stored, and no other client writes, fences or is acknowledged in the producer's name.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createBroker, type Broker } from '../../broker/broker.ts'
import { connect, type Client, type Producer } from '../../client/index.ts'
import {
  errorCodeOf,
  firstProducerSequenceAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from '../../protocol/index.ts'
import { producerNumber } from '../support/producers.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'

let broker: Broker
let client: Client
let producer: Producer
let reader: RawConnection
let streamId: number

beforeEach(async () => {
  broker = await createBroker({ listen: false })
  client = await connect(broker.url, { dial: broker.dial })
  streamId = (await client.createStream('payments', { shards: 1 })).id
  producer = await client.producer('payments')
  reader = new RawConnection(await broker.dial({ host: 'in-process', port: 1 }))
  await reader.hello()
})

afterEach(async () => {
  reader.close()
  await client.close()
  await broker.close()
})

async function lastStored(): Promise<Uint8Array> {
  const { shards } = await reader.request('fetch', {
    shards: [{ streamId, shardIndex: 0, sequenceNumber: 0, bytesMax: 1 << 20 }],
    bytesMax: 1 << 20,
    waitMs: 0,
  })
  return shards[0]!.batches.at(-1)!
}

async function valuesRead(): Promise<string[]> {
  const values: string[] = []
  for await (const record of client.read('payments')) values.push(Buffer.from(record.bytes).toString())
  return values
}

/** Sends a raw append; returns `stored` or the name of the error code. */
async function append(batch: Uint8Array, producerSecret?: Uint8Array): Promise<string> {
  const { results } = await reader.request('append', {
    batches: [{ streamId, shardIndex: 0, batch, producerSecret }],
  })
  return results[0]!.code === 0 ? 'stored' : errorCodeOf(results[0]!.code)
}

const forgedRecord = [{ partitionKey: 'k', data: Buffer.from('forged') }]

describe('append by a reader of the stream', () => {
  it.each([
    ['the next number', 0, 1],
    ['a number from before', 0, 0],
    ['a newer epoch', 1, 0],
  ])('stores nothing in the name of another producer, under %s', async (_, epochs, ahead) => {
    await producer.send({ partitionKey: 'k', data: 'payment-1' })
    const stored = await lastStored()
    const forged = batchOf(forgedRecord, {
      producerId: producerIdAt(stored, 0),
      producerEpoch: producerEpochAt(stored, 0) + epochs,
      firstProducerSequence:
        epochs > 0 ? 0 : firstProducerSequenceAt(stored, 0) + ahead * recordCountAt(stored, 0),
    })
    const ownSecret = producerNumber(1).secret
    for (const secret of [undefined, ownSecret, Buffer.alloc(16), Buffer.from(stored.subarray(48, 64))]) {
      expect(await append(forged, secret)).toBe('producerUnproven')
    }
    expect(await append(stored)).toBe('producerUnproven')
    await producer.send({ partitionKey: 'k', data: 'payment-2' })
    expect(await valuesRead()).toEqual(['payment-1', 'payment-2'])
  })
})

describe('append by a producer that uses its numbers twice', () => {
  it('is acknowledged for what is stored, and refused by name for what is not', async () => {
    const { producerId, secret } = producerNumber(7)
    const batch = (data: string, firstProducerSequence: number) =>
      batchOf([{ partitionKey: 'k', data: Buffer.from(data) }], { producerId, firstProducerSequence })
    expect(await append(batch('first', 0), secret)).toBe('stored')
    expect(await append(batch('first', 0), secret)).toBe('stored')
    expect(await append(batch('other', 0), secret)).toBe('sequenceReused')
    expect(await append(batch('second', 1), secret)).toBe('stored')
    await client.splitShard('payments', 'shardId-000000000000')
    expect(await append(batch('other', 1), secret)).toBe('sequenceReused')
    expect(await append(batch('second', 1), secret)).toBe('stored')
    expect(await append(batch('third', 2), secret)).toBe('shardClosed')
    expect(await valuesRead()).toEqual(['first', 'second'])
  })
})
