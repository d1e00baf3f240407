// A client that invents a producer for every batch does not lock out the producers of other clients.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createBroker, type Broker } from '../../broker/broker.ts'
import { connect } from '../../client/index.ts'
import { errorCodeOf, limits } from '../../protocol/index.ts'
import { producerNumber } from '../support/producers.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'

let broker: Broker
let streamId: number

beforeEach(async () => {
  broker = await createBroker({ listen: false })
  const client = await connect(broker.url, { dial: broker.dial })
  streamId = (await client.createStream('clicks', { shards: 1 })).id
  await client.close()
})

afterEach(() => broker.close())

const records = [{ partitionKey: 'k', data: Buffer.from('invented') }]

/** Appends one batch under each of `count` new ids, in a new session; returns how many were stored, and the last result. */
async function invent(first: number, count: number): Promise<{ stored: number; last: string }> {
  const session = new RawConnection(await broker.dial({ host: 'in-process', port: 1 }))
  await session.hello()
  let stored = 0
  let last = ''
  for (let from = first; from < first + count; from += limits.appendBatchesMax) {
    const producers = Array.from({ length: limits.appendBatchesMax }, (_, i) => producerNumber(from + i))
    const batches = producers.map(({ producerId, secret }) => ({
      streamId,
      shardIndex: 0,
      batch: batchOf(records, { producerId }),
      producerSecret: secret,
    }))
    const { results } = await session.request('append', { batches })
    const codes = results.map(({ code }) => (code === 0 ? 'stored' : errorCodeOf(code)))
    stored += codes.filter((code) => code === 'stored').length
    last = codes.at(-1)!
  }
  session.close()
  return { stored, last }
}

const gauge = async (): Promise<number> =>
  Number(/^millrace_owner_producers\{[^}]*\} (\d+)$/m.exec(await broker.metrics())?.[1])

describe('append by a session that invents tens of thousands of producers', () => {
  it('is refused by name, and a new producer of another session can still append', async () => {
    const hostile = await invent(0, limits.producersPerOwnerMax)
    expect(hostile.last).toBe('tooManyProducers')
    expect(hostile.stored).toBeLessThan(limits.producersPerOwnerMax / 2)
    expect(await gauge()).toBe(hostile.stored)
    // A second session of the same client does not get all the remaining room.
    const again = await invent(1e6, limits.producersPerOwnerMax)
    expect(again.last).toBe('tooManyProducers')
    const client = await connect(broker.url, { dial: broker.dial })
    await client.put('clicks', { partitionKey: 'k', data: 'honest' })
    await client.close()
    expect(await gauge()).toBe(hostile.stored + again.stored + 1)
  })
})
