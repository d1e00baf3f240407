// boto3 and the AWS CLI against the Firehose API of an endpoint. Skips where Python has no boto3, or where there is no CLI.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEndpoint } from '../support/endpoint.ts'
import { checksOf, environmentOf, hasAwsCli, hasPython, runCheck } from '../support/python.ts'

const run = promisify(execFile)
const FILE = 'firehose_checks.py'

let endpoint: TestEndpoint

beforeAll(async () => {
  endpoint = await TestEndpoint.start()
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

describe.skipIf(!hasPython('boto3'))('boto3 (skipped where Python has no boto3)', () => {
  it.concurrent.each(checksOf(FILE))('$name: $promise', async (check) => {
    await runCheck(FILE, check, { AWS_ENDPOINT_URL: endpoint.url })
  })
})

/** Runs `aws firehose …` and returns its answer; without text, undefined. Rejects with what it printed if it fails. */
async function firehose(...words: readonly string[]): Promise<unknown> {
  const { stdout } = await run('aws', ['--endpoint-url', endpoint.url, 'firehose', ...words], {
    env: environmentOf({ AWS_MAX_ATTEMPTS: '1' }),
  })
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

describe.skipIf(!hasAwsCli())('aws firehose (skipped where there is no AWS CLI)', () => {
  it('creates, puts, describes, lists and deletes', async () => {
    const stream = ['--delivery-stream-name', 'cli']
    const lake = 'RoleARN=arn:aws:iam::123456789012:role/firehose,BucketARN=arn:aws:s3:::lake,Prefix=in/'
    const made = await firehose(
      'create-delivery-stream',
      ...stream,
      '--extended-s3-destination-configuration',
      lake,
    )
    expect(made).toEqual({ DeliveryStreamARN: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/cli' })
    const record = '{"Data":"dGVzdGRhdGE="}'
    expect(await firehose('put-record', ...stream, '--record', record)).toMatchObject({ Encrypted: false })
    const batch = await firehose('put-record-batch', ...stream, '--records', `[${record},${record}]`)
    expect(batch).toMatchObject({ FailedPutCount: 0 })
    expect(await firehose('describe-delivery-stream', ...stream)).toMatchObject({
      DeliveryStreamDescription: {
        DeliveryStreamName: 'cli',
        Destinations: [{ S3DestinationDescription: { Prefix: 'in/' } }],
      },
    })
    expect(await firehose('list-delivery-streams')).toMatchObject({
      DeliveryStreamNames: expect.arrayContaining(['cli']) as string[],
    })
    expect(await firehose('delete-delivery-stream', ...stream)).toBeUndefined()
    await expect(firehose('describe-delivery-stream', ...stream)).rejects.toThrow(/ResourceNotFoundException/)
  })
})
