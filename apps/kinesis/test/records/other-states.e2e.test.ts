// Reads of streams that are being made, were deleted, or were made again by others, over a broker in this process.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kinesisSequenceNumber } from '../../src/identifiers/sequence-number.ts'
import { ACCOUNT, textOf, World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterAll(() => world[Symbol.asyncDispose]())

/** The texts of the records from an iterator on. */
async function texts(iterator: string): Promise<string[]> {
  const { Records } = await world.do('GetRecords', { ShardIterator: iterator })
  return Records.map(({ Data }) => textOf(Data))
}

describe('reads', () => {
  it('knows no shards of a stream that is being made', async () => {
    await world.stream('young')
    const iterator = await world.iterator('young', 0)
    const { id } = await world.client.describeStream('young')
    await world.book.update({ name: 'young', id }, (facts) => ({
      ...facts,
      statusUntil: { status: 'CREATING', until: world.now() + 10_000 },
    }))
    const gone = `ResourceNotFoundException: Shard shardId-000000000000 in stream young under account ${ACCOUNT} does not exist`
    const input = { StreamName: 'young', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' as const }
    expect(await world.refusal('GetShardIterator', input)).toBe(gone)
    expect(await world.refusal('GetRecords', { ShardIterator: iterator })).toBe(gone)
    world.pass(10_000)
    expect(await texts(await world.iterator('young', 0))).toEqual([])
  })

  it('knows at every position that a stream was deleted, or made again, by others', async () => {
    await world.stream('others')
    await world.iterator('others', 0)
    await world.client.deleteStream('others')
    const input = { StreamName: 'others', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' as const }
    const gone = `ResourceNotFoundException: Shard shardId-000000000000 in stream others under account ${ACCOUNT} does not exist`
    expect(await world.refusal('GetShardIterator', input)).toBe(gone)
    await world.stream('others')
    const before = await world.iterator('others', 0)
    await world.client.deleteStream('others')
    expect(await world.refusal('GetRecords', { ShardIterator: before, DryRun: true })).toBe(gone)
    // Its shard is younger by more than the second that a sequence number tells.
    world.pass(5000)
    await world.stream('others')
    const { sequenceNumber, arrivalTime } = await world.client.put('others', { partitionKey: 'a', data: 'x' })
    const [shard] = (await world.client.listShards('others').page()).items
    const StartingSequenceNumber = kinesisSequenceNumber({
      shardIndex: 0,
      shardCreatedAt: shard!.createdAt,
      sequenceNumber,
      arrivalTime,
    })
    const at = await world.iterator('others', 0, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber })
    expect(await texts(at)).toEqual(['x'])
  })
})
