// The first look at a request: values of another kind than the model's are refused in the service's own words.
import { describe, expect, test } from 'vitest'
import { decodeRequest } from '../../src/codecs/requests.ts'
import { KinesisError } from '../../src/model/errors.ts'
import type { OperationName } from '../../src/model/operations.ts'

function refusalOf(operation: OperationName, body: string | Uint8Array): KinesisError {
  try {
    decodeRequest(operation, Buffer.from(body), 'json')
  } catch (error) {
    if (error instanceof KinesisError) return error
    throw error
  }
  throw new Error('taken')
}

const NUMBER = 'com.amazon.coral.value.json.numbers.TruncatingBigNumber'
const LIST = 'Start of list found where not expected'
const STRUCTURE = 'Start of structure or map found where not expected.'

interface Case {
  readonly kind: string
  readonly operation: OperationName
  /** A body with the value in the place of `?`. */
  readonly body: string
  readonly refused: readonly (readonly [value: string, text: string])[]
}

const cases: readonly Case[] = [
  {
    kind: 'text',
    operation: 'DeleteStream',
    body: '{"StreamName":?}',
    refused: [
      ['true', 'class java.lang.Boolean can not be converted to an String'],
      ...['23', '-2147483648', '2147483648', '34.56'].map(
        (value) => [value, `class ${NUMBER} can not be converted to an String`] as const,
      ),
      ['[]', LIST],
      ['{}', STRUCTURE],
    ],
  },
  {
    kind: 'a word',
    operation: 'GetShardIterator',
    body: '{"ShardIteratorType":?}',
    refused: [['true', 'class java.lang.Boolean can not be converted to an String']],
  },
  {
    kind: 'an integer',
    operation: 'CreateStream',
    body: '{"ShardCount":?}',
    refused: [
      ['"23"', 'class java.lang.String can not be converted to an Integer'],
      ['true', 'class java.lang.Boolean can not be converted to an Integer'],
      ['[]', LIST],
      ['{}', STRUCTURE],
    ],
  },
  {
    kind: 'a boolean',
    operation: 'DeleteStream',
    body: '{"EnforceConsumerDeletion":?}',
    refused: [
      ['"23"', "'23' can not be converted to an Boolean"],
      ['"maybe"', "'MAYBE' can not be converted to an Boolean"],
      ['23', `class ${NUMBER} can not be converted to an Boolean`],
      ['[]', LIST],
      ['{}', STRUCTURE],
    ],
  },
  {
    kind: 'bytes',
    operation: 'PutRecord',
    body: '{"Data":?}',
    refused: [
      ['true', 'class java.lang.Boolean can not be converted to a Blob'],
      ['23', `class ${NUMBER} can not be converted to a Blob`],
      ['[]', LIST],
      ['{}', STRUCTURE],
      [
        '"23456"',
        "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5",
      ],
      ['"=+/="', "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"],
      ['"+/+="', "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"],
      ['"a-_b"', "'a-_b' can not be converted to a Blob: Invalid Base64 character: '-'"],
      ['"YQ= "', "'YQ= ' can not be converted to a Blob: Invalid Base64 character: '='"],
      ['"Y Q="', "'Y Q=' can not be converted to a Blob: Invalid Base64 character: ' '"],
      ['"===="', "'====' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"],
    ],
  },
  {
    kind: 'a moment',
    operation: 'GetShardIterator',
    body: '{"Timestamp":?}',
    refused: [
      ['true', 'class java.lang.Boolean can not be converted to milliseconds since epoch'],
      ['"2026"', 'class java.lang.String can not be converted to milliseconds since epoch'],
      ['[]', LIST],
      ['{}', STRUCTURE],
    ],
  },
  {
    kind: 'a list',
    operation: 'PutRecords',
    body: '{"Records":?}',
    refused: [
      ...['"23"', 'true', '23', '34.56'].map((value) => [value, 'Expected list or null'] as const),
      ['{}', STRUCTURE],
    ],
  },
  {
    kind: 'a structure',
    operation: 'PutRecords',
    body: '{"Records":[?]}',
    refused: [
      ...['"23"', 'true', '23', '34.56'].map((value) => [value, 'Expected null'] as const),
      ['[]', LIST],
    ],
  },
  {
    kind: 'a map',
    operation: 'AddTagsToStream',
    body: '{"Tags":?}',
    refused: [
      ...['"23"', 'true', '23', '34.56'].map((value) => [value, 'Expected map or null'] as const),
      ['[]', LIST],
    ],
  },
  {
    kind: 'a value of a map',
    operation: 'AddTagsToStream',
    body: '{"Tags":{"a":?}}',
    refused: [['23', `class ${NUMBER} can not be converted to an String`]],
  },
]

describe.each(cases)('where $kind belongs', ({ operation, body, refused }) => {
  test.each(refused)('%s is refused', (value, text) => {
    const { code, message } = refusalOf(operation, body.replace('?', value))
    expect({ code, message }).toEqual({ code: 'SerializationException', message: text })
  })
})

test.each([
  ['no body', ''],
  ['half a body', '{"StreamName":'],
  ['a text', '"a"'],
  ['null', 'null'],
  ['text that is no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['a list in a list in a list, without end', '['.repeat(1_000_000)],
  ['a million empty structures', `{"a":[${'{},'.repeat(1_000_000)}{}]}`],
])('%s is refused without a text', (_name, body) => {
  const { code, message } = refusalOf('DeleteStream', body)
  expect({ code, message }).toEqual({ code: 'SerializationException', message: '' })
})

describe('what is taken', () => {
  const decode = (operation: OperationName, body: unknown) =>
    decodeRequest(operation, Buffer.from(JSON.stringify(body)), 'json')

  test('members that the model does not know are passed over, whatever they hold', () => {
    expect(decode('DeleteStream', { StreamName: 'a', Other: [{ b: 1 }], __proto__: 1 })).toEqual({
      StreamName: 'a',
    })
  })

  test('null is like a member that was left out', () => {
    expect(decode('DeleteStream', { StreamName: 'a', StreamARN: null })).toEqual({ StreamName: 'a' })
  })

  test('fractions of integers are cut off', () => {
    expect(decode('CreateStream', { StreamName: 'a', ShardCount: 3.99 })).toEqual({
      StreamName: 'a',
      ShardCount: 3,
    })
  })

  test('integers beyond 32 bits are the nearest of 32', () => {
    expect(() => decode('DescribeStream', { StreamName: 'a', Limit: 1e300 })).toThrow("Value '2147483647' at")
    expect(() => decode('DescribeStream', { StreamName: 'a', Limit: -1e300 })).toThrow(
      "Value '-2147483648' at",
    )
  })

  test('a word is a boolean', () => {
    for (const word of ['true', 'TRUE', 'yes', '1']) {
      expect(decode('DeleteStream', { StreamName: 'a', EnforceConsumerDeletion: word })).toEqual({
        StreamName: 'a',
        EnforceConsumerDeletion: true,
      })
    }
    expect(decode('DeleteStream', { EnforceConsumerDeletion: 'No' })).toEqual({
      EnforceConsumerDeletion: false,
    })
  })

  test('moments are seconds with a fraction', () => {
    const body = { ShardId: 'shardId-0', ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 1732980123.456 }
    expect(decode('GetShardIterator', body)).toEqual({ ...body, Timestamp: new Date(1732980123456) })
  })

  test('a moment further off than a Date can tell is the furthest', () => {
    const body = { ShardId: 'shardId-0', ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 1e300 }
    expect(decode('GetShardIterator', body)).toMatchObject({ Timestamp: new Date(8.64e15) })
  })

  test('bytes are base64, none is the empty text', () => {
    const { Records } = decode('PutRecords', {
      Records: ['', 'YQ==', 'YWI=', 'YWJj'].map((Data) => ({ Data, PartitionKey: 'k' })),
    }) as { Records: { Data: Uint8Array }[] }
    expect(Records.map(({ Data }) => Buffer.from(Data).toString())).toEqual(['', 'a', 'ab', 'abc'])
  })

  test('a tag may be called like a member of every object', () => {
    const { Tags } = decodeRequest(
      'AddTagsToStream',
      Buffer.from('{"StreamName":"a","Tags":{"__proto__":"1","toString":"2"}}'),
      'json',
    )
    expect(Object.entries(Tags)).toEqual([
      ['__proto__', '1'],
      ['toString', '2'],
    ])
  })
})
