// Bodies in CBOR: what SDKs for Java send and read, and what nobody should be able to do with it.
import { cbor } from '@smithy/core/cbor'
import { describe, expect, test } from 'vitest'
import { encodeAnswer, encodeError } from '../../src/codecs/answers.ts'
import { parseCborValue } from '../../src/codecs/cbor-parser.ts'
import { decodeRequest } from '../../src/codecs/requests.ts'
import { KinesisError } from '../../src/model/errors.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const text = (value: string) => Buffer.concat([Buffer.from([0x60 | value.length]), Buffer.from(value)])

describe('what is parsed', () => {
  test.each([
    ['lists and maps of indefinite length', 'bf 61 61 9f 01 20 ff ff', { a: [1, -1] }],
    ['text in pieces, as of long texts of Java', '7f 61 61 61 62 ff', 'ab'],
    ['a character that is cut by the pieces', '7f 61 c3 61 a9 ff', 'é'],
    ['bytes in pieces', '5f 41 61 40 41 62 ff', Buffer.from('ab')],
    ['the last of two members of a name', 'a2 61 61 01 61 61 02', { a: 2 }],
    ['numbers of 64 bits', '82 1b 001fffffffffffff 3b ffffffffffffffff', [2 ** 53 - 1, -(2n ** 64n)]],
    ['floats of all sizes', '83 f9 3c00 fa 3fc00000 fb 3ff8000000000000', [1, 1.5, 1.5]],
    ['a moment', 'c1 1b 00000193 00000000', new Date(0x193 * 2 ** 32)],
    ['other tags are passed over', 'd9 d9f7 c2 41 01', Buffer.from([1])],
    ['false, true, null, undefined', '84 f4 f5 f6 f7', [false, true, null, null]],
  ])('%s', (_name, bytes, value) => {
    expect(parseCborValue(hex(bytes))).toEqual(value)
  })

  test('__proto__ is a member like any other', () => {
    const value = parseCborValue(Buffer.concat([hex('a1'), text('__proto__'), hex('a1 61 78 01')]))
    expect(Object.entries(value as object)).toEqual([['__proto__', { x: 1 }]])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })
})

describe('what is refused', () => {
  const lengths = ['9a', 'ba', '5a', '7a'].flatMap((head) => [`${head} ffffffff 00`, `${head} 01ffffff`])
  test.each<[name: string, bytes: Buffer]>([
    ['no bytes', Buffer.alloc(0)],
    ['bytes after the value', hex('a0 00')],
    ['a list that does not end', hex('9f 01')],
    ['a break outside', hex('ff')],
    ['a break in place of a value', hex('bf 61 61 ff')],
    ['a name that is no text', hex('a1 01 02')],
    ['a piece of another kind', hex('7f 41 61 ff')],
    ['text that is no UTF-8', hex('61 ff')],
    ['text in pieces in pieces', hex('7f 7f 61 61 ff ff')],
    ['reserved lengths', hex('1c')],
    ['unknown simple values', hex('f8 20')],
    ['lists in lists, a million deep', Buffer.alloc(1_000_000, 0x81)],
    ['a million empty lists', Buffer.concat([hex('9f'), Buffer.alloc(1_000_000, 0x80), hex('ff')])],
    ['a million empty pieces', Buffer.concat([hex('5f'), Buffer.alloc(1_000_000, 0x40), hex('ff')])],
    [
      'lists in lists that promise millions each',
      Buffer.concat(Array.from({ length: 99 }, () => hex('9a 00ffffff'))),
    ],
    ...lengths.map((bytes): [string, Buffer] => [`more than there is: ${bytes}`, hex(bytes)]),
  ])('%s', (_name, bytes) => {
    expect(parseCborValue(bytes)).toBeUndefined()
    expect(() => decodeRequest('ListStreams', bytes, 'cbor')).toThrow(
      new KinesisError('SerializationException', ''),
    )
  })

  test('a number of a million digits is not computed', () => {
    const bignum = Buffer.concat([hex('a1'), text('Limit'), hex('c2 5a 000f ffff'), Buffer.alloc(0xfffff, 1)])
    expect(() => decodeRequest('ListStreams', bignum, 'cbor')).toThrow(
      'class java.nio.HeapByteBuffer can not be converted to an Integer',
    )
  })
})

describe('requests', () => {
  test('bytes are byte strings, or base64 text as the service takes it too', () => {
    const Data = Buffer.from([0, 255])
    const body = cbor.serialize({ Records: [{ Data }, { Data: 'AP8=' }] })
    const { Records } = decodeRequest('PutRecords', body, 'cbor')
    expect(Records.map((entry) => Buffer.from(entry.Data))).toEqual([Data, Data])
    expect(() => decodeRequest('PutRecord', cbor.serialize({ Data: 'AP8' }), 'cbor')).toThrow('Base64')
    expect(() => decodeRequest('PutRecord', cbor.serialize({ Data: { a: 1 } }), 'cbor')).toThrow(
      'Start of structure or map found where not expected.',
    )
  })

  test('moments are milliseconds, with the tag or without, whole or not', () => {
    const moment = new Date(1732980123456)
    const head = Buffer.concat([
      hex('bf'),
      text('ShardId'),
      text('a'),
      text('ShardIteratorType'),
      text('AT_TIMESTAMP'),
      text('Timestamp'),
    ])
    const whole = hex('1b 000001937848ce00')
    whole.writeBigUInt64BE(1732980123456n, 1)
    const float = Buffer.alloc(9, 0xfb)
    float.writeDoubleBE(1732980123456, 1)
    for (const value of [
      whole,
      float,
      Buffer.concat([hex('c1'), whole]),
      Buffer.concat([hex('c1'), float]),
    ]) {
      const input = decodeRequest('GetShardIterator', Buffer.concat([head, value, hex('ff')]), 'cbor')
      expect(input.Timestamp).toEqual(moment)
    }
  })
})

describe('answers', () => {
  test('like those of the service: indefinite lengths, moments in whole milliseconds, bytes as bytes', () => {
    const moment = new Date(0x193_0000_0001)
    const answer = encodeAnswer(
      'GetRecords',
      {
        Records: [{ SequenceNumber: '1', ApproximateArrivalTimestamp: moment, Data: Buffer.from([0, 255]) }],
        MillisBehindLatest: 300,
      },
      'cbor',
    )
    expect(Buffer.from(answer)).toEqual(
      Buffer.concat([
        hex('bf'),
        text('Records'),
        hex('9f bf'),
        text('SequenceNumber'),
        text('1'),
        hex('78 1b'),
        Buffer.from('ApproximateArrivalTimestamp'),
        hex('c1 1b 0000 0193 0000 0001'),
        text('Data'),
        hex('42 00ff ff ff'),
        text('MillisBehindLatest'),
        hex('19 012c ff'),
      ]),
    )
  })

  test('an answer of megabytes after another is whole', () => {
    const Data = Buffer.alloc(3_000_000, 7)
    const answer = encodeAnswer('GetRecords', { Records: [{ SequenceNumber: '1', Data }] }, 'cbor')
    const { Records } = cbor.deserialize(Buffer.from(answer)) as { Records: { Data: Uint8Array }[] }
    // Compared whole: a matcher goes through megabytes one byte after the other, for a minute.
    expect(Records.map((record) => Data.equals(record.Data))).toEqual([true])
    expect(Buffer.from(encodeAnswer('DescribeAccountSettings', {}, 'cbor'))).toEqual(hex('bf ff'))
  })

  test('an answer that fails leaves nothing to the next', () => {
    expect(() => encodeAnswer('GetRecords', { Records: [], MillisBehindLatest: NaN }, 'cbor')).toThrow(
      'no whole number',
    )
    expect(Buffer.from(encodeAnswer('DescribeAccountSettings', {}, 'cbor'))).toEqual(hex('bf ff'))
  })

  test('an error names its kind', () => {
    const body = encodeError(new KinesisError('SerializationException', 'ü'), 'cbor')
    expect(cbor.deserialize(Buffer.from(body))).toEqual({ __type: 'SerializationException', Message: 'ü' })
  })
})
