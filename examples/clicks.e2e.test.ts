// A broker inside a test: the real engine, in this process, with nothing to start and nothing left behind.
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'
import { expect, it } from 'vitest'

it('keeps the order of each user', async () => {
  await using broker = await createBroker()
  await using client = await connect(broker.url)
  await client.createStream('clicks', { shards: 2 })

  for (const page of ['/', '/cart', '/thanks']) {
    await client.put('clicks', { partitionKey: 'ada', data: page })
  }

  const pages: string[] = []
  for await (const record of client.read('clicks')) pages.push(Buffer.from(record.bytes).toString())
  expect(pages).toEqual(['/', '/cart', '/thanks'])
})
