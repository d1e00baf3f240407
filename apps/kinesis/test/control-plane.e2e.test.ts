// The control plane over HTTP, as clients see it: bodies, errors, empty answers, and the states of a stream with a delay.
import { createKinesisEndpoint } from '@millrace/kinesis'
import { createBroker } from 'millrace/broker'
import { expect, test } from 'vitest'
import { ManualTime } from '../../../test/support/manual-time.ts'

const DELAY_MS = 1_000_000
const ACCOUNT = '123456789012'
const ARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/clicks`
const clicks = { StreamName: 'clicks' }

interface Answer {
  readonly status: number
  /** The body: parsed, or empty text. */
  readonly body: unknown
}

async function startedEndpoint() {
  const time = new ManualTime()
  const broker = await createBroker({ listen: false, clock: time.now, config: { segmentSize: '1MiB' } })
  const endpoint = await createKinesisEndpoint({
    broker,
    port: 0,
    clock: time.now,
    settings: { stateDelayMs: DELAY_MS, account: ACCOUNT },
  })
  const ask = async (operation: string, input: object): Promise<Answer> => {
    const response = await fetch(endpoint.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `Kinesis_20131202.${operation}`,
        // Signatures are not verified where they are off, but asked for, as by the service.
        authorization: `AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
        'x-amz-date': '20260101T000000Z',
      },
      body: JSON.stringify(input),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? '' : (JSON.parse(text) as unknown) }
  }
  return {
    time,
    ask,
    [Symbol.asyncDispose]: async () => {
      await endpoint.close()
      await broker.close()
    },
  }
}

const refused = (type: string, message: string): Answer => ({ status: 400, body: { __type: type, message } })
const described = (description: object): object => ({ status: 200, body: { StreamDescription: description } })

test('a stream is CREATING, ACTIVE, UPDATING, ACTIVE and DELETING, each for as long as is set', async () => {
  await using started = await startedEndpoint()
  const { ask, time } = started
  const done: Answer = { status: 200, body: '' }
  expect(await ask('CreateStream', { ...clicks, ShardCount: 1 })).toEqual(done)
  expect(await ask('DescribeStream', clicks)).toMatchObject(
    described({ StreamStatus: 'CREATING', StreamARN: ARN, Shards: [], HasMoreShards: false }),
  )
  time.advance(DELAY_MS)
  const point = `${2n ** 127n}`
  const split = { ...clicks, ShardToSplit: 'shard-0', NewStartingHashKey: point }
  expect(await ask('DescribeStream', clicks)).toMatchObject(
    described({ StreamStatus: 'ACTIVE', Shards: [{}] }),
  )
  expect(await ask('SplitShard', split)).toEqual(done)
  expect(await ask('DescribeStream', clicks)).toMatchObject(
    described({ StreamStatus: 'UPDATING', Shards: [{ ShardId: 'shardId-000000000000' }] }),
  )
  expect(await ask('SplitShard', split)).toEqual(
    refused(
      'ResourceInUseException',
      `Stream clicks under account ${ACCOUNT} not ACTIVE, instead in state UPDATING`,
    ),
  )
  time.advance(DELAY_MS)
  expect(await ask('DescribeStream', { StreamARN: ARN })).toMatchObject(
    described({
      StreamStatus: 'ACTIVE',
      Shards: [
        { SequenceNumberRange: { EndingSequenceNumber: expect.stringMatching(/^\d{56}$/) } },
        { ParentShardId: 'shardId-000000000000', HashKeyRange: { StartingHashKey: '0' } },
        { ParentShardId: 'shardId-000000000000', HashKeyRange: { StartingHashKey: point } },
      ],
    }),
  )
  expect(await ask('DeleteStream', clicks)).toEqual(done)
  expect(await ask('DescribeStream', clicks)).toMatchObject(described({ StreamStatus: 'DELETING' }))
  time.advance(DELAY_MS)
  expect(await ask('DescribeStream', clicks)).toEqual(
    refused('ResourceNotFoundException', `Stream clicks under account ${ACCOUNT} not found.`),
  )
})

test('every operation that names a stream refuses one that is not there, and none at all', async () => {
  await using started = await startedEndpoint()
  const { ask } = started
  const inputs = {
    DescribeStream: {},
    DescribeStreamSummary: {},
    DeleteStream: {},
    ListTagsForStream: {},
    AddTagsToStream: { Tags: { a: ';' } },
    RemoveTagsFromStream: { TagKeys: [';'] },
    IncreaseStreamRetentionPeriod: { RetentionPeriodHours: 25 },
    DecreaseStreamRetentionPeriod: { RetentionPeriodHours: 25 },
    SplitShard: { ShardToSplit: 'a-00002147483647', NewStartingHashKey: '0' },
    MergeShards: { ShardToMerge: 'a-0', AdjacentShardToMerge: '2147483647' },
    UpdateShardCount: { TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' },
    UpdateStreamWarmThroughput: { WarmThroughputMiBps: 5 },
    StartStreamEncryption: { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' },
    StopStreamEncryption: { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' },
    EnableEnhancedMonitoring: { ShardLevelMetrics: ['ALL'] },
    DisableEnhancedMonitoring: { ShardLevelMetrics: ['ALL'] },
  }
  const none =
    "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null"
  for (const [operation, input] of Object.entries(inputs)) {
    const answers = [await ask(operation, { ...clicks, ...input }), await ask(operation, input)]
    expect({ operation, answers }).toEqual({
      operation,
      answers: [
        refused('ResourceNotFoundException', `Stream clicks under account ${ACCOUNT} not found.`),
        refused('ValidationException', none),
      ],
    })
  }
})
