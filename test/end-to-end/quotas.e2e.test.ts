// Quotas of a principal, from its client's side: what is refused at once, and what is only slower.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Client } from 'millrace'
import { createBroker } from 'millrace/broker'
import { expect, it } from 'vitest'
import { rejectionOf } from '../support/rejection.ts'

it('bound what a principal makes and how fast it asks, and a producer beyond them loses nothing', async () => {
  await using broker = await createBroker({
    config: {
      access: 'required',
      quotas: 'requests=5, streams=1, shards=3, principal/other/requests=unlimited',
    },
  })
  const root = (await readFile(join(broker.dataDir, 'root.token'), 'utf8')).trim()
  await using admin = await connect(broker.url, { token: root })
  const clientOf = async (principal: string): Promise<Client> => {
    const { token } = await admin.access.createToken(principal, { grants: ['*:admin', 'group:*:admin'] })
    return connect(broker.url, { token })
  }
  await using shop = await clientOf('shop')
  await using other = await clientOf('other')

  await shop.createStream('one', { shards: 2 })
  const second = await rejectionOf(shop.createStream('two', { shards: 1 }))
  expect(second).toMatchObject({ code: 'limitExceeded', message: expect.stringContaining('Principal shop') })
  const shards = await rejectionOf(shop.updateShardCount('one', 8))
  expect(shards).toMatchObject({ code: 'limitExceeded', message: expect.stringContaining('3 shards') })
  // Whoever asks: the shards count for the one who made the stream.
  expect((await rejectionOf(other.updateShardCount('one', 8))).code).toBe('limitExceeded')
  await other.createStream('others', { shards: 3 })

  const refusals = async (): Promise<number> =>
    Number(
      /millrace_quota_refusals_total\{[^}]*quota="requests"[^}]*\} (\d+)/.exec(await broker.metrics())?.[1],
    )
  const producer = await shop.producer('one')
  const sent: number[] = []
  while (!((await refusals()) > 2)) {
    await producer.send({ partitionKey: `k${sent.length % 7}`, data: String(sent.length) })
    sent.push(sent.length)
  }
  await producer.close()
  const read: number[] = []
  for await (const record of other.read('one')) read.push(Number(Buffer.from(record.data).toString()))
  expect(read.toSorted((a, b) => a - b)).toEqual(sent)
})
