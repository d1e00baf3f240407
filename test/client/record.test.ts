// A record that was read, as an application sees it.
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { json, text } from '../../client/codecs.ts'
import { ReadRecord } from '../../client/record.ts'
import {
  BatchBuilder,
  hashKeyFromDecimal,
  readRecords,
  stampBatch,
  type RecordInput,
} from '../../protocol/index.ts'

function stored(record: RecordInput) {
  const builder = new BatchBuilder({ bytesMax: 10_000 })
  builder.tryAdd(record, hashKeyFromDecimal('7'), 0)
  const batch = builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0 })
  stampBatch(batch, 41, 1000)
  return readRecords(batch)[0]!
}

describe('ReadRecord', () => {
  it('shows every field in the form that people use', () => {
    const input = {
      partitionKey: 'ada',
      data: Buffer.from('hello'),
      explicitHashKey: hashKeyFromDecimal('7'),
      timestamp: 900,
      headers: { trace: Buffer.from('x') },
    }
    const record = new ReadRecord('shardId-000000000003', stored(input), text)
    const fields = {
      shardId: 'shardId-000000000003',
      sequenceNumber: 41,
      partitionKey: 'ada',
      data: 'hello',
      arrivalTime: new Date(1000),
      timestamp: new Date(900),
      explicitHashKey: '7',
    }
    expect(record).toMatchObject(fields)
    expect(record.toJSON()).toMatchObject(fields)
    expect(Buffer.from(record.bytes).toString()).toBe('hello')
    expect(Object.keys(record.headers)).toEqual(['trace'])
    expect(inspect(record)).toMatch(/sequenceNumber: 41.*data: 'hello'/s)
  })

  it('decodes once, when it is asked, and shows the failure where the data does not decode', () => {
    let decoded = 0
    const codec = {
      ...json<number>(),
      decode: (data: Uint8Array) => (decoded++, Number(Buffer.from(data).toString())),
    }
    const record = new ReadRecord('s', stored({ partitionKey: 'a', data: Buffer.from('7') }), codec)
    expect(decoded).toBe(0)
    expect([record.data, record.data, decoded]).toEqual([7, 7, 1])
    const broken = new ReadRecord('s', stored({ partitionKey: 'a', data: Buffer.from('{') }), json<unknown>())
    expect(() => broken.data).toThrow(expect.objectContaining({ code: 'codecFailed' }))
    expect(inspect(broken)).toContain('codecFailed')
    expect(broken.toJSON()).not.toHaveProperty('headers')
  })
})
