// The bytes of aggregated records: those of other implementations are read, and written, to the byte.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AggregateBuilder } from '../../../client/aggregation/aggregate-builder.ts'
import { readAggregated } from '../../../client/aggregation/aggregated-record.ts'
import { records as generated } from './support/generated.ts'
import { messageOf, packedByOther, readByOther, sealed, type Packed } from './support/kinesis-agg.ts'

function pack(records: readonly Packed[]): Uint8Array {
  const builder = new AggregateBuilder()
  for (const { partitionKey, explicitHashKey, data } of records) {
    builder.add({ partitionKey, explicitHashKey, data })
  }
  return builder.build()
}

const plain = (records: readonly Packed[]) =>
  records.map(({ partitionKey, explicitHashKey, data }) => ({
    partitionKey,
    explicitHashKey,
    data: Buffer.from(data).toString('base64'),
  }))

/** aws-kinesis-agg keeps its tables in objects, so that keys like array indexes lose their place, and `__proto__` is lost. */
const isKeptByOther = (text: string | undefined) => text !== '__proto__' && !/^\d{1,10}$/.test(text ?? '')
const isWrittenByOther = (records: readonly Packed[]) =>
  records.every((record) => isKeptByOther(record.partitionKey) && isKeptByOther(record.explicitHashKey))
/** It reads a record without an explicit hash key as one with the first of the table. */
const isReadByOther = (records: readonly Packed[]) =>
  new Set(records.map(({ explicitHashKey }) => explicitHashKey === undefined)).size === 1

/** Payloads that other implementations publish with their tests: a Ruby one, with the first of its keys, and a Java one. */
const golden = [
  {
    payload:
      '84mawgokZmMwM2RkODgtM2U3OS00NDhhLWIwMWEtN2NmMWJkNDdiNzg0CiRjYWU0MWIxYy1lYTYxLTQzZjItOTBiZS1iODc1NWViZjg4ZTIKJGQ0OTA2OTBjLWU3NGQtNGRiMi1hM2M4LWQ4ZjJmMTg0ZmQyMwokYzkyNGJjMDktYjg1ZS00N2YxLWIzMmUtMzM2NTIyZWU1M2M4EiYzODQ4NjQ5NTg2NzUwODM5OTA3ODE1OTcyMzg0NjA1MTgwNzAyMBInMTkzNzg3NjAwMDM3NjgxNzA2OTUyMTQzMzU3MDcxOTE2MzUyNjA0EicyNjY4ODA0MzY5NjQ5MzI0MjQyNjU0NjY5MTY3MzQwNjg2ODQ0MzkSJzMzOTYwNjYwMDk0Mjk2NzM5MTg1NDYwMzU1MjQwMjAyMTg0NzI5MhomCAAQABogUkVDT1JEIDIyIHBlZW9iaGN6YnpkbXNrYm91cGd5cQoaJggBEAEaIFJFQ09SRCAyMyB1c3dreGZ0eHJvZXVzc2N4c2pobm8KGiYIAhACGiBSRUNPUkQgMjQgY2FzZWhkZ2l2ZmF4ZXVzdGx5c3p5ChomCAMQAxogUkVDT1JEIDI1IG52ZmZ2cG11b2dkb3BqaGFtZXZyawpRwVPQ3go0yp4Y6kvM0q3V',
    records: [
      {
        partitionKey: 'fc03dd88-3e79-448a-b01a-7cf1bd47b784',
        explicitHashKey: '38486495867508399078159723846051807020',
        text: 'RECORD 22 peeobhczbzdmskboupgyq\n',
      },
      {
        partitionKey: 'cae41b1c-ea61-43f2-90be-b8755ebf88e2',
        explicitHashKey: '193787600037681706952143357071916352604',
        text: 'RECORD 23 uswkxftxroeusscxsjhno\n',
      },
      {
        partitionKey: 'd490690c-e74d-4db2-a3c8-d8f2f184fd23',
        explicitHashKey: '266880436964932424265466916734068684439',
        text: 'RECORD 24 casehdgivfaxeustlyszy\n',
      },
      {
        partitionKey: 'c924bc09-b85e-47f1-b32e-336522ee53c8',
        explicitHashKey: '339606600942967391854603552402021847292',
        text: 'RECORD 25 nvffvpmuogdopjhamevrk\n',
      },
    ],
  },
  {
    payload: '84mawgoFa2V5LTAaJQgAGiFUZXN0aW5nIEtQTCBBZ2dyZWdhdGVkIFJlY29yZCAxLTBlW2Hfd6iL1WkMbznr8jc2',
    records: [{ partitionKey: 'key-0', text: 'Testing KPL Aggregated Record 1-0' }],
  },
  {
    payload:
      '84mawgoEcGstMAoEcGstMQoEcGstMhoTCAAaD3sibXNnIjoibGluZTAifRoTCAEaD3sibXNnIjoibGluZTEifRoTCAIaD3sibXNnIjoibGluZTIifZ8hyadI+v2KZPZrUGim6cQ=',
    records: [0, 1, 2].map((n) => ({ partitionKey: `pk-${n}`, text: `{"msg":"line${n}"}` })),
  },
].map(({ payload, records }) => ({
  payload: Buffer.from(payload, 'base64'),
  records: records.map(({ text, ...record }) => ({ ...record, data: Buffer.from(text) })),
}))

describe('aggregated record', () => {
  it('payloads of other implementations are read, and written to the byte', () => {
    for (const { payload, records } of golden) {
      expect(plain(readAggregated(payload)!)).toEqual(plain(records))
      expect(Buffer.from(pack(records))).toEqual(payload)
    }
  })

  it('gives back any records', () => {
    fc.assert(
      fc.property(generated, (records) => {
        expect(plain(readAggregated(pack(records))!)).toEqual(plain(records))
      }),
    )
  })

  it('aws-kinesis-agg reads what is written here', () => {
    fc.assert(
      fc.property(generated, fc.boolean(), (records, isWithHashKeys) => {
        const even = records.map((record) => ({
          ...record,
          explicitHashKey: isWithHashKeys ? (record.explicitHashKey ?? '7') : undefined,
        }))
        expect(isReadByOther(even)).toBe(true)
        const read = readByOther(pack(even))
        expect(read.map(({ subSequenceNumber }) => subSequenceNumber)).toEqual([...even.keys()])
        const asPacked = read.map((record) => ({
          partitionKey: record.partitionKey,
          explicitHashKey: record.explicitPartitionKey,
          data: record.data,
        }))
        expect(asPacked).toEqual(plain(even))
      }),
    )
  })

  it('what aws-kinesis-agg writes is read here, and written alike', () => {
    const writable = generated.filter(isWrittenByOther)
    fc.assert(
      fc.property(writable, (records) => {
        const payload = packedByOther(records)
        expect(plain(readAggregated(payload)!)).toEqual(plain(records))
        expect(Buffer.from(pack(records))).toEqual(payload)
      }),
    )
  })

  it('the builder knows the length before and after each record', () => {
    fc.assert(
      fc.property(generated, (records) => {
        const builder = new AggregateBuilder()
        for (const { partitionKey, explicitHashKey, data } of records) {
          const part = { partitionKey, explicitHashKey, data }
          const foretold = builder.byteLengthWith(part)
          builder.add(part)
          expect(builder.byteLength).toBe(foretold)
        }
        expect(builder.build().length).toBe(builder.byteLength)
      }),
    )
  })

  it('without the magic number, the checksum, or a message, a payload is not aggregated', () => {
    const payload = Buffer.from(golden[0]!.payload)
    for (let at = 0; at < payload.length; at++) {
      const other = Buffer.from(payload)
      other[at]! ^= 1
      expect(readAggregated(other)).toBeUndefined()
      expect(readAggregated(payload.subarray(0, at))).toBeUndefined()
    }
    expect(readAggregated(sealed(new Uint8Array(0)))).toBeUndefined()
  })

  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
  const key = hex('0a 01 6b')

  it.each([
    ['tables behind the records', hex('1a 05 08 00 1a 01 78 0a 01 6b')],
    ['tags', hex('0a 01 6b 1a 0f 08 00 22 06 0a 01 74 12 01 76 22 00 1a 01 78')],
    [
      'fields that there are not yet',
      hex('0a 01 6b 20 ff01 29 0102030405060708 32 02 0001 3d 01020304 1a 07 08 00 1a 01 78 38 01'),
    ],
    [
      'a known field that is written in another way',
      hex('0a 01 6b 08 05 1a 0a 08 00 0a 01 ff 1a 01 78 18 05'),
    ],
    ['groups, also within each other', hex('0a 01 6b 23 08 01 2b 12 01 00 2c 24 1a 05 08 00 1a 01 78')],
    [
      'a field that is there twice, of which the last one counts',
      hex('0a 01 6b 1a 0a 08 05 08 00 1a 01 79 1a 01 78'),
    ],
    ['a number that is longer than it must be', hex('0a 01 6b 1a 07 08 80 80 00 1a 01 78')],
  ])('%s: are read over', (_, message) => {
    expect(plain(readAggregated(sealed(message))!)).toEqual([
      { partitionKey: 'k', explicitHashKey: undefined, data: 'eA==' },
    ])
  })

  it.each([
    ['a length that is not there', hex('0a 05 6b'), 'field 1 claims 5 bytes, and 1 are left'],
    ['a length beyond all memory', hex('0a ff ff ff ff ff ff ff ff 7f'), 'claims'],
    [
      'an inner length that is not there',
      hex('0a 01 6b 1a 04 08 00 1a 05'),
      'field 3 claims 5 bytes, and 0 are left',
    ],
    ['half a number', hex('0a 01 6b 1a 02 08 80'), 'ends within a number'],
    ['a number of more than 64 bits', hex('0a 01 6b 20 ff ff ff ff ff ff ff ff ff 02'), 'more than 64 bits'],
    ['a number of eleven bytes', hex('20 80 80 80 80 80 80 80 80 80 80 00'), 'more than 64 bits'],
    ['field 0', hex('00 00'), 'no tag'],
    ['a field number beyond 29 bits', hex('80 80 80 80 10 00'), 'no tag'],
    ['a wire type that there is not', hex('0e'), 'wire type 6'],
    ['a group without an end', hex('23 08 01'), 'the group 4 has no end'],
    ['an end without its group', hex('24'), 'was not begun'],
    ['a record without a key', Buffer.concat([key, hex('1a 03 1a 01 78')]), 'record 0 has no partition key'],
    ['a record without data', Buffer.concat([key, hex('1a 02 08 00')]), 'record 0 has no data'],
    ['a key that is not in its table', Buffer.concat([key, hex('1a 05 08 01 1a 01 78')]), 'number 1 of 1'],
    [
      'a hash key that is not in its table',
      Buffer.concat([key, hex('1a 07 08 00 10 00 1a 01 78')]),
      'number 0 of 0',
    ],
    ['the highest index', hex('0a 01 6b 1a 0e 08 ff ff ff ff ff ff ff ff ff 01 1a 01 78'), 'of 1'],
    ['a key that is not UTF-8', hex('0a 01 ff'), 'not UTF-8'],
  ])('with a checksum that is right, %s is refused', (_, message, reason) => {
    expect(() => readAggregated(sealed(message))).toThrow(
      expect.objectContaining({ code: 'codecFailed', message: expect.stringContaining(reason) as string }),
    )
  })

  it('a message without records has none', () => {
    expect(readAggregated(sealed(key))).toEqual([])
    expect(messageOf(sealed(key))).toEqual(key)
  })
})
