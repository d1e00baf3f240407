// GetShardIterator and GetRecords over a broker in this process.
import { staticKeys } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endingSequenceNumber, startingSequenceNumber } from '../../src/identifiers/sequence-number.ts'
import { ACCOUNT, bytesOf, textOf, World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world[Symbol.asyncDispose]())

async function put(stream: string, ...texts: string[]): Promise<string[]> {
  const Records = texts.map((text) => ({ PartitionKey: 'a', Data: bytesOf(text), ExplicitHashKey: '0' }))
  const answer = await world.do('PutRecords', { StreamName: stream, Records })
  return answer.Records.map(({ SequenceNumber }) => SequenceNumber!)
}

const get = (iterator: string, limit?: number) =>
  world.do('GetRecords', { ShardIterator: iterator, ...(limit === undefined ? {} : { Limit: limit }) })

/** The texts of the records from an iterator on. */
async function textsFrom(iterator: string): Promise<string[]> {
  return (await get(iterator)).Records.map(({ Data }) => textOf(Data))
}

const shardsOf = async (stream: string) => {
  const shards = []
  for await (const shard of world.client.listShards(stream)) shards.push(shard)
  return shards
}

describe('GetShardIterator', () => {
  it('gives each of the five positions', async () => {
    await world.stream('five')
    const [first, second] = await put('five', 'a', 'b')
    world.pass(10_000)
    const between = new Date(world.now())
    world.pass(10_000)
    const [third] = await put('five', 'c')
    const latest = await world.iterator('five', 0, 'LATEST')
    await put('five', 'd')
    const at = (type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER', number: string | undefined) =>
      world.iterator('five', 0, type, { StartingSequenceNumber: number })
    expect(await textsFrom(await world.iterator('five', 0))).toEqual(['a', 'b', 'c', 'd'])
    expect(await textsFrom(latest)).toEqual(['d'])
    expect(await textsFrom(await at('AT_SEQUENCE_NUMBER', second))).toEqual(['b', 'c', 'd'])
    expect(await textsFrom(await at('AFTER_SEQUENCE_NUMBER', first))).toEqual(['b', 'c', 'd'])
    expect(await textsFrom(await at('AFTER_SEQUENCE_NUMBER', third))).toEqual(['d'])
    const time = (Timestamp: Date) => world.iterator('five', 0, 'AT_TIMESTAMP', { Timestamp })
    expect(await textsFrom(await time(between))).toEqual(['c', 'd'])
    expect(await textsFrom(await time(new Date(0)))).toEqual(['a', 'b', 'c', 'd'])
    expect(await textsFrom(await time(new Date(-5000)))).toEqual(['a', 'b', 'c', 'd'])
    const [shard] = await shardsOf('five')
    const start = startingSequenceNumber(shard!)
    expect(await textsFrom(await at('AT_SEQUENCE_NUMBER', start))).toEqual(['a', 'b', 'c', 'd'])
    expect(await textsFrom(await at('AFTER_SEQUENCE_NUMBER', start))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('gives a usable iterator for a time after every record', async () => {
    await world.stream('quiet')
    await put('quiet', 'a')
    world.pass(10_000)
    const iterator = await world.iterator('quiet', 0, 'AT_TIMESTAMP', { Timestamp: new Date(world.now()) })
    const { Records, NextShardIterator } = await get(iterator)
    expect(Records).toEqual([])
    await put('quiet', 'b')
    expect(await textsFrom(NextShardIterator!)).toEqual(['b'])
  })

  it('refuses positions that make no sense, in the words of the service', async () => {
    await world.stream('wrong')
    const [number] = await put('wrong', 'a')
    const refusal = (
      type: 'LATEST' | 'TRIM_HORIZON' | 'AT_SEQUENCE_NUMBER' | 'AT_TIMESTAMP',
      more: object = {},
    ) =>
      world.refusal('GetShardIterator', {
        StreamName: 'wrong',
        ShardId: '0',
        ShardIteratorType: type,
        ...more,
      })
    const must =
      'InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
      '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified '
    expect(await refusal('LATEST', { StartingSequenceNumber: number })).toBe(
      `${must}LATEST and also a StartingSequenceNumber.`,
    )
    expect(await refusal('TRIM_HORIZON', { StartingSequenceNumber: '5' })).toBe(
      `${must}TRIM_HORIZON and also a StartingSequenceNumber.`,
    )
    expect(await refusal('AT_SEQUENCE_NUMBER')).toBe(
      `${must}AT_SEQUENCE_NUMBER and no StartingSequenceNumber.`,
    )
    expect(await refusal('AT_TIMESTAMP')).toBe(
      'InvalidArgumentException: Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. ' +
        'Current request has no timestamp parameter.',
    )
    expect(await refusal('AT_TIMESTAMP', { Timestamp: new Date(world.now() + 60_000) })).toMatch(
      /^InvalidArgumentException: The timestampInMillis parameter cannot be greater than the currentTimestampInMillis\. timestampInMillis: \d{13}, currentTimestampInMillis: \d{13}$/,
    )
  })

  it('refuses numbers of other shards and streams, and what is no number', async () => {
    await world.stream('numbers', { shards: 6 })
    const [number] = await put('numbers', 'a')
    const refusal = (shard: string, StartingSequenceNumber: string) =>
      world.refusal('GetShardIterator', {
        StreamName: 'numbers',
        ShardId: shard,
        ShardIteratorType: 'AT_SEQUENCE_NUMBER',
        StartingSequenceNumber,
      })
    expect(await refusal('shardId-000000000001', number!)).toBe(
      'InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000000, ' +
        'while it was used in a call to a shard with shardId-000000000001',
    )
    expect(await refusal('0', '5')).toMatch(/It encodes shardId-000000000005, while/)
    const used = `used in GetShardIterator on shard shardId-000000000000 in stream numbers under account ${ACCOUNT} is invalid`
    expect(await refusal('0', '0')).toBe(
      `InvalidArgumentException: StartingSequenceNumber 21267647932558653966460912964485513216 ${used} ` +
        'because it did not come from this stream.',
    )
    const bad = BigInt('0x20000000000800000000000000000000000000000000002').toString()
    expect(await refusal('0', bad)).toBe(`InvalidArgumentException: StartingSequenceNumber ${bad} ${used}.`)
    world.pass(10_000)
    await world.stream('other')
    const [foreign] = await put('other', 'a')
    expect(await refusal('0', foreign!)).toMatch(/is invalid because it did not come from this stream\.$/)
  })

  it('says that a shard is not there, also where the stream is not', async () => {
    await world.stream('few')
    const refusal = (stream: string, shard: string) =>
      world.refusal('GetShardIterator', { StreamName: stream, ShardId: shard, ShardIteratorType: 'LATEST' })
    expect(await refusal('few', 'shardId-1')).toBe(
      `ResourceNotFoundException: Shard shardId-000000000001 in stream few under account ${ACCOUNT} does not exist`,
    )
    expect(await refusal('nowhere', 'x-7')).toBe(
      `ResourceNotFoundException: Shard shardId-000000000007 in stream nowhere under account ${ACCOUNT} does not exist`,
    )
    expect(await refusal('few', 'ABKLFD8')).toBe(
      `ResourceNotFoundException: Could not find shard ABKLFD8 in stream few under account ${ACCOUNT}.`,
    )
  })
})

describe('GetRecords', () => {
  it('goes on by NextShardIterator, within Limit, and reads the same again by the same iterator', async () => {
    await world.stream('pages')
    const texts = Array.from({ length: 25 }, (_, i) => `${i}`)
    const numbers = await put('pages', ...texts)
    const begin = await world.iterator('pages', 0)
    const read = []
    const behind = []
    for (let iterator = begin, i = 0; i < 4; i++) {
      const page = await get(iterator, 10)
      read.push(page.Records)
      behind.push(page.MillisBehindLatest! > 0)
      iterator = page.NextShardIterator!
    }
    expect(read.map(({ length }) => length)).toEqual([10, 10, 5, 0])
    expect(behind).toEqual([true, true, false, false])
    expect(read.flat().map(({ Data }) => textOf(Data))).toEqual(texts)
    expect(read.flat().map(({ SequenceNumber }) => SequenceNumber)).toEqual(numbers)
    expect(await textsFrom(begin)).toEqual(texts)
    expect(await textsFrom(`"${begin}"`)).toEqual(texts)
  })

  it('ends a closed shard with its children and no iterator, and never one without the other', async () => {
    await world.stream('closing', { shards: 2 })
    await put('closing', 'a', 'b')
    const open = await get(await world.iterator('closing', 0))
    expect(open).not.toHaveProperty('ChildShards')
    const { children } = await world.client.splitShard('closing', '0')
    const partly = await get(await world.iterator('closing', 0), 1)
    expect(partly).not.toHaveProperty('ChildShards')
    const end = await get(partly.NextShardIterator!)
    expect(end).not.toHaveProperty('NextShardIterator')
    expect(end.Records.map(({ Data }) => textOf(Data))).toEqual(['b'])
    const half = 1n << 126n
    expect(end.ChildShards).toEqual([
      {
        ShardId: children[0],
        ParentShards: ['shardId-000000000000'],
        HashKeyRange: { StartingHashKey: '0', EndingHashKey: `${half - 1n}` },
      },
      {
        ShardId: children[1],
        ParentShards: ['shardId-000000000000'],
        HashKeyRange: { StartingHashKey: `${half}`, EndingHashKey: `${2n * half - 1n}` },
      },
    ])
    const { child } = await world.client.mergeShards('closing', children[1]!, '1')
    const merged = await get(await world.iterator('closing', children[1]!))
    expect(
      merged.ChildShards?.map(({ ShardId, ParentShards }) => [ShardId, ParentShards?.toSorted()]),
    ).toEqual([[child, ['shardId-000000000001', children[1]]]])
    const [parent] = await shardsOf('closing')
    const after = await world.iterator('closing', 0, 'AFTER_SEQUENCE_NUMBER', {
      StartingSequenceNumber: endingSequenceNumber(parent!)!,
    })
    expect((await get(after)).ChildShards).toHaveLength(2)
    expect((await get(await world.iterator('closing', 0, 'LATEST'))).ChildShards).toHaveLength(2)
  })

  it('refuses garbage, and an iterator that is older than five minutes', async () => {
    await world.stream('expiring')
    await put('expiring', 'a')
    const iterator = await world.iterator('expiring', 0)
    for (const garbage of ['garbage', `${iterator.slice(0, -4)}AAA=`, iterator.slice(4)]) {
      expect(await world.refusal('GetRecords', { ShardIterator: garbage })).toBe(
        'InvalidArgumentException: Invalid ShardIterator.',
      )
    }
    world.pass(299_000)
    expect(await textsFrom(iterator)).toEqual(['a'])
    world.pass(2_000)
    const time = String.raw`\w{3} \w{3} \d{2} \d{2}:\d{2}:\d{2} UTC \d{4}`
    expect(await world.refusal('GetRecords', { ShardIterator: iterator })).toMatch(
      new RegExp(
        String.raw`^ExpiredIteratorException: Iterator expired\. The iterator was created at time ${time} while right now ` +
          String.raw`it is ${time} which is further in the future than the tolerated delay of 300000 milliseconds\.$`,
      ),
    )
  })

  it('refuses an iterator of another stream than the ARN names', async () => {
    await world.stream('named')
    const iterator = await world.iterator('named', 0)
    const arn = (name: string) => `arn:aws:kinesis:eu-west-1:${ACCOUNT}:stream/${name}`
    expect(await world.refusal('GetRecords', { ShardIterator: iterator, StreamARN: arn('five') })).toBe(
      'InvalidArgumentException: Invalid ShardIterator.',
    )
    expect(
      (await world.do('GetRecords', { ShardIterator: iterator, StreamARN: arn('named') })).Records,
    ).toEqual([])
  })

  it('says that the shard is gone with its stream; in one made again, it begins at the oldest record', async () => {
    await world.stream('reborn', { shards: 2 })
    await put('reborn', 'a')
    const iterators = [
      await world.iterator('reborn', 0, 'LATEST'),
      await world.iterator('reborn', 1, 'LATEST'),
    ]
    await world.client.deleteStream('reborn')
    const gone = (shard: number) =>
      `ResourceNotFoundException: Shard shardId-00000000000${shard} in stream reborn under account ${ACCOUNT} does not exist`
    expect(await world.refusal('GetRecords', { ShardIterator: iterators[0]! })).toBe(gone(0))
    await world.stream('reborn', { shards: 1 })
    await put('reborn', 'new')
    expect(await textsFrom(iterators[0]!)).toEqual(['new'])
    expect(await world.refusal('GetRecords', { ShardIterator: iterators[1]! })).toBe(gone(1))
  })

  it('finds a stream that was made again behind its back, also for LATEST', async () => {
    await world.stream('behind')
    const before = await world.iterator('behind', 0, 'LATEST')
    await world.client.deleteStream('behind')
    await world.stream('behind')
    await world.client.put('behind', { partitionKey: 'a', data: 'new' })
    expect(await textsFrom(before)).toEqual(['new'])
    await world.client.deleteStream('behind')
    await world.stream('behind')
    const latest = await world.iterator('behind', 0, 'LATEST')
    await world.client.put('behind', { partitionKey: 'a', data: 'newer' })
    expect(await textsFrom(latest)).toEqual(['newer'])
  })

  it('refuses what it cannot decrypt, and says how to go on behind it', async () => {
    await world.stream('sealed')
    const encryption = {
      keys: staticKeys({ current: 'k1', keys: { k1: Buffer.alloc(32, 7) } }),
      streams: ['sealed'],
    }
    await using other = await world.connect({ encryption })
    await other.put('sealed', { partitionKey: 'a', data: 'secret' })
    await world.client.put('sealed', { partitionKey: 'a', data: 'open' })
    const refusal = await world.refusal('GetRecords', { ShardIterator: await world.iterator('sealed', 0) })
    expect(refusal).toMatch(/^KMSAccessDeniedException: .* begin AFTER_SEQUENCE_NUMBER \d{56}\.$/)
    const behind = /(\d{56})\.$/.exec(refusal)?.[1]
    const iterator = await world.iterator('sealed', 0, 'AFTER_SEQUENCE_NUMBER', {
      StartingSequenceNumber: behind,
    })
    expect(await textsFrom(iterator)).toEqual(['open'])
  })

  it('goes on at the oldest record where those of the iterator have expired', async () => {
    await world.stream('retained', { retentionMs: 3_600_000 })
    const [first] = await put('retained', 'old')
    world.pass(4_000_000)
    await put('retained', 'young')
    const at = await world.iterator('retained', 0, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: first })
    expect(await textsFrom(at)).toEqual(['young'])
  })

  it('shows native records: data and key, whatever headers and times they have', async () => {
    await world.stream('native')
    const data = Uint8Array.from({ length: 256 }, (_, i) => i)
    await world.client.put('native', {
      partitionKey: 'ключ',
      data,
      headers: { trace: 'x' },
      timestamp: new Date(0),
    })
    const { Records } = await get(await world.iterator('native', 0))
    expect(Records).toHaveLength(1)
    expect(Object.keys(Records[0]!).toSorted()).toEqual([
      'ApproximateArrivalTimestamp',
      'Data',
      'PartitionKey',
      'SequenceNumber',
    ])
    expect(Buffer.from(Records[0]!.Data)).toEqual(Buffer.from(data))
    expect(Records[0]!.PartitionKey).toBe('ключ')
    expect(Math.abs(Records[0]!.ApproximateArrivalTimestamp!.getTime() - world.now())).toBeLessThan(3_600_000)
  })

  it('answers a shard whose limit of reads is used up by the error of the service', async () => {
    await world.stream('limited', { shardLimits: 'kinesis' })
    await put('limited', 'a')
    const iterator = await world.iterator('limited', 0)
    const reads = Array.from({ length: 100 }, () => world.refusal('GetRecords', { ShardIterator: iterator }))
    expect(await Promise.all(reads)).toContain(
      `ProvisionedThroughputExceededException: Rate exceeded for Shard - ${ACCOUNT}/limited/shardId-000000000000`,
    )
  })

  it('gives the less the more answers wait for their clients, and all again when those have them', async () => {
    await world.stream('large')
    const Records = [0, 1, 2, 3].map(() => ({ PartitionKey: 'a', Data: new Uint8Array(1024 * 1024 - 1) }))
    for (let i = 0; i < 3; i++) await world.do('PutRecords', { StreamName: 'large', Records })
    const ShardIterator = await world.iterator('large', 0)
    const gone = new AbortController()
    const recordsOf = async (signal?: AbortSignal) =>
      (await world.do('GetRecords', { ShardIterator }, {}, signal)).Records.length
    const lone = await recordsOf(AbortSignal.any([gone.signal]))
    const counts: number[] = []
    while (counts.at(-1) !== 1) counts.push(await recordsOf(gone.signal))
    expect(lone).toBeGreaterThan(4)
    expect(counts.reduce((sum, count) => sum + count)).toBeLessThan(128)
    gone.abort()
    expect(await recordsOf()).toBe(lone)
  })

  it('reads nothing in a dry run', async () => {
    await world.stream('dry')
    const iterator = await world.iterator('dry', 0)
    expect(await world.refusal('GetRecords', { ShardIterator: iterator, DryRun: true })).toMatch(
      /^DryRunOperationException: /,
    )
    const dry = { StreamName: 'dry', ShardId: '0', ShardIteratorType: 'LATEST' as const, DryRun: true }
    expect(await world.refusal('GetShardIterator', dry)).toMatch(/^DryRunOperationException: /)
    const may = () => Promise.resolve(false)
    expect(await world.refusal('GetShardIterator', dry, { may })).toMatch(/^AccessDeniedException: /)
  })
})
