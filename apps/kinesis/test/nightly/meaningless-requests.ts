// Requests whose shapes are right and whose meaning is wrong, on a stream of three shards and on one that is not there: shards,
// sequence numbers, hash keys, iterators, tags and hours that a service must refuse. Pure.
import type { BadRequest } from './bad-requests.ts'

const LARGEST = (1n << 128n) - 1n
const hex = (digits: string): string => String(BigInt(`0x${digits}`))

/** Shard ids as they may be written, and as they may not. */
const shardIds = [
  'shardId-0',
  'shard-2',
  '1',
  'a-00002147483647',
  '-00002147483647',
  '2147483647',
  '2147483648',
  'shardId-002147483648',
  'ABKLFD8',
  '2.14E4',
  'shardId-5',
]

/** Sequence numbers of old layouts, of other shards, of other times, and of none. */
const sequenceNumbers = [
  '0',
  '5',
  '425352958651173072921826052383309826',
  hex('f3bb2cc3d7ff7fffffffffffffff0000'),
  hex('13bb2cc3d80000000000000000000000'),
  hex('20000000000000000000000000000000000000000000002'),
  hex('20000000000800000000000000000000000000000000002'),
  hex('20000000000000000000000000000000000000800000002'),
  hex('1fffffffffffffffffffffffffffffffffffffffffffff2'),
  hex('2ffffffffff7fffffffffffffff000000000007fffffff2'),
  hex('300000000000000000000000000000000000000000000000'),
]

const iteratorTypes = ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER', 'LATEST', 'TRIM_HORIZON']

/** Requests on `there`, which has three shards, and on `missing`. */
export function meaninglessRequests(there: string, missing: string): readonly BadRequest[] {
  return [
    ...ofIterators(there, missing),
    ...ofRecords(there, missing),
    ...ofShards(there, missing),
    ...ofStreams(there, missing),
  ]
}

function ofIterators(there: string, missing: string): BadRequest[] {
  const operation = 'GetShardIterator'
  return [
    ...shardIds.flatMap((ShardId) =>
      [missing, there].map(
        (StreamName) =>
          ({
            operation,
            input: { StreamName, ShardId, ShardIteratorType: 'LATEST' },
          }) as const,
      ),
    ),
    ...iteratorTypes.flatMap((ShardIteratorType) => [
      { operation, input: { StreamName: there, ShardId: 'shardId-0', ShardIteratorType } } as const,
      ...sequenceNumbers.flatMap((StartingSequenceNumber) =>
        ['shardId-0', 'shardId-2'].map(
          (ShardId) =>
            ({
              operation,
              input: { StreamName: there, ShardId, ShardIteratorType, StartingSequenceNumber },
            }) as const,
        ),
      ),
    ]),
    ...['', 'a', 'AAAA', 'AAAAAAAAAAE=', Buffer.alloc(152).toString('base64'), '"AAAA"'].map(
      (ShardIterator) => ({ operation: 'GetRecords', input: { ShardIterator } }) as const,
    ),
  ]
}

function ofRecords(there: string, missing: string): BadRequest[] {
  const entry = { PartitionKey: 'a', Data: '' }
  const keys = [String(LARGEST + 1n), '9'.repeat(39), '-1', '01', 'a']
  return [
    { operation: 'PutRecord', input: { StreamName: missing, ...entry } },
    { operation: 'PutRecords', input: { StreamName: missing, Records: [entry] } },
    ...keys.flatMap(
      (ExplicitHashKey) =>
        [
          { operation: 'PutRecord', input: { StreamName: there, ...entry, ExplicitHashKey } },
          {
            operation: 'PutRecords',
            input: { StreamName: there, Records: [entry, { ...entry, ExplicitHashKey }] },
          },
        ] as const,
    ),
    ...sequenceNumbers.map(
      (SequenceNumberForOrdering) =>
        ({
          operation: 'PutRecord',
          input: { StreamName: there, ...entry, SequenceNumberForOrdering },
        }) as const,
    ),
  ]
}

function ofShards(there: string, missing: string): BadRequest[] {
  const middle = String(LARGEST / 2n)
  return [
    ...[missing, there].flatMap((StreamName) =>
      shardIds.slice(3).flatMap(
        (id) =>
          [
            { operation: 'SplitShard', input: { StreamName, ShardToSplit: id, NewStartingHashKey: middle } },
            {
              operation: 'MergeShards',
              input: { StreamName, ShardToMerge: id, AdjacentShardToMerge: 'shardId-0' },
            },
            {
              operation: 'MergeShards',
              input: { StreamName, ShardToMerge: 'shardId-0', AdjacentShardToMerge: id },
            },
          ] as const,
      ),
    ),
    ...['0', '1', String(LARGEST), String(LARGEST + 1n), middle].map(
      (NewStartingHashKey) =>
        ({
          operation: 'SplitShard',
          input: { StreamName: there, ShardToSplit: 'shardId-0', NewStartingHashKey },
        }) as const,
    ),
    ...[
      ['shardId-0', 'shardId-2'],
      ['shardId-1', 'shardId-0'],
      ['shardId-0', 'shardId-0'],
    ].map(
      ([ShardToMerge, AdjacentShardToMerge]) =>
        ({
          operation: 'MergeShards',
          input: { StreamName: there, ShardToMerge, AdjacentShardToMerge },
        }) as const,
    ),
    { operation: 'ListShards', input: { StreamName: missing } },
    { operation: 'ListShards', input: {} },
    { operation: 'ListShards', input: { NextToken: 'garbled' } },
    { operation: 'ListShards', input: { NextToken: 'garbled', StreamName: there } },
    { operation: 'ListShards', input: { NextToken: 'garbled', ExclusiveStartShardId: 'shardId-0' } },
  ]
}

function ofStreams(there: string, missing: string): BadRequest[] {
  const hours = (RetentionPeriodHours: number) =>
    (['IncreaseStreamRetentionPeriod', 'DecreaseStreamRetentionPeriod'] as const).flatMap((operation) =>
      [missing, there].map((StreamName) => ({ operation, input: { StreamName, RetentionPeriodHours } })),
    )
  const tags = (Tags: Record<string, string>) =>
    ({ operation: 'AddTagsToStream', input: { StreamName: there, Tags } }) as const
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`key-${at}`, 'v']))
  return [
    ...[-1, 0, 1, 23, 25, 168, 169].flatMap(hours).filter(
      ({ operation, input }) =>
        // What is no refusal would change the stream, on one side and then on the other.
        !(operation.startsWith('Increase') && input.StreamName === there && input.RetentionPeriodHours > 24),
    ),
    ...(['DeleteStream', 'DescribeStream', 'DescribeStreamSummary', 'ListTagsForStream'] as const).map(
      (operation) => ({ operation, input: { StreamName: missing } }),
    ),
    { operation: 'CreateStream', input: { StreamName: there, ShardCount: 1 } },
    {
      operation: 'DescribeStream',
      input: { StreamName: there, ExclusiveStartShardId: 'shardId-2147483648' },
    },
    { operation: 'DescribeStream', input: { StreamName: there, ExclusiveStartShardId: 'ABK' } },
    { operation: 'AddTagsToStream', input: { StreamName: missing, Tags: { a: 'b' } } },
    { operation: 'RemoveTagsFromStream', input: { StreamName: missing, TagKeys: ['a'] } },
    ...['a;b', 'a,b', 'a*b', 'aws:a', 'é', '日本', 'a\tb', 'a^b'].flatMap((key) => [
      tags({ [key]: 'a' }),
      tags({ a: key }),
      { operation: 'RemoveTagsFromStream', input: { StreamName: there, TagKeys: [key] } } as const,
    ]),
    tags(many),
    { operation: 'ListTagsForStream', input: { StreamName: there, ExclusiveStartTagKey: 'a;b' } },
  ]
}
