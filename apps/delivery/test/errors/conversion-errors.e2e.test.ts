// Error documents of records that do not fit into Parquet: each line says where its record comes from, as all others do.
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createDelivery } from '../../src/definitions/index.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'

it('a record that is not converted: its error has partition key, shard, sequence number and arrival', async () => {
  await using world = await DeliveryWorld.open()
  await world.app()
  const { client } = world
  const lake = join(world.directory, 'lake')
  await client.createStream('clicks')
  const data = ['{"id":1}', '{"id":2}{"id":"two"}', 'nothing', '{"id":3}', '{"id":"three"}']
  await client.putMany(
    'clicks',
    data.map((each, i) => ({ partitionKey: `key-${i}`, data: each })),
  )
  await createDelivery(client, 'table', {
    source: { stream: 'clicks' },
    destination: { type: 'directory', path: lake },
    format: { type: 'parquet', compression: 'snappy', columns: [{ name: 'id', type: 'BIGINT' }] },
    buffer: { intervalMs: 200 },
  })
  const lines = async () => {
    const documents = [...(await world.files(lake))].filter(([path]) => path.startsWith('errors/'))
    return documents.flatMap(([, text]) => text.split('\n').filter(Boolean))
  }
  await expect.poll(async () => (await lines()).length).toBe(3)
  const failed = [1, 2, 4].map((i) => ({
    partitionKey: `key-${i}`,
    shardId: 'shardId-000000000000',
    sequenceNumber: String(i),
    arrivalTimestamp: expect.any(Number) as number,
    lastErrorCode: 'DataFormatConversion.ParseError',
    rawData: Buffer.from(i === 1 ? '{"id":"two"}' : data[i]!).toString('base64'),
  }))
  const found = (await lines()).map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(found.sort((a, b) => Number(a['sequenceNumber']) - Number(b['sequenceNumber']))).toMatchObject(
    failed,
  )
  const { createdAt } = await client.describeStream('clicks')
  for (const { arrivalTimestamp } of found) expect(arrivalTimestamp).toBeGreaterThanOrEqual(Number(createdAt))
})
