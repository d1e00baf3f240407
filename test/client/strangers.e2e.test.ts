// Another broker's process on the port of a process that ended: its streams and shards have the same numbers, so it would take
// the records.
import type { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'

const STREAM = 'clicks'
const record = { partitionKey: 'a', data: 'x' }

async function brokerWithStream(): Promise<Broker> {
  const broker = await createBroker({ listen: false })
  await using client = await connect(broker.url, { dial: broker.dial })
  await client.createStream(STREAM)
  return broker
}

async function countOf(client: Client): Promise<number> {
  let count = 0
  for await (const _ of client.read(STREAM)) count++
  return count
}

/** A client of `own` that meets the processes of `other`, where `isMoved` says so of an address. */
async function clientBetween(own: Broker, other: Broker, isMoved: (port: number) => boolean) {
  const open = new Set<Duplex>()
  const client = await connect(own.url, {
    requestTimeoutMs: 500,
    retry: { backoffMinMs: 5, backoffMaxMs: 20 },
    dial: async (address) => {
      const stream = await (isMoved(address.port) ? other : own).dial(address)
      open.add(stream)
      return stream
    },
  })
  const disconnect = () => {
    for (const stream of open) stream.destroy()
    open.clear()
  }
  return { client, disconnect }
}

it.each([
  ['a host', (port: number) => port !== 0],
  ['the whole broker', () => true],
])('nothing goes to another broker that listens where %s did', async (_what, isPlaceOf) => {
  await using own = await brokerWithStream()
  await using other = await brokerWithStream()
  let isOtherThere = false
  const { client, disconnect } = await clientBetween(own, other, (port) => isOtherThere && isPlaceOf(port))
  await using _client = client
  const producer = await client.producer(STREAM, { deliveryTimeoutMs: 1000 })
  await producer.send(record)
  isOtherThere = true
  disconnect()
  await expect(producer.send(record)).rejects.toMatchObject({ sideEffects: 'none' })
  await expect(countOf(client)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('another broker answers there') as string,
  })
  await using clientOfOther = await connect(other.url, { dial: other.dial })
  expect(await countOf(clientOfOther)).toBe(0)
  isOtherThere = false
  disconnect()
  await producer.send(record)
  expect(await countOf(client)).toBe(2)
})
