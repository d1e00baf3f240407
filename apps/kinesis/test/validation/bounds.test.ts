// The second look at a request: values out of the model's bounds are refused in the service's own words, several at once.
import { expect, test } from 'vitest'
import { decodeRequest } from '../../src/codecs/requests.ts'
import { KinesisError } from '../../src/model/errors.ts'
import type { OperationName } from '../../src/model/operations.ts'

const LENGTH_MIN = 'Member must have length greater than or equal to'
const LENGTH_MAX = 'Member must have length less than or equal to'
const NAME = 'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+'

function failed(value: string, path: string, constraint: string): string {
  return `Value ${value} at '${path}' failed to satisfy constraint: ${constraint}`
}

interface Case {
  readonly name: string
  readonly operation: OperationName
  readonly body: unknown
  readonly refusals: readonly string[]
}

const long = 'a'.repeat(129)

const cases: readonly Case[] = [
  {
    name: 'members that must be there',
    operation: 'CreateStream',
    body: {},
    refusals: [failed('null', 'streamName', 'Member must not be null')],
  },
  {
    name: 'the name of a stream, for which its ARN would do',
    operation: 'SplitShard',
    body: {},
    refusals: [
      failed('null', 'newStartingHashKey', 'Member must not be null'),
      failed('null', 'streamName', 'Member must not be null'),
      failed('null', 'shardToSplit', 'Member must not be null'),
    ],
  },
  {
    name: 'no name beside an ARN',
    operation: 'AddTagsToStream',
    body: { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/a' },
    refusals: [failed('null', 'tags', 'Member must not be null')],
  },
  {
    name: 'the key of a record for no stream, which would be one that needs no keys',
    operation: 'PutRecord',
    body: {},
    refusals: [
      failed('null', 'partitionKey', 'Member must not be null'),
      failed('null', 'data', 'Member must not be null'),
      failed('null', 'streamName', 'Member must not be null'),
    ],
  },
  {
    name: 'several members, in the order of the service',
    operation: 'PutRecords',
    body: { StreamName: '', Records: [] },
    refusals: [
      failed("'[]'", 'records', `${LENGTH_MIN} 1`),
      failed("''", 'streamName', NAME),
      failed("''", 'streamName', `${LENGTH_MIN} 1`),
    ],
  },
  {
    name: 'a long text',
    operation: 'DeleteStream',
    body: { StreamName: long },
    refusals: [failed(`'${long}'`, 'streamName', `${LENGTH_MAX} 128`)],
  },
  {
    name: 'members of the structures of a list, counted from one',
    operation: 'PutRecords',
    body: {
      StreamName: 'a',
      Records: [
        { PartitionKey: 'a', Data: '' },
        { PartitionKey: '', ExplicitHashKey: '01' },
      ],
    },
    refusals: [
      failed("''", 'records.2.member.partitionKey', `${LENGTH_MIN} 1`),
      failed(
        "'01'",
        'records.2.member.explicitHashKey',
        'Member must satisfy regular expression pattern: ^(0|([1-9]\\d{0,38}))$',
      ),
      failed('null', 'records.2.member.data', 'Member must not be null'),
    ],
  },
  {
    name: 'null in a list',
    operation: 'PutRecords',
    body: { StreamName: 'a', Records: [null] },
    refusals: [failed('null', 'records.1.member', 'Member must not be null')],
  },
  {
    name: 'a list that is too long, printed as names of its structures',
    operation: 'PutRecords',
    body: { StreamName: 'a', Records: Array.from({ length: 501 }, () => ({ Data: '' })) },
    refusals: [
      failed(
        `'[${Array.from({ length: 501 }, () => 'com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry').join(', ')}'`.replace(
          /^(.{16385}).*$/s,
          "$1…'",
        ),
        'records',
        `${LENGTH_MAX} 500`,
      ),
    ],
  },
  {
    name: 'a word that is none of the words',
    operation: 'GetShardIterator',
    body: { StreamName: 'a', ShardId: 'a', ShardIteratorType: 'NEXT' },
    refusals: [
      failed(
        "'NEXT'",
        'shardIteratorType',
        'Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]',
      ),
    ],
  },
  {
    name: 'numbers below and above',
    operation: 'DescribeStream',
    body: { Limit: 0, StreamName: 'a' },
    refusals: [failed("'0'", 'limit', 'Member must have value greater than or equal to 1')],
  },
  {
    name: 'a number above',
    operation: 'GetRecords',
    body: { Limit: 10_001, ShardIterator: 'a' },
    refusals: [failed("'10001'", 'limit', 'Member must have value less than or equal to 10000')],
  },
  {
    name: 'texts of a list, once for all of them',
    operation: 'RemoveTagsFromStream',
    body: { StreamName: 'a', TagKeys: ['a', '', 'b'.repeat(129)] },
    refusals: [
      failed(
        `'[a, , ${'b'.repeat(129)}]'`,
        'tagKeys',
        `Member must satisfy constraint: [${LENGTH_MAX} 128, ${LENGTH_MIN} 1]`,
      ),
    ],
  },
  {
    name: 'keys and values of a map',
    operation: 'AddTagsToStream',
    body: { StreamName: 'a', Tags: { '': 'a', b: 'c'.repeat(257) } },
    refusals: [
      failed(
        `'{=a, b=${'c'.repeat(257)}}'`,
        'tags',
        `Map keys must satisfy constraint: [${LENGTH_MAX} 128, ${LENGTH_MIN} 1]`,
      ),
      failed(
        `'{=a, b=${'c'.repeat(257)}}'`,
        'tags',
        `Map value must satisfy constraint: [${LENGTH_MAX} 256, ${LENGTH_MIN} 0]`,
      ),
    ],
  },
  {
    name: 'an empty map',
    operation: 'AddTagsToStream',
    body: { StreamName: 'a', Tags: {} },
    refusals: [failed("'{}'", 'tags', `${LENGTH_MIN} 1`)],
  },
  {
    name: 'members of a structure in a structure',
    operation: 'CreateStream',
    body: { StreamName: 'a', StreamModeDetails: { StreamMode: 'x' } },
    refusals: [
      failed(
        "'x'",
        'streamModeDetails.streamMode',
        'Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]',
      ),
    ],
  },
  {
    name: 'words of a list',
    operation: 'EnableEnhancedMonitoring',
    body: { StreamName: 'a', ShardLevelMetrics: ['ALL', 'x'] },
    refusals: [
      failed(
        "'[ALL, x]'",
        'shardLevelMetrics',
        'Member must satisfy constraint: [Member must satisfy enum value set: [IncomingBytes, IncomingRecords, OutgoingBytes, OutgoingRecords, WriteProvisionedThroughputExceeded, ReadProvisionedThroughputExceeded, IteratorAgeMilliseconds, ALL]]',
      ),
    ],
  },
  {
    name: 'ten flaws and no more',
    operation: 'PutRecords',
    body: { Records: Array.from({ length: 20 }, () => ({ PartitionKey: 'a' })) },
    refusals: Array.from({ length: 10 }, (_, index) =>
      failed('null', `records.${index + 1}.member.data`, 'Member must not be null'),
    ),
  },
]

test.each(cases)('$name', ({ operation, body, refusals }) => {
  const refused = () => decodeRequest(operation, Buffer.from(JSON.stringify(body)), 'json')
  const count = `${refusals.length} validation error${refusals.length === 1 ? '' : 's'} detected: `
  expect(refused).toThrow(new KinesisError('ValidationException', count + refusals.join('; ')))
})

test('bytes beyond the largest record are printed by their number', () => {
  const body = { PartitionKey: 'a', Data: Buffer.alloc(10_485_761).toString('base64') }
  expect(() => decodeRequest('PutRecord', Buffer.from(JSON.stringify(body)), 'json')).toThrow(
    failed("'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]'", 'data', `${LENGTH_MAX} 10485760`),
  )
})

test('a text of any length is refused at once, whatever pattern it would have to match', () => {
  const body = { ResourceARN: `arn:aws${':kinesis:'.repeat(200_000)}` }
  expect(() => decodeRequest('ListTagsForResource', Buffer.from(JSON.stringify(body)), 'json')).toThrow(
    `${LENGTH_MAX} 2048`,
  )
})
