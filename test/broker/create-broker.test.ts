// The broker inside a process, end to end over the protocol: no port, no thread, and the daemon's engine.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createBroker, type Broker, type BrokerOptions } from '../../broker/broker.ts'
import { openLmdb, type Environment, type OpenEnvironment } from '../../broker/storage/environment.ts'
import { errorCodes, InvariantError, readRecords } from '../../protocol/index.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'
import { createRequest } from '../support/requests.ts'

const directories: string[] = []
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true })
})

async function directoryOfOurOwn(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-broker-'))
  directories.push(directory)
  return directory
}

const inProcess = (options: BrokerOptions = {}) => createBroker({ listen: false, ...options })

async function dial(broker: Broker, port: number, host = 'in-process'): Promise<RawConnection> {
  const connection = new RawConnection(await broker.dial({ host, port }))
  await connection.hello()
  return connection
}

/** Wraps every call of an environment, so that a test can replace some of them. */
function boundTo(environment: Environment): Environment {
  return {
    commit: (write, size) => environment.commit(write, size),
    reserve: (size) => environment.reserve(size),
    get: (key) => environment.get(key),
    peek: (key) => environment.peek(key),
    rows: (range, limit) => environment.rows(range, limit),
    keys: (range, limit) => environment.keys(range, limit),
    keyAtOrBefore: (key, lowest) => environment.keyAtOrBefore(key, lowest),
    refresh: () => environment.refresh(),
    bytesUsed: () => environment.bytesUsed(),
    close: () => environment.close(),
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('createBroker', () => {
  it.each([
    [null, /^The options of createBroker are null: expected an object\.$/],
    ['data', /^The options of createBroker are "data": expected an object\.$/],
    [{ dataDirs: '/var/lib/x' }, /^dataDirs is not an option of createBroker\. It takes dataDir, /],
    [{ segmentSize: '8MiB' }, /^segmentSize is not an option .*Write { config: { segmentSize: … } }\.$/],
    [{ dataDir: 5 }, /^dataDir is 5: expected a path\.$/],
    [{ dataDir: null }, /^dataDir is null: expected a path\.$/],
    [{ listen: 7400 }, /^listen is 7400: expected true, false, or an object with host and port\.$/],
    [{ threads: 'yes' }, /^threads is "yes": expected true or false\.$/],
    [{ config: null }, /^config is null: expected an object\.$/],
    [{ clock: 5 }, /^clock is 5: expected a function\.$/],
  ])('refuses %j by name, and makes no data directory', async (options, message) => {
    const made = createBroker(options as unknown as BrokerOptions)
    await expect(made).rejects.toThrow(
      expect.objectContaining({
        name: 'ConfigError',
        message: expect.stringMatching(message) as string,
      }) as Error,
    )
  })

  it('stores, reads back and describes without a port', async () => {
    await using broker = await inProcess()
    expect(broker.url).toBe('millrace://in-process:0')
    const control = await dial(broker, 0)
    const { stream } = await control.request('createStream', createRequest('clicks', 2))
    expect(stream).toMatchObject({
      name: 'clicks',
      status: 'ACTIVE',
      openShardCount: 2,
      retentionMs: 86_400_000,
    })
    const routing = await control.request('describeRouting', { name: 'clicks' })
    expect(routing.hosts).toEqual([{ hostId: 1, host: 'in-process', port: 1 }])
    const data = await dial(broker, routing.hosts[0]!.port)
    const records = [{ partitionKey: 'a', data: Buffer.from('one') }]
    const batch = batchOf(records)
    const { results } = await data.request('append', {
      batches: routing.shards.map(({ index }) => ({
        streamId: stream.id,
        shardIndex: index,
        batch,
        producerSecret: undefined,
      })),
    })
    const stored = results.filter(({ code }) => code === 0)
    expect(stored).toMatchObject([{ baseSequenceNumber: 0, durability: 'disk' }])
    const { shards } = await control.request('listShards', {
      name: 'clicks',
      limit: 10,
      exclusiveStartIndex: undefined,
    })
    expect(new Set(shards.map(({ tail }) => tail))).toEqual(new Set([0, 1]))
    const shardIndex = shards.find(({ tail }) => tail === 1)!.index
    const fetched = await data.request('fetch', {
      shards: [{ streamId: stream.id, shardIndex, sequenceNumber: 0, bytesMax: 1000 }],
      bytesMax: 1000,
      waitMs: 0,
    })
    const read = [...readRecords(fetched.shards[0]!.batches[0]!)].map((record) => text(record.data))
    expect(read).toEqual(['one'])
  })

  it('keeps the data of a directory that it is given, and removes a temporary one on close', async () => {
    const dataDir = await directoryOfOurOwn()
    {
      await using broker = await inProcess({ dataDir })
      const control = await dial(broker, 0)
      await control.request('createStream', createRequest('kept'))
    }
    await using again = await inProcess({ dataDir })
    const { stream } = await (await dial(again, 0)).request('describeStream', { name: 'kept' })
    expect(stream.status).toBe('ACTIVE')
    const made = await inProcess()
    expect(existsSync(made.dataDir)).toBe(true)
    await made.close()
    expect(existsSync(made.dataDir)).toBe(false)
  })

  it('listens on a free loopback port by default, and can be dialled without TCP as well', async () => {
    await using broker = await createBroker()
    const port = Number(new URL(broker.url).port)
    const overTcp = await RawConnection.open(port)
    await overTcp.request('createStream', createRequest('here'))
    const { hosts } = await overTcp.request('describeRouting', { name: 'here' })
    overTcp.close()
    const host = await dial(broker, hosts[0]!.port, hosts[0]!.host)
    expect((await host.hello()).role).toBe('host')
  })

  it('rejects with one sentence where the directory or the port is in use', async () => {
    await using broker = await createBroker()
    await expect(createBroker({ dataDir: broker.dataDir })).rejects.toMatchObject({ code: 'unavailable' })
    const port = Number(new URL(broker.url).port)
    await expect(createBroker({ listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({
      code: 'unavailable',
      message: `127.0.0.1:${port} is in use, perhaps by another broker; choose another port with listen.`,
    })
  })

  it('refuses an option by name', async () => {
    await expect(inProcess({ config: { segmentSize: '1KiB' } })).rejects.toThrow(
      'segmentSize is 1KiB: the least allowed is 1MiB.',
    )
  })

  it('answers metrics of controller and host in one text', async () => {
    await using broker = await inProcess()
    const text = await broker.metrics()
    expect(text).toContain('millrace_host_ready{host="1"} 1')
    expect(text).toContain('millrace_shards{host="1"} 0')
    expect(text).toMatch(/^process_cpu_seconds_total /m)
  })

  it('starts its host again when an invariant of storage is broken, and loses nothing', async () => {
    let isBroken = false
    const openEnvironment: OpenEnvironment = async (options) => {
      const environment = await openLmdb(options)
      return {
        ...boundTo(environment),
        commit: (write) => {
          if (!isBroken) return environment.commit(write)
          isBroken = false
          return Promise.reject(new InvariantError('broken for a test'))
        },
      }
    }
    await using broker = await inProcess({ storage: { openEnvironment } })
    const control = await dial(broker, 0)
    const create = createRequest('kept')
    const { stream } = await control.request('createStream', create)
    const append = async (value: string) => {
      const data = await dial(broker, 1)
      const batch = batchOf([{ partitionKey: 'a', data: Buffer.from(value) }])
      const { results } = await data.request('append', {
        batches: [{ streamId: stream.id, shardIndex: 0, batch, producerSecret: undefined }],
      })
      data.close()
      return results[0]
    }
    expect(await append('one')).toMatchObject({ code: 0, baseSequenceNumber: 0 })
    isBroken = true
    expect(await append('two')).toMatchObject({ code: errorCodes.outcomeUnknown.id })
    await expect
      .poll(() => append('three').catch(() => undefined))
      .toMatchObject({ code: 0, baseSequenceNumber: 1 })
  })

  it('closes on the first call, also while no client is connected', async () => {
    const broker = await inProcess()
    await Promise.all([broker.close(), broker.close()])
    await expect(broker.dial({ host: 'in-process', port: 1 })).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('closes itself when the catalog cannot be written, and says that the outcome is unknown', async () => {
    const dataDir = await directoryOfOurOwn()
    let isFailing = false
    const { openCatalogStore } = await import('../../broker/storage/catalog-store.ts')
    const broker = await inProcess({
      dataDir,
      openCatalog: async (directory) => {
        const store = await openCatalogStore(directory)
        return {
          ...store,
          commit: (changes) => (isFailing ? Promise.reject(new Error('EIO')) : store.commit(changes)),
        }
      },
    })
    const control = await dial(broker, 0)
    isFailing = true
    const create = createRequest('lost')
    await expect(control.request('createStream', create)).rejects.toMatchObject({ code: 'outcomeUnknown' })
    await control.closed
    await broker.close()
    await using again = await inProcess({ dataDir })
    await (await dial(again, 0)).request('createStream', create)
  })
})
