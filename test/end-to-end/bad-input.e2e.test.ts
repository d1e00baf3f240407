// Bad input against a whole broker: the sender always gets a named error or a closed connection, memory does not grow, and
// other clients are served.
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { residentMegabytes } from '#dist/bench/harness/daemon.js'
import {
  batchOffsets,
  encodeFrame,
  errorCodeOf,
  evenRanges,
  hashPartitionKey,
  limits,
  readRecords,
  ShardMap,
} from '../../protocol/index.ts'
import { randomOf } from '../support/random.ts'
import { TestDaemon } from '../support/daemon.ts'
import { batchOf, RawConnection } from '../support/raw-connection.ts'
import { createRequest } from '../support/requests.ts'

const SHARDS = 2
const STREAM = 'clicks'
const RSS_GROWTH_MB_MAX = 96
/** The memory of another process is read from /proc. */
const testOfMemory = test.skipIf(process.platform !== 'linux')

let daemon: TestDaemon
let hostPid: number
let ports: { readonly controller: number; readonly host: number }
let streamId: number

beforeAll(async () => {
  daemon = await TestDaemon.start()
  const controller = await RawConnection.open(daemon.port)
  const { stream } = await controller.request('createStream', createRequest(STREAM, SHARDS))
  streamId = stream.id
  const { hosts } = await controller.request('describeBroker', {})
  hostPid = hosts[0]?.pid ?? 0
  ports = { controller: daemon.port, host: hosts[0]?.port ?? 0 }
  controller.close()
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
})

const shardMap = new ShardMap(evenRanges(SHARDS).map((range, index) => ({ index, range })))

function shardOf(partitionKey: string): number {
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return shardMap.route(words)
}

async function append(
  connection: RawConnection,
  batches: readonly { shardIndex: number; batch: Uint8Array }[],
) {
  const { results } = await connection.request('append', {
    batches: batches.map((entry) => ({ streamId, producerSecret: undefined, ...entry })),
  })
  return results
}

async function fetchAll(connection: RawConnection, shardIndex: number) {
  const records: string[] = []
  for (let sequenceNumber = 0; ;) {
    const { shards } = await connection.request('fetch', {
      shards: [{ streamId, shardIndex, sequenceNumber, bytesMax: limits.fetchBytesMax }],
      bytesMax: limits.fetchBytesMax,
      waitMs: 0,
    })
    const [answer] = shards
    if (!answer || answer.code !== 0) throw new Error(`fetch answered ${errorCodeOf(answer?.code ?? 10)}`)
    for (const batch of answer.batches) {
      for (const record of readRecords(batch, { from: sequenceNumber })) {
        records.push(Buffer.from(record.data).toString())
      }
    }
    if (answer.nextSequenceNumber >= answer.tail) return records
    sequenceNumber = answer.nextSequenceNumber
  }
}

/** A well-behaved client appends and reads back, and asks the controller, to show that both processes serve. */
let witnessed = 0
async function expectOthersServed(): Promise<void> {
  const data = `witness ${++witnessed}`
  const host = await RawConnection.open(ports.host)
  const shardIndex = shardOf('witness')
  const [result] = await append(host, [
    { shardIndex, batch: batchOf([{ partitionKey: 'witness', data: Buffer.from(data) }]) },
  ])
  expect(result).toMatchObject({ code: 0, durability: 'disk' })
  expect(await fetchAll(host, shardIndex)).toContain(data)
  host.close()
  const controller = await RawConnection.open(ports.controller)
  expect((await controller.request('describeStream', { name: STREAM })).stream.status).toBe('ACTIVE')
  controller.close()
}

/** First bytes that a stranger sends on a connection, without hello. */
const random = randomOf(20_261_123)
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const frameOf = (payload: Uint8Array) => Buffer.concat([u32(payload.length), payload])
const strangers: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [
  { name: 'a plain HTTP request', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') },
  { name: 'a TLS hello', bytes: Buffer.from('16030100c8010000c40303', 'hex') },
  { name: 'a length of 4 GiB', bytes: u32(0xffff_ffff) },
  { name: 'a length above what is allowed before hello', bytes: u32(limits.frameBytesBeforeHello + 1) },
  { name: 'an empty frame', bytes: u32(0) },
  { name: 'an array of 20 million', bytes: frameOf(Buffer.from('dd01312d00', 'hex')) },
  { name: 'a map of 20 million', bytes: frameOf(Buffer.from('df01312d00', 'hex')) },
  { name: 'a string of 4 GiB', bytes: frameOf(Buffer.from('dbffffffff', 'hex')) },
  {
    name: 'nested arrays that each promise 65,535',
    bytes: frameOf(Buffer.from('dcffff'.repeat(3000), 'hex')),
  },
  { name: 'arrays nested 60,000 deep', bytes: frameOf(Buffer.alloc(60_000, 0x91)) },
  { name: 'an extension type', bytes: frameOf(Buffer.from('c70501aabbccddee', 'hex')) },
  { name: 'an envelope of the wrong kinds', bytes: Buffer.concat(encodeFrame(['a', null, true, []])) },
  ...Array.from({ length: 8 }, (_, index) => ({
    name: `random bytes, sample ${index}`,
    bytes: frameOf(random.bytes(1 + random.below(2000))),
  })),
]

describe.each(['controller', 'host'] as const)('the %s', (role) => {
  test.each(strangers)('closes the connection of a stranger who sends $name', async ({ bytes }) => {
    const connection = await RawConnection.open(ports[role], { hello: false })
    connection.write(bytes)
    await connection.closed
    expect(connection.socket.destroyed).toBe(true)
    await expectOthersServed()
  })

  test('answers a browser in HTTP, so that a user who mixed up the ports sees the mistake', async () => {
    const browser = await RawConnection.open(ports[role], { hello: false })
    browser.write(Buffer.from('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'))
    await browser.closed
    expect(browser.unframed).toMatch(/^HTTP\/1\.1 4\d\d /)
  })

  test('refuses a request before hello, a version it does not speak, and an operation it does not know', async () => {
    const early = await RawConnection.open(ports[role], { hello: false })
    await expect(early.request('describeBroker', {})).rejects.toMatchObject({ code: 'helloRequired' })
    early.close()
    const ancient = await RawConnection.open(ports[role], { hello: false })
    const hello = ancient.request('hello', { versionMin: 900, versionMax: 901, client: 'from the future' })
    await expect(hello).rejects.toMatchObject({ code: 'unsupportedVersion' })
    ancient.close()
    const polite = await RawConnection.open(ports[role])
    const misplaced =
      role === 'host'
        ? polite.request('describeBroker', {})
        : polite.request('unsubscribe', { subscriptionId: 1 })
    await expect(misplaced).rejects.toMatchObject({ code: 'unknownOperation' })
    await expect(polite.request('ping', {})).resolves.toHaveProperty('now')
    polite.close()
  })

  testOfMemory(
    'keeps its memory flat under bombs, floods of connections and frames that never end',
    async () => {
      const pid = role === 'host' ? hostPid : daemon.controllerPid
      await attackOnce(role)
      const before = await residentMegabytes(pid)
      for (let round = 0; round < 20; round++) await attackOnce(role)
      const after = await residentMegabytes(pid)
      expect(after - before).toBeLessThan(RSS_GROWTH_MB_MAX)
      await expectOthersServed()
    },
  )
})

/** Each stranger, and one connection that has said hello and then sends most of a 15 MiB frame, and leaves. */
async function attackOnce(role: 'controller' | 'host'): Promise<void> {
  const connections = await Promise.all(
    strangers.map(async ({ bytes }) => {
      const connection = await RawConnection.open(ports[role], { hello: false })
      connection.write(bytes)
      return connection
    }),
  )
  const greedy = await RawConnection.open(ports[role])
  greedy.write(u32(15 * 2 ** 20), Buffer.alloc(2 ** 20))
  await Promise.all(connections.map((connection) => connection.closed))
  greedy.close()
  await greedy.closed
}

test('the broker: closes connections that never say hello, and those that leave a frame half sent', async () => {
  const open = async (port: number) => [
    await RawConnection.open(port, { hello: false }),
    await RawConnection.open(port, { hello: false }),
  ]
  const connections = [...(await open(ports.controller)), ...(await open(ports.host))]
  for (const half of [connections[1]!, connections[3]!]) half.write(u32(100), Buffer.alloc(10, 1))
  await expectOthersServed()
  await Promise.all(connections.map((connection) => connection.closed))
  expect(connections.map(({ socket }) => socket.destroyed)).toEqual([true, true, true, true])
})

describe('append', () => {
  let connection: RawConnection
  beforeEach(async () => {
    connection = await RawConnection.open(ports.host)
    return () => connection.close()
  })

  const good = (data: string) => batchOf([{ partitionKey: 'k', data: Buffer.from(data) }])
  const changed = (data: string, change: (batch: Buffer) => void) => {
    const batch = Buffer.from(good(data))
    change(batch)
    return batch
  }
  const bad: readonly {
    readonly name: string
    readonly batch: () => Uint8Array
    readonly codes: readonly string[]
  }[] = [
    {
      name: 'a flipped bit in a record',
      batch: () =>
        changed('bad crc', (batch) =>
          batch.writeUInt8(batch.readUInt8(batch.length - 1) ^ 1, batch.length - 1),
        ),
      codes: ['corruptBatch'],
    },
    {
      name: 'a record count that is not its own',
      batch: () => changed('bad count', (batch) => batch.writeUInt32LE(70_000, batchOffsets.recordCount)),
      codes: ['corruptBatch', 'invalidBatch'],
    },
    { name: 'a batch cut short', batch: () => good('cut short').subarray(0, 60), codes: ['invalidBatch'] },
    {
      name: 'a batch with a tail',
      batch: () => Buffer.concat([good('tail'), Buffer.alloc(9)]),
      codes: ['invalidBatch'],
    },
    { name: 'an empty batch', batch: () => new Uint8Array(0), codes: ['invalidBatch'] },
    { name: 'random bytes', batch: () => random.bytes(500), codes: ['invalidBatch'] },
  ]

  test.each(bad)(
    'refuses $name and stores nothing of it, and stores its neighbours',
    async ({ batch, codes }) => {
      const shardIndex = shardOf('k')
      const before = await fetchAll(connection, shardIndex)
      const results = await append(connection, [
        { shardIndex, batch: good('left neighbour') },
        { shardIndex, batch: batch() },
        { shardIndex, batch: good('right neighbour') },
      ])
      expect(results.map(({ code }) => code === 0)).toEqual([true, false, true])
      expect(codes).toContain(errorCodeOf(results[1]?.code ?? 0))
      expect(results[1]?.message).toBeTruthy()
      expect(await fetchAll(connection, shardIndex)).toEqual([...before, 'left neighbour', 'right neighbour'])
    },
  )

  test('refuses a batch whose hash keys belong to another shard, and one for a shard that does not exist', async () => {
    const wrong = 1 - shardOf('k')
    const results = await append(connection, [
      { shardIndex: wrong, batch: good('wrong shard') },
      { shardIndex: 77, batch: good('no shard') },
    ])
    expect(results.map(({ code }) => errorCodeOf(code))).toEqual(['hashKeyOutOfRange', 'shardNotFound'])
    expect(await fetchAll(connection, wrong)).not.toContain('wrong shard')
  })
})

testOfMemory('a client that asks for megabytes and never reads them costs others nothing', async () => {
  const filler = await RawConnection.open(ports.host)
  const partitionKey = 'large'
  const shardIndex = shardOf(partitionKey)
  const batch = batchOf([{ partitionKey, data: Buffer.alloc(2 ** 20, 7) }])
  for (let index = 0; index < 8; index++) {
    expect(await append(filler, [{ shardIndex, batch }])).toMatchObject([{ code: 0 }])
  }
  filler.close()
  const before = await residentMegabytes(hostPid)
  const deaf: Socket[] = []
  for (let index = 0; index < 8; index++) deaf.push(await deafReader(shardIndex))
  for (let round = 0; round < 5; round++) await expectOthersServed()
  expect((await residentMegabytes(hostPid)) - before).toBeLessThan(8 * 64)
  for (const socket of deaf) socket.destroy()
  await expectOthersServed()
})

/** Says hello, asks for everything a hundred times over, and then never takes a byte from its socket. */
async function deafReader(shardIndex: number): Promise<Socket> {
  const socket = connect({ port: ports.host, host: '127.0.0.1' })
  await once(socket, 'connect')
  const speaking = new RawConnection(socket)
  await speaking.hello()
  socket.pause()
  for (let index = 0; index < 100; index++) {
    speaking
      .request('fetch', {
        shards: [{ streamId, shardIndex, sequenceNumber: 0, bytesMax: limits.fetchBytesMax }],
        bytesMax: limits.fetchBytesMax,
        waitMs: 0,
      })
      .catch(() => {})
  }
  return socket
}
