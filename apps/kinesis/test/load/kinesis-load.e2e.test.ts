// The reader of a load against an endpoint: all of a stream, each key in order, through splits and merges.
import { connect } from 'millrace'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createKinesisEndpoint, type KinesisEndpoint } from '../../src/index.ts'
import { openKinesisLoad, type KinesisLoad } from '../../src/load/index.ts'

let endpoint: KinesisEndpoint
let load: KinesisLoad
beforeAll(async () => {
  endpoint = await createKinesisEndpoint({ port: 0 })
  load = await openKinesisLoad({ endpoint: endpoint.url, pollMs: 5 })
})
afterAll(async () => {
  await load.close()
  await endpoint.close()
})

it('reads every record once, in the order of its key, while shards are split and merged', async () => {
  await load.createStream('clicks', 2)
  const read: string[] = []
  const onRecords = (records: readonly Uint8Array[]) => {
    read.push(...records.map((data) => Buffer.from(data).toString()))
  }
  const reader = await load.openReader({ stream: 'clicks', isNew: true, onRecords })
  const producer = await load.openProducer('clicks')
  await using native = await connect(endpoint.brokerUrl)
  const expected: string[] = []
  for (const [round, shards] of [4, 1, 3].entries()) {
    const sent = Array.from({ length: 60 }, (_, index) => `${index % 20}/${round}-${Math.floor(index / 20)}`)
    await Promise.all(sent.map((text) => producer.send(text.split('/')[0]!, Buffer.from(text))))
    expected.push(...sent)
    await native.updateShardCount('clicks', shards)
  }
  await expect.poll(() => read.length).toBe(expected.length)
  const ofKey = (texts: readonly string[], key: number) => texts.filter((text) => text.startsWith(`${key}/`))
  for (let key = 0; key < 20; key++) expect(ofKey(read, key)).toEqual(ofKey(expected, key))
  expect(await load.openShards('clicks')).toBe(3)
  await reader.stop()
  await reader.ended
  await producer.close()
  await load.deleteStream('clicks')
})

it('a reader whose stream is gone says so', async () => {
  await load.createStream('going', 1)
  const reader = await load.openReader({ stream: 'going', isNew: false, onRecords: () => {} })
  await load.deleteStream('going')
  await expect(reader.ended).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})
