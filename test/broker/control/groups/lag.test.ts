// What operators see of a group that nobody runs, or that has stopped: its lag is true at that moment, on the whole engine.
import { expect, it } from 'vitest'
import { createBroker } from '../../../../broker/broker.ts'
import { connect } from '../../../../client/index.ts'
import { ManualTime } from '../../../support/manual-time.ts'

it('a group without members: its lag in records, bytes and time grows, and the reason is that nobody reads', async () => {
  const time = new ManualTime()
  await using broker = await createBroker({ listen: false, clock: time.now })
  await using client = await connect(broker.url, { dial: broker.dial })
  await client.createStream('s', { shards: 1 })
  const producer = await client.producer('s')
  const append = async (count: number): Promise<void> => {
    for (let record = 0; record < count; record++)
      void producer.send({ partitionKey: 'k', data: Buffer.alloc(1_000) })
    await producer.flush()
  }
  await append(3)
  const group = client.group({ stream: 's', name: 'g', from: 'LATEST' })
  const running = group.run(() => Promise.resolve())
  await expect.poll(async () => (await group.describe()).shards[0]?.reason).toBe('caughtUp')
  await group.stop()
  await running
  await append(4)
  time.advance(5_000)
  const [shard] = (await client.group({ stream: 's', name: 'g' }).describe()).shards
  expect(shard).toMatchObject({ recordsBehind: 4, reason: 'noMember', detail: 'The group has no members.' })
  expect(shard!.bytesBehind).toBeGreaterThan(4_000)
  expect(shard!.millisBehind).toBeGreaterThanOrEqual(5_000)
  await producer.close()
})
