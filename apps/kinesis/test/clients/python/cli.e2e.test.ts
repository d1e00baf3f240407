// The AWS CLI against an endpoint: the tutorial of Kinesis line by line, and what scripts do. Skips where there is no CLI.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { environmentOf, hasAwsCli } from '../support/python.ts'

const run = promisify(execFile)
const ENOUGH_BYTES = 64 * 1024 * 1024

let endpoint: TestEndpoint

beforeAll(async () => {
  endpoint = await TestEndpoint.start()
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

/** Runs `aws kinesis …` and returns its answer; without text, undefined. Rejects with what it printed if it fails. */
async function kinesis(...words: readonly string[]): Promise<unknown> {
  const { stdout } = await run('aws', ['--endpoint-url', endpoint.url, 'kinesis', ...words], {
    env: environmentOf({ AWS_MAX_ATTEMPTS: '1' }),
    maxBuffer: ENOUGH_BYTES,
  })
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

describe.skipIf(!hasAwsCli())('aws kinesis (skipped where there is no AWS CLI)', () => {
  it('the tutorial works line by line: create, describe, list, put, iterate, get, delete', async () => {
    const stream = ['--stream-name', freshName('Foo')]
    expect(await kinesis('create-stream', ...stream, '--shard-count', '1')).toBeUndefined()
    await kinesis('wait', 'stream-exists', ...stream)
    expect(await kinesis('describe-stream-summary', ...stream)).toMatchObject({
      StreamDescriptionSummary: { StreamStatus: 'ACTIVE', OpenShardCount: 1, RetentionPeriodHours: 24 },
    })
    expect(await kinesis('list-streams')).toMatchObject({
      StreamNames: expect.arrayContaining([stream[1]]) as string[],
    })
    const put = await kinesis('put-record', ...stream, '--partition-key', '123', '--data', 'dGVzdGRhdGE=')
    expect(put).toMatchObject({ ShardId: 'shardId-000000000000' })
    const got = (await kinesis(
      'get-shard-iterator',
      '--shard-id',
      'shardId-000000000000',
      '--shard-iterator-type',
      'TRIM_HORIZON',
      ...stream,
    )) as { ShardIterator: string }
    const answer = (await kinesis('get-records', '--shard-iterator', got.ShardIterator)) as {
      Records: { Data: string; PartitionKey: string; SequenceNumber: string }[]
      NextShardIterator: string
      MillisBehindLatest: number
    }
    expect(answer.Records).toHaveLength(1)
    expect(answer.Records[0]).toMatchObject({
      PartitionKey: '123',
      SequenceNumber: (put as { SequenceNumber: string }).SequenceNumber,
    })
    expect(answer.NextShardIterator).toBeDefined()
    expect(answer.MillisBehindLatest).toBe(0)
    expect(await kinesis('delete-stream', ...stream)).toBeUndefined()
    await kinesis('wait', 'stream-not-exists', ...stream)
    await expect(kinesis('describe-stream-summary', ...stream)).rejects.toThrow('ResourceNotFoundException')
  })

  it('reshards, tags and lists in pages as scripts do', async () => {
    const stream = ['--stream-name', freshName('cli')]
    await kinesis('create-stream', ...stream, '--shard-count', '2')
    await kinesis('wait', 'stream-exists', ...stream)
    const half = String(1n << 126n)
    await kinesis(
      'split-shard',
      ...stream,
      '--shard-to-split',
      'shardId-000000000000',
      '--new-starting-hash-key',
      half,
    )
    await kinesis('wait', 'stream-exists', ...stream)
    const shards = (await kinesis('list-shards', ...stream)) as { Shards: unknown[] }
    expect(shards.Shards).toHaveLength(4)
    await kinesis('add-tags-to-stream', ...stream, '--tags', 'team=web,cost=1')
    expect(await kinesis('list-tags-for-stream', ...stream)).toMatchObject({
      Tags: [
        { Key: 'cost', Value: '1' },
        { Key: 'team', Value: 'web' },
      ],
    })
    await kinesis('increase-stream-retention-period', ...stream, '--retention-period-hours', '48')
    expect(await kinesis('describe-stream', ...stream)).toMatchObject({
      StreamDescription: { RetentionPeriodHours: 48 },
    })
    expect(await kinesis('describe-limits')).toMatchObject({ OpenShardCount: expect.any(Number) as number })
  })

  it('puts several records at once, and registers consumers', async () => {
    const name = freshName('cli')
    await kinesis('create-stream', '--stream-name', name, '--shard-count', '1')
    await kinesis('wait', 'stream-exists', '--stream-name', name)
    const put = await kinesis(
      'put-records',
      '--stream-name',
      name,
      '--records',
      'Data=YQ==,PartitionKey=a',
      'Data=Yg==,PartitionKey=b',
    )
    expect(put).toMatchObject({ FailedRecordCount: 0, Records: [{}, {}] })
    const arn = `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`
    const made = await kinesis('register-stream-consumer', '--stream-arn', arn, '--consumer-name', 'cli')
    expect(made).toMatchObject({ Consumer: { ConsumerName: 'cli' } })
    expect(await kinesis('list-stream-consumers', '--stream-arn', arn)).toMatchObject({
      Consumers: [{ ConsumerName: 'cli', ConsumerStatus: 'ACTIVE' }],
    })
  })

  it('says AWS words for what is wrong', async () => {
    await expect(kinesis('describe-stream', '--stream-name', 'missing')).rejects.toThrow(
      'An error occurred (ResourceNotFoundException) when calling the DescribeStream operation: ' +
        'Stream missing under account 000000000000 not found.',
    )
    await expect(kinesis('get-records', '--shard-iterator', 'garbage')).rejects.toThrow(
      'InvalidArgumentException',
    )
  })
})
