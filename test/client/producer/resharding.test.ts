// A producer while shards are split, merged and limited: who waits, for how long, and what is sent again.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, type Acknowledgement, type Client, type Producer } from '../../../client/index.ts'
import { evenRanges, hashKeyToDecimal } from '../../../protocol/index.ts'
import { driven, fakeTime, pass, turns } from '../support/drive.ts'
import { FakeBroker } from '../support/fake-broker.ts'

let restoreTime: () => void
beforeEach(() => {
  restoreTime = fakeTime()
})
afterEach(() => restoreTime())

const KiB = 1024

/** With the backoff of a client that was told nothing about it: what is soon, is soon by itself. */
async function producing(
  broker: FakeBroker,
  options: Parameters<Client['producer']>[1] = {},
): Promise<{ producer: Producer; end: () => Promise<void> }> {
  const client = await driven(connect('millrace://fake', { dial: broker.dial }))
  const producer = (await driven(client.producer('clicks', options))) as Producer
  return { producer, end: () => driven(client.close()) }
}

/** A hash key in the shard that holds the part `index` of `count` even ones. */
function keyIn(index: number, count: number): string {
  return hashKeyToDecimal(evenRanges(count)[index]!.start)
}

const send = (producer: Producer, explicitHashKey: string, data = 'x'): Promise<Acknowledgement> => {
  const sent = producer.send({ partitionKey: 'k', data, explicitHashKey })
  sent.catch(() => {})
  return sent
}

const count = (broker: FakeBroker, name: string) => broker.received.filter((seen) => seen === name).length

describe('a reshard', () => {
  it('is waited for at the controller, and records go on to the children at once', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    await driven(send(producer, '0'))
    const routings = count(broker, 'describeRouting')
    broker.seal(0)
    const sent = [send(producer, keyIn(0, 2), '1'), send(producer, keyIn(1, 2), '2')]
    await pass(300)
    expect(count(broker, 'describeRouting') - routings).toBe(1)
    expect(count(broker, 'append')).toBe(2)
    broker.split(0)
    const acknowledged = await driven(Promise.all(sent), { limitMs: 5 })
    expect(acknowledged.map(({ shardId }) => shardId.slice(-1))).toEqual(['1', '2'])
    await end()
  })

  it('that the controller does not tell of yet is asked for again within a tenth of a second', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker)
    await driven(send(producer, '0'))
    broker.disturb = ({ operation }) =>
      operation === 'append' && broker.openShards.length === 1 ? { refuseBatch: () => 'shardClosed' } : 'none'
    const sent = send(producer, '0')
    await pass(40)
    const appends = count(broker, 'append')
    broker.split(0)
    await driven(sent, { limitMs: 110 })
    // A closed shard is not sent the records again and again.
    expect(appends).toBe(2)
    await end()
  })

  it('of one shard holds up no other, even while a batch of it is in doubt', async () => {
    const broker = new FakeBroker({ shards: 2, hosts: 2 })
    const { producer, end } = await producing(broker)
    await driven(Promise.all([send(producer, keyIn(0, 2)), send(producer, keyIn(1, 2))]))
    // The batch for the first shard is stored, and its host dies before it has said so.
    broker.disturb = (message, { port }) =>
      message.operation === 'append' && port === 7401 ? 'lostAfter' : 'none'
    const doubtful = send(producer, keyIn(0, 2))
    await turns(20)
    broker.stopHost(1)
    broker.change([{ renew: 0 }, { renew: 1 }])
    broker.shards[2]!.hostId = 2
    broker.shards[3]!.hostId = 2
    const behind = send(producer, keyIn(0, 2))
    await expect(driven(send(producer, keyIn(1, 2)), { limitMs: 500 })).resolves.toMatchObject({
      shardId: 'shardId-000000000003',
    })
    expect(broker.recordsOf(2)).toHaveLength(0)
    broker.disturb = () => 'none'
    broker.startHost(1)
    await expect(driven(doubtful)).resolves.toMatchObject({ shardId: 'shardId-000000000000' })
    await expect(driven(behind)).resolves.toMatchObject({ shardId: 'shardId-000000000002' })
    await end()
  })

  it('of 64 shards at once is one request for the routing, and every record arrives once', async () => {
    const broker = new FakeBroker({ shards: 64, hosts: 2 })
    const { producer, end } = await producing(broker)
    const sendAll = () => Array.from({ length: 256 }, (_, i) => send(producer, keyIn(i, 256), `${i}`))
    await driven(Promise.all(sendAll()))
    const routings = count(broker, 'describeRouting')
    broker.seal(...broker.shards.map(({ index }) => index))
    const sent = sendAll()
    await turns(20)
    broker.split(...broker.shards.map(({ index }) => index))
    const acknowledged = await driven(Promise.all(sent), { limitMs: 20 })
    expect(new Set(acknowledged.map(({ shardId }) => shardId)).size).toBe(128)
    expect(count(broker, 'describeRouting') - routings).toBe(1)
    await end()
  })

  it('moves what is buffered a slice a turn, in order, while new records keep coming', async () => {
    const broker = new FakeBroker()
    const { producer, end } = await producing(broker, { batchBytes: 64 * KiB })
    await driven(send(producer, '0'))
    broker.seal(0)
    const keys = Array.from({ length: 16 }, (_, i) => keyIn(i, 16))
    let sent = 0
    const push = (n: number) => {
      for (let i = 0; i < n; i++, sent++) {
        const data = String(sent).padStart(1000, '0')
        void producer.push({ partitionKey: 'k', data, explicitHashKey: keys[sent % 16]! })
      }
    }
    push(4000)
    await turns(20)
    broker.split(0)
    // Until everything has moved, every turn brings more.
    for (let turn = 0; turn < 20; turn++) {
      push(100)
      await turns(1)
    }
    await driven(producer.flush())
    for (const index of [1, 2]) {
      const numbers = broker.recordsOf(index).map(({ data }) => Number(Buffer.from(data).toString()))
      for (const key of keys.keys()) {
        const ofKey = numbers.filter((number) => number % 16 === key)
        expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
      }
    }
    expect(broker.recordsOf(1).length + broker.recordsOf(2).length).toBe(sent)
    expect(producer.bufferedBytes).toBe(0)
    await end()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe("a shard's limit", () => {
  it('is waited out by that shard alone, as long as its host says, without hammering', async () => {
    const broker = new FakeBroker({ shards: 2 })
    broker.shards[0]!.limitTo({ writeBytesPerSecond: 64 * KiB })
    const { producer, end } = await producing(broker, {
      batchBytes: 16 * KiB,
      bufferBytesMax: 8 * 1024 * KiB,
    })
    const begin = performance.now()
    const data = new Uint8Array(KiB)
    const limited = Array.from({ length: 640 }, (_, i) =>
      send(producer, keyIn(0, 2), String(i).padStart(KiB)),
    )
    for (let i = 0; i < 100; i++) {
      await driven(producer.send({ partitionKey: 'k', data, explicitHashKey: keyIn(1, 2) }), {
        limitMs: 1,
        stepMs: 1,
      })
      await pass(5)
    }
    await driven(Promise.all(limited))
    const seconds = (performance.now() - begin) / 1000
    // 640 KiB at 64 KiB a second, with a second's worth to begin with: what may be taken is taken.
    expect(seconds).toBeGreaterThan(8)
    expect(seconds).toBeLessThan(13)
    expect(broker.shards[0]!.throttled).toBeLessThan(3 * broker.shards[0]!.batches.length)
    const order = broker.recordsOf(0).map((record) => Number(Buffer.from(record.data).toString()))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    await end()
  })

  it('asks whoever waits for room to wait: what is buffered stays within its bound', async () => {
    const broker = new FakeBroker()
    broker.shards[0]!.limitTo({ writeBytesPerSecond: 64 * KiB })
    const { producer, end } = await producing(broker, { batchBytes: 8 * KiB, bufferBytesMax: 64 * KiB })
    let most = 0
    const loop = async () => {
      for (let i = 0; i < 300; i++) {
        const wait = producer.push({ partitionKey: 'k', data: new Uint8Array(KiB) })
        most = Math.max(most, producer.bufferedBytes)
        if (wait !== undefined) await wait
      }
    }
    await driven(loop())
    expect(most).toBeLessThan(35 * KiB)
    await end()
    expect(broker.recordsOf(0)).toHaveLength(300)
  })
})

it('a stream made again under its name is not sent what may lie in the one before', async () => {
  const broker = new FakeBroker()
  const { producer, end } = await producing(broker)
  await driven(send(producer, '0'))
  broker.disturb = ({ operation }) => {
    if (operation !== 'append') return 'none'
    broker.disturb = () => 'none'
    broker.streamId = 2
    return 'lostBefore'
  }
  await expect(driven(send(producer, '0'))).rejects.toMatchObject({ code: 'outcomeUnknown' })
  expect(broker.recordsOf(0)).toHaveLength(1)
  await driven(send(producer, '0'))
  await end()
})
