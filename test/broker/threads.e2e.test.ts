// The embedded broker with its storage on threads, as in a daemon, and with several hosts.
import { describe, expect, it } from 'vitest'
import { createBroker } from '#dist/broker/broker.js'
import { RawConnection, batchOf } from '../support/raw-connection.ts'
import { createRequest } from '../support/requests.ts'

describe('createBroker on threads', () => {
  it('stores on owner threads and reads through the pool, for every host', async () => {
    await using broker = await createBroker({ listen: false, threads: true, config: { hosts: 2 } })
    const open = async (port: number): Promise<RawConnection> => {
      const connection = new RawConnection(await broker.dial({ host: 'in-process', port }))
      await connection.hello()
      return connection
    }
    const control = await open(0)
    const create = createRequest('clicks', 2)
    const { stream } = await control.request('createStream', create)
    const routing = await control.request('describeRouting', { name: 'clicks' })
    expect(routing.hosts.map(({ hostId }) => hostId)).toEqual([1, 2])
    // The MD5 of `a` begins with 0 and that of `b` with 9: one key for each of the two shards.
    for (const [shardIndex, partitionKey] of ['a', 'b'].entries()) {
      const host = await open(routing.shards[shardIndex]!.hostId)
      const batch = batchOf([{ partitionKey, data: Buffer.from(partitionKey) }])
      const shard = { streamId: stream.id, shardIndex }
      const { results } = await host.request('append', {
        batches: [{ ...shard, batch, producerSecret: undefined }],
      })
      expect(results).toMatchObject([{ code: 0, baseSequenceNumber: 0 }])
    }
    await expect.poll(broker.metrics).toMatch(/millrace_owner_commits_total\{host="2",owner="1"\} [1-9]/)
  })

  it('refuses to replace parts of storage that run on threads', async () => {
    await expect(createBroker({ threads: true, storage: {} })).rejects.toMatchObject({
      code: 'invalidArgument',
    })
  })
})
