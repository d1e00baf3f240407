// PutRecord and PutRecords over a broker in this process.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseKinesisSequenceNumber } from '../../src/identifiers/sequence-number.ts'
import { ACCOUNT, bytesOf, textOf, World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world[Symbol.asyncDispose]())

const native = async (stream: string) => {
  const records = []
  for await (const record of world.client.read(stream)) records.push(record)
  return records
}

describe('PutRecord', () => {
  it('stores what native readers read: the same key and bytes, and the number of the answer', async () => {
    await world.stream('one', { shards: 2 })
    const data = Uint8Array.from({ length: 256 }, (_, i) => i)
    const stored = await world.do('PutRecord', { StreamName: 'one', PartitionKey: 'ключ', Data: data })
    const [record] = await native('one')
    expect(record).toMatchObject({ partitionKey: 'ключ', shardId: stored.ShardId, headers: {} })
    expect(Buffer.from(record!.bytes)).toEqual(Buffer.from(data))
    expect(parseKinesisSequenceNumber(stored.SequenceNumber)).toMatchObject({
      shardIndex: Number(stored.ShardId.slice(-12)),
      sequenceNumber: record!.sequenceNumber,
      arrivalSeconds: Math.floor(record!.arrivalTime.getTime() / 1000),
    })
    expect(stored).not.toHaveProperty('EncryptionType')
  })

  it('takes empty data, and an explicit hash key that decides the shard', async () => {
    await world.stream('explicit', { shards: 2 })
    const top = ((1n << 128n) - 1n).toString()
    const put = (key?: string) =>
      world.do('PutRecord', {
        StreamName: 'explicit',
        PartitionKey: 'a',
        Data: new Uint8Array(),
        ...(key === undefined ? {} : { ExplicitHashKey: key }),
      })
    expect((await put(top)).ShardId).toBe('shardId-000000000001')
    expect((await put('0')).ShardId).toBe('shardId-000000000000')
  })

  it('finds the stream by its ARN', async () => {
    await world.stream('by-arn')
    const arn = `arn:aws:kinesis:eu-west-1:${ACCOUNT}:stream/by-arn`
    const stored = await world.do('PutRecord', { StreamARN: arn, PartitionKey: 'a', Data: bytesOf('x') })
    expect(stored.ShardId).toBe('shardId-000000000000')
  })

  it('gives numbers that rise, for records that are put one after another', async () => {
    await world.stream('rising')
    let last = 0n
    const numbers = []
    for (let i = 0; i < 20; i++) {
      const input = { StreamName: 'rising', PartitionKey: 'a', Data: bytesOf(`${i}`) }
      const ordered = last === 0n ? input : { ...input, SequenceNumberForOrdering: last.toString() }
      const number = BigInt((await world.do('PutRecord', ordered)).SequenceNumber)
      numbers.push(number > last)
      last = number
    }
    expect(numbers).toEqual(Array.from({ length: 20 }, () => true))
  })

  it('refuses a number for ordering that is of the future or no number, and on streams that spread their records', async () => {
    await world.stream('ordering')
    const put = (number: string) =>
      world.refusal('PutRecord', {
        StreamName: 'ordering',
        PartitionKey: 'a',
        Data: bytesOf(''),
        SequenceNumberForOrdering: number,
      })
    const hex = (digits: string) => BigInt(`0x${digits}`).toString()
    const invalid = (number: string) =>
      `InvalidArgumentException: ExclusiveMinimumSequenceNumber ${number} used in PutRecord on stream ordering ` +
      `under account ${ACCOUNT} is invalid.`
    const future = (Math.floor(world.now() / 1000) + 3600).toString(16)
    const ahead = hex(`200000000000000000000000000000${future}000000002`)
    expect(await put(ahead)).toBe(invalid(ahead))
    const version4 = hex('20000000000000000000000000000000000000000000004')
    expect(await put(version4)).toBe(invalid(version4))
    expect(await put(hex('13bb2cc3d80000000000000000000000'))).toBe(
      invalid('26227199374822427428162556223570313216'),
    )
    expect(await put(hex('20000000000000000000000000000000000000000000002'))).toBe('it was not refused')
    const { id } = await world.client.describeStream('ordering')
    await world.book.update({ name: 'ordering', id }, (facts) => ({ ...facts, distribution: 'AUTO' }))
    expect(await put(hex('20000000000000000000000000000000000000000000002'))).toMatch(
      /^InvalidArgumentException/,
    )
  })

  it('says that a stream is not there: unknown, or being made or deleted', async () => {
    const put = (name: string) =>
      world.refusal('PutRecord', { StreamName: name, PartitionKey: 'a', Data: bytesOf('') })
    const missing = (name: string) =>
      `ResourceNotFoundException: Stream ${name} under account ${ACCOUNT} not found.`
    expect(await put('nowhere')).toBe(missing('nowhere'))
    await world.stream('young')
    const { id } = await world.client.describeStream('young')
    const until = world.now() + 1_000_000
    for (const status of ['CREATING', 'DELETING'] as const) {
      await world.book.update({ name: 'young', id }, (facts) => ({
        ...facts,
        statusUntil: { status, until },
      }))
      expect(await put('young')).toBe(missing('young'))
    }
    await world.book.update({ name: 'young', id }, (facts) => ({
      ...facts,
      statusUntil: { status: 'UPDATING', until },
    }))
    expect(await put('young')).toBe('it was not refused')
  })

  it('stores nothing in a dry run, and says whether it would work', async () => {
    await world.stream('dry')
    const input = { StreamName: 'dry', PartitionKey: 'a', Data: bytesOf('x'), DryRun: true }
    expect(await world.refusal('PutRecord', input)).toMatch(/^DryRunOperationException: /)
    expect(await world.refusal('PutRecord', { ...input, ExplicitHashKey: (1n << 128n).toString() })).toMatch(
      /^InvalidArgumentException/,
    )
    const may = () => Promise.resolve(false)
    expect(await world.refusal('PutRecord', input, { may })).toMatch(/^AccessDeniedException: /)
    expect(await native('dry')).toEqual([])
    await world.client.deleteStream('dry')
    expect(await world.refusal('PutRecord', input)).toBe(
      `ResourceNotFoundException: Stream dry under account ${ACCOUNT} not found.`,
    )
  })

  it('tells of the key of an encrypted stream', async () => {
    await world.stream('secret')
    const { id } = await world.client.describeStream('secret')
    await world.book.update({ name: 'secret', id }, (facts) => ({
      ...facts,
      encryption: { keyId: 'alias/aws/kinesis' },
    }))
    const input = { StreamName: 'secret', PartitionKey: 'a', Data: bytesOf('x') }
    expect(await world.do('PutRecord', input)).toMatchObject({ EncryptionType: 'KMS' })
    const { EncryptionType } = await world.do('PutRecords', { StreamName: 'secret', Records: [input] })
    expect(EncryptionType).toBe('KMS')
    const got = await world.do('GetRecords', { ShardIterator: await world.iterator('secret', 0) })
    expect(got.Records.map((record) => record.EncryptionType)).toEqual(['KMS', 'KMS'])
  })

  it('goes on in a stream that was deleted and made again under the name', async () => {
    await world.stream('again')
    const input = { StreamName: 'again', PartitionKey: 'a', Data: bytesOf('x') }
    const before = await world.do('PutRecord', input)
    await world.client.deleteStream('again')
    expect(await world.refusal('PutRecord', input)).toMatch(/^ResourceNotFoundException/)
    await world.stream('again', { shards: 2 })
    await world.do('PutRecord', input)
    await world.client.deleteStream('again')
    world.pass(5000)
    await world.stream('again', { shards: 1 })
    const after = await world.do('PutRecord', input)
    const shards = []
    for await (const shard of world.client.listShards('again')) shards.push(shard)
    expect(parseKinesisSequenceNumber(after.SequenceNumber)?.shardCreatedSeconds).toBe(
      Math.floor(shards[0]!.createdAt.getTime() / 1000),
    )
    expect(before.SequenceNumber).not.toBe(after.SequenceNumber)
  })
})

describe('PutRecords', () => {
  it('answers for each record in the order of the request, and keeps the order within a shard', async () => {
    await world.stream('many', { shards: 4 })
    const Records = Array.from({ length: 500 }, (_, i) => ({
      PartitionKey: `key ${i % 37}`,
      Data: bytesOf(`${i}`),
    }))
    const answer = await world.do('PutRecords', { StreamName: 'many', Records })
    expect(answer.FailedRecordCount).toBe(0)
    expect(answer.Records).toHaveLength(500)
    const read = await native('many')
    expect(read).toHaveLength(500)
    const places = new Map(read.map((record) => [textOf(record.bytes), record]))
    const wrong = answer.Records.filter(({ ShardId, SequenceNumber }, i) => {
      const record = places.get(`${i}`)
      return (
        record?.shardId !== ShardId ||
        parseKinesisSequenceNumber(SequenceNumber ?? '')?.sequenceNumber !== record?.sequenceNumber
      )
    })
    expect(wrong).toEqual([])
    const shards = new Map<string, bigint[]>()
    for (const { ShardId, SequenceNumber } of answer.Records) {
      const numbers = shards.get(ShardId!) ?? []
      shards.set(ShardId!, [...numbers, BigInt(SequenceNumber!)])
    }
    expect(shards.size).toBe(4)
    for (const numbers of shards.values()) {
      expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)))
    }
  })

  it('stores nothing if one record is wrong', async () => {
    await world.stream('whole')
    const Records = [
      { PartitionKey: 'a', Data: bytesOf('right') },
      { PartitionKey: 'a', Data: bytesOf('wrong'), ExplicitHashKey: (1n << 128n).toString() },
    ]
    expect(await world.refusal('PutRecords', { StreamName: 'whole', Records })).toMatch(
      /^InvalidArgumentException: Invalid ExplicitHashKey/,
    )
    expect(await native('whole')).toEqual([])
  })

  it('spreads records over the shards of an AUTO stream; a record without a key has none when it is read', async () => {
    await world.stream('auto', { shards: 2 })
    const { id } = await world.client.describeStream('auto')
    await world.book.update({ name: 'auto', id }, (facts) => ({ ...facts, distribution: 'AUTO' }))
    const Records = Array.from({ length: 64 }, (_, i) =>
      i % 2 === 0 ? { Data: bytesOf(`${i}`) } : { PartitionKey: 'one key', Data: bytesOf(`${i}`) },
    )
    const answer = await world.do('PutRecords', { StreamName: 'auto', Records })
    expect(new Set(answer.Records.map(({ ShardId }) => ShardId)).size).toBe(2)
    const got = []
    for (const shard of [0, 1]) {
      const { Records: records } = await world.do('GetRecords', {
        ShardIterator: await world.iterator('auto', shard),
      })
      got.push(...records)
    }
    const keys = new Map(got.map(({ Data, PartitionKey }) => [Number(textOf(Data)), PartitionKey]))
    expect([...keys.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i))
    for (const [i, key] of keys) expect(key).toBe(i % 2 === 0 ? undefined : 'one key')
  })

  it('says of each record that the limits of its shard refuse it, and stores the others', async () => {
    await world.stream('throttled', { shards: 2, shardLimits: 'kinesis' })
    const goOn = world.standStill()
    const record = (shard: bigint, i: number) => ({
      PartitionKey: 'a',
      Data: bytesOf(`${shard}/${i}`),
      ExplicitHashKey: (shard << 127n).toString(),
    })
    const request = (round: number) => {
      const hot = Array.from({ length: 499 }, (_, i) => record(0n, round * 499 + i))
      return world.do('PutRecords', { StreamName: 'throttled', Records: [...hot, record(1n, round)] })
    }
    const answers = await Promise.all(Array.from({ length: 20 }, (_, round) => request(round)))
    const results = answers.flatMap(({ Records }) => Records)
    const refused = results.filter(({ ErrorCode }) => ErrorCode !== undefined)
    const counted = answers.reduce((sum, { FailedRecordCount }) => sum + (FailedRecordCount ?? 0), 0)
    expect(refused.length).toBe(counted)
    expect(refused.length).toBeGreaterThan(0)
    expect(new Set(refused.map((result) => JSON.stringify(result)))).toEqual(
      new Set([
        JSON.stringify({
          ErrorCode: 'ProvisionedThroughputExceededException',
          ErrorMessage: `Rate exceeded for shard shardId-000000000000 in stream throttled under account ${ACCOUNT}.`,
        }),
      ]),
    )
    expect(await native('throttled')).toHaveLength(results.length - refused.length)
    const single = { StreamName: 'throttled', ...record(0n, -1) }
    const puts = await Promise.all(Array.from({ length: 10 }, () => world.refusal('PutRecord', single)))
    expect(puts).toContain(
      'ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream throttled ' +
        `under account ${ACCOUNT}.`,
    )
    goOn()
  })

  it('takes up to 10 MiB in large records', async () => {
    await world.stream('large')
    const { id } = await world.client.describeStream('large')
    const Records = [{ PartitionKey: 'a', Data: Buffer.alloc(10 * 1024 * 1024 - 1, 'x') }]
    expect(await world.refusal('PutRecords', { StreamName: 'large', Records })).toMatch(
      /^ValidationException/,
    )
    await world.book.update({ name: 'large', id }, (facts) => ({ ...facts, maxRecordSizeInKiB: 10_240 }))
    const stored = await world.do('PutRecords', { StreamName: 'large', Records })
    expect(stored.FailedRecordCount).toBe(0)
    const got = await world.do('GetRecords', { ShardIterator: await world.iterator('large', 0) })
    expect(got.Records.map(({ Data }) => Buffer.from(Data).equals(Records[0]!.Data))).toEqual([true])
  })

  it('stores all records of many requests at once, through a split and a merge', async () => {
    await world.stream('moving', { shards: 2 })
    const results: { ShardId?: string | undefined; SequenceNumber?: string | undefined }[] = []
    const writer = async (name: number) => {
      for (let round = 0; round < 30; round++) {
        const Records = Array.from({ length: 20 }, (_, i) => ({
          PartitionKey: `${i}`,
          Data: bytesOf(`${name}/${round}/${i}`),
        }))
        const answer = await world.do('PutRecords', { StreamName: 'moving', Records })
        results.push(...answer.Records)
      }
    }
    const writers = [1, 2, 3, 4].map(writer)
    const { children } = await world.client.splitShard('moving', 'shardId-000000000000')
    await world.client.mergeShards('moving', children[0]!, children[1]!)
    await Promise.all(writers)
    expect(results.every(({ SequenceNumber }) => SequenceNumber !== undefined)).toBe(true)
    const read = new Map((await native('moving')).map((r) => [`${r.shardId}/${r.sequenceNumber}`, r]))
    expect(read.size).toBe(2400)
    const found = results.filter(({ ShardId, SequenceNumber }) =>
      read.has(`${ShardId}/${parseKinesisSequenceNumber(SequenceNumber!)!.sequenceNumber}`),
    )
    expect(found).toHaveLength(2400)
  })
})
