// The JavaScript SDK over each way to speak HTTP, all to one port: h2c, HTTP/1.1, and both over TLS.
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  RegisterStreamConsumerCommand,
  ResourceNotFoundException,
  SubscribeToShardCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates } from '../support/certificates.ts'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { putTexts, readStream, textOf, transports } from '../support/sdk.ts'

let endpoint: TestEndpoint
let ca: string

beforeAll(async () => {
  const made = await makeCertificates()
  ca = made.ca
  endpoint = await TestEndpoint.start({ tls: { cert: made.cert, key: made.key } })
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

describe.each(transports)('%s', (transport) => {
  const connected = (): KinesisClient => endpoint.client({ transport, ca })

  it('stores records and reads them back', async () => {
    const client = connected()
    const name = freshName()
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 2 }))
    const texts = Array.from({ length: 100 }, (_, at) => `key-${at}:${at}`)
    expect((await putTexts(client, name, texts)).FailedRecordCount).toBe(0)
    expect((await readStream(client, name)).map(textOf).toSorted()).toEqual(texts.toSorted())
  })

  it('takes many calls at once', async () => {
    const client = connected()
    const name = freshName()
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 4 }))
    const rounds = Array.from({ length: 50 }, (_, at) => putTexts(client, name, [`key-${at}:${at}`]))
    await Promise.all(rounds)
    expect(await readStream(client, name)).toHaveLength(50)
  })

  it('brings events of a subscription', async () => {
    const client = connected()
    const name = freshName()
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }))
    const summary = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }))
    const { StreamARN } = summary.StreamDescriptionSummary!
    const { Consumer } = await client.send(
      new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'reader' }),
    )
    await putTexts(client, name, ['a:0'])
    const abort = new AbortController()
    const { EventStream } = await client.send(
      new SubscribeToShardCommand({
        ConsumerARN: Consumer!.ConsumerARN,
        ShardId: 'shardId-000000000000',
        StartingPosition: { Type: 'TRIM_HORIZON' },
      }),
      { abortSignal: abort.signal },
    )
    for await (const event of EventStream!) {
      const records = event.SubscribeToShardEvent!.Records!
      if (records.length === 0) continue
      expect(records.map(textOf)).toEqual(['a:0'])
      break
    }
    abort.abort()
  })

  it('answers errors by their class, with the id of the request', async () => {
    const call = connected().send(new DescribeStreamSummaryCommand({ StreamName: 'missing' }))
    await expect(call).rejects.toThrow(ResourceNotFoundException)
    await expect(call).rejects.toMatchObject({
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/^[\w-]{36}$/) as string },
    })
  })
})
