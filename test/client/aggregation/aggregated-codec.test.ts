// The codec: a record's data are the records in it, also where they go through a codec of their own.
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { aggregated, json, type RecordInput } from '../../../client/index.ts'
import { packedByOther, sealed } from './support/kinesis-agg.ts'

interface Click {
  readonly page: number
}

const outer = { partitionKey: 'ada', explicitHashKey: '7' }
const refusal = (message: string) =>
  expect.objectContaining({
    code: 'codecFailed',
    message: expect.stringContaining(message) as string,
  }) as Error

describe('aggregated', () => {
  it('gives back what was packed, with places', () => {
    const codec = aggregated()
    const records = [
      { partitionKey: 'ada', data: Buffer.from('1') },
      { partitionKey: 'bob', data: Buffer.from(''), explicitHashKey: '7' },
    ]
    const payload = codec.encode(records)
    expect(payload).toEqual(packedByOther(records))
    expect(codec.decode(payload)).toEqual([
      { ...records[0], explicitHashKey: undefined, subSequenceNumber: 0, isAggregated: true },
      { ...records[1], subSequenceNumber: 1, isAggregated: true },
    ])
  })

  it('data in it goes through the codec or the schema that it is given', () => {
    const codec = aggregated(json<Click>())
    const payload = codec.encode([1, 2].map((page) => ({ partitionKey: 'ada', data: { page } })))
    expect(codec.decode(payload).map(({ data }) => data)).toEqual([{ page: 1 }, { page: 2 }])
    const checked = aggregated({ schema: z.object({ page: z.number().min(2) }) })
    expect(() => checked.decode(payload)).toThrow(
      refusal('Record 0 in it does not go through the codec json'),
    )
    expect(() => checked.encode([{ partitionKey: 'ada', data: { page: 1 } }])).toThrow(refusal('"ada"'))
  })

  it('a record that is not aggregated is one alone, with the keys that it was stored with', () => {
    const codec = aggregated(json<Click>())
    expect(codec.decode(Buffer.from('{"page":1}'), outer)).toEqual([
      { ...outer, subSequenceNumber: 0, isAggregated: false, data: { page: 1 } },
    ])
    expect(() => codec.decode(Buffer.from('{"page":1}'))).toThrow(refusal('not aggregated'))
  })

  it('refuses what is malformed, no list, or nothing to be packed', () => {
    expect(() => aggregated().decode(sealed(Buffer.from('0a05', 'hex')), outer)).toThrow(refusal('malformed'))
    expect(() => aggregated().encode([])).toThrow(refusal('at least one record'))
    expect(() => aggregated().encode({} as RecordInput[])).toThrow(refusal('not a list of records'))
    expect(() => aggregated().encode(undefined as never)).toThrow(refusal('not a list of records'))
    expect(() => aggregated().encode([{ partitionKey: '', data: 'x' }])).toThrow(
      expect.objectContaining({ code: 'invalidArgument' }),
    )
  })
})
