// Taking apart, as the Kinesis Client Library does: what is aggregated, what is not, and what lies outside of a shard.
import { describe, expect, it } from 'vitest'
import { aggregate, deaggregate } from '../../../client/index.ts'
import { hashKeyToBigInt, hashPartitionKey } from '../../../protocol/shards/hash-key.ts'
import { sealed } from './support/kinesis-agg.ts'

const LAST = (1n << 128n) - 1n
const shards = [{ hashKeyRange: { startingHashKey: '0', endingHashKey: String(LAST) } }]

function hashOf(partitionKey: string): bigint {
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return hashKeyToBigInt(words)
}

/** Records of these keys in one, whatever shards they belong to. */
function packed(...keys: readonly string[]) {
  const [record] = aggregate(
    keys.map((partitionKey) => ({ partitionKey, data: partitionKey })),
    { shards },
  )
  return record!
}

const range = (from: bigint, to: bigint) => ({
  hashKeyRange: { startingHashKey: String(from), endingHashKey: String(to) },
})

describe('deaggregate', () => {
  it('a record that is not aggregated comes as the one that it is', () => {
    const { data } = packed('ada', 'bob')
    const damaged = Buffer.from(data)
    damaged[damaged.length - 1]! ^= 1
    for (const plain of [Buffer.from('x'), new Uint8Array(0), damaged, data.subarray(0, 20)]) {
      expect(deaggregate({ partitionKey: 'ada', explicitHashKey: '7', data: plain }, range(1n, 2n))).toEqual([
        { partitionKey: 'ada', explicitHashKey: '7', subSequenceNumber: 0, isAggregated: false, data: plain },
      ])
    }
  })

  it('the records in one have keys, places and data of their own', () => {
    const [record] = aggregate(
      [
        { partitionKey: 'ada', data: '1', explicitHashKey: '7' },
        { partitionKey: 'bob', data: '' },
      ],
      { shards },
    )
    expect(deaggregate(record!)).toEqual([
      {
        partitionKey: 'ada',
        explicitHashKey: '7',
        subSequenceNumber: 0,
        isAggregated: true,
        data: Buffer.from('1'),
      },
      {
        partitionKey: 'bob',
        explicitHashKey: undefined,
        subSequenceNumber: 1,
        isAggregated: true,
        data: Buffer.from(''),
      },
    ])
  })

  it('with a range of hash keys, a record with one outside gives nothing, as in the Kinesis Client Library', () => {
    const keys = ['ada', 'bob', 'cid'].toSorted((a, b) => (hashOf(a) < hashOf(b) ? -1 : 1))
    const [low, high] = [hashOf(keys[0]!), hashOf(keys[2]!)]
    const record = packed(...keys)
    expect(deaggregate(record, range(low, high))).toHaveLength(3)
    expect(deaggregate(record, range(low + 1n, high))).toEqual([])
    expect(deaggregate(record, range(low, high - 1n))).toEqual([])
    expect(deaggregate(record)).toHaveLength(3)
  })

  it('an explicit hash key decides before the partition key whether a record lies in the range', () => {
    const [record] = aggregate([{ partitionKey: 'ada', data: 'x', explicitHashKey: '7' }])
    expect(deaggregate(record!, range(7n, 7n))).toHaveLength(1)
    expect(deaggregate(record!, range(8n, LAST))).toEqual([])
  })

  it('an explicit hash key that is none is handed on as it is, and refused where it is needed', () => {
    const message = Buffer.from('0a016b1201781a07080010001a0178', 'hex')
    const record = { partitionKey: 'a', data: sealed(message) }
    expect(deaggregate(record)).toMatchObject([{ partitionKey: 'k', explicitHashKey: 'x' }])
    expect(() => deaggregate(record, range(0n, LAST))).toThrow(
      expect.objectContaining({
        code: 'codecFailed',
        message: expect.stringContaining('"x" is no hash key') as string,
      }),
    )
  })

  it('what is malformed and has its checksum is refused, and so is what is no record', () => {
    const malformed = { partitionKey: 'a', data: sealed(Buffer.from('0a05', 'hex')) }
    expect(() => deaggregate(malformed)).toThrow(expect.objectContaining({ code: 'codecFailed' }))
    for (const wrong of [undefined, null, 7, {}, { partitionKey: 'a', data: 'x' }]) {
      expect(() => deaggregate(wrong as never)).toThrow(expect.objectContaining({ code: 'invalidArgument' }))
    }
    expect(() => deaggregate(malformed, { hashKeyRange: {} } as never)).toThrow(
      expect.objectContaining({ code: 'invalidArgument' }),
    )
  })
})
