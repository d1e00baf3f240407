// Signatures by access keys of the broker's principals, as the JavaScript SDK makes them: what they may, wrong ones, altered
// ones, and clocks that are wrong.
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  ListStreamsCommand,
  PutRecordCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshName, TestEndpoint } from '../support/endpoint.ts'
import { bytes, readStream, textOf, type Credentials } from '../support/sdk.ts'

const MINUTE_MS = 60_000

let endpoint: TestEndpoint
let root: KinesisClient

beforeAll(async () => {
  endpoint = await TestEndpoint.start({ auth: 'sigv4' })
  root = endpoint.client({ credentials: await keyOf('boss', ['*:*:admin']) })
})
afterAll(async () => await endpoint[Symbol.asyncDispose]())

/** A principal with these grants, and an access key of it. */
async function keyOf(principal: string, grants: readonly string[]): Promise<Credentials> {
  const { access } = endpoint.native
  await access.createToken(principal, { grants: [...grants] })
  const { id, secret } = await access.createAccessKey(principal)
  return { accessKeyId: id, secretAccessKey: secret }
}

const refusedAs = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } })

/** Changes requests after they are signed, as someone on the way might. */
function altered(
  client: KinesisClient,
  change: (request: { headers: Record<string, string>; body: unknown }) => void,
) {
  client.middlewareStack.add(
    (next) => (step) => {
      change(step.request as { headers: Record<string, string>; body: unknown })
      return next(step)
    },
    { step: 'deserialize', name: 'alter', priority: 'low' },
  )
  return client
}

describe('signatures', () => {
  it('a key with its grants may do what they say, on what they name, and nothing else', async () => {
    const [mine, other] = [freshName('mine'), freshName('other')]
    for (const StreamName of [mine, other]) {
      await root.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))
    }
    const writer = endpoint.client({ credentials: await keyOf('writer', [`${mine}:write`]) })
    await writer.send(new PutRecordCommand({ StreamName: mine, PartitionKey: 'a', Data: bytes('x') }))
    const elsewhere = writer.send(
      new PutRecordCommand({ StreamName: other, PartitionKey: 'a', Data: bytes('x') }),
    )
    // What a principal may not even describe is not there for it.
    await expect(elsewhere).rejects.toMatchObject(refusedAs('ResourceNotFoundException', 400))
    await expect(readStream(writer, mine)).rejects.toMatchObject({ name: 'AccessDeniedException' })
    const reader = endpoint.client({ credentials: await keyOf('reader', [`${mine}:read`]) })
    expect((await readStream(reader, mine)).map(textOf)).toEqual(['x'])
  })

  it('an unknown key and a wrong secret are told apart as AWS does', async () => {
    const good = await keyOf('someone', ['*:describe'])
    const list = (credentials: Credentials) =>
      endpoint.client({ credentials }).send(new ListStreamsCommand({}))
    await expect(list({ ...good, accessKeyId: 'AKIAUNKNOWN' })).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    })
    await expect(list({ ...good, secretAccessKey: 'wrong' })).rejects.toMatchObject({
      name: 'InvalidSignatureException',
    })
    expect((await list(good)).$metadata.httpStatusCode).toBe(200)
  })

  it('a revoked key is refused from then on', async () => {
    const credentials = await keyOf('leaver', ['*:describe'])
    const client = endpoint.client({ credentials })
    await client.send(new ListStreamsCommand({}))
    await endpoint.native.access.revokeAccessKey(credentials.accessKeyId)
    await expect
      .poll(() =>
        client.send(new ListStreamsCommand({})).then(
          () => 'taken',
          (error: Error) => error.name,
        ),
      )
      .toBe('UnrecognizedClientException')
  })

  it('a body, a target or a date that was altered on the way is refused', async () => {
    const credentials = await keyOf('sender', ['*:*:admin'])
    const name = freshName()
    await root.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }))
    const put = (client: KinesisClient) =>
      client.send(new PutRecordCommand({ StreamName: name, PartitionKey: 'a', Data: bytes('honest') }))
    const client = () => endpoint.client({ credentials })
    const dishonest = Buffer.from('dishon').toString('base64')
    const changes = [
      altered(client(), (request) => {
        request.body = String(request.body).replace(Buffer.from('honest').toString('base64'), dishonest)
      }),
      altered(client(), ({ headers }) => {
        headers['x-amz-target'] = 'Kinesis_20131202.DeleteStream'
      }),
      altered(client(), ({ headers }) => {
        headers['x-amz-date'] = headers['x-amz-date']!.replace(/\dZ$/, (end) => (end === '0Z' ? '1Z' : '0Z'))
      }),
    ]
    for (const each of changes) {
      await expect(put(each)).rejects.toMatchObject({ name: 'InvalidSignatureException' })
    }
    expect(await readStream(root, name)).toEqual([])
    await put(client())
    expect((await readStream(root, name)).map(textOf)).toEqual(['honest'])
  })

  it('a clock that is twenty minutes wrong is refused, and the SDK corrects one that is behind by the answer', async () => {
    const credentials = await keyOf('traveller', ['*:describe'])
    const list = (systemClockOffset: number, maxAttempts: number) =>
      endpoint
        .client({ credentials, config: { systemClockOffset, maxAttempts } })
        .send(new ListStreamsCommand({}))
    for (const offset of [-20 * MINUTE_MS, 20 * MINUTE_MS]) {
      await expect(list(offset, 1)).rejects.toMatchObject({ name: 'InvalidSignatureException' })
    }
    expect((await list(-20 * MINUTE_MS, 3)).$metadata.httpStatusCode).toBe(200)
  })

  it('a clock that is a little wrong is taken', async () => {
    const credentials = await keyOf('commuter', ['*:describe'])
    const client = endpoint.client({ credentials, config: { systemClockOffset: 4 * MINUTE_MS } })
    expect((await client.send(new ListStreamsCommand({}))).StreamNames).toBeDefined()
  })

  it('the region of the signature is that of ARNs', async () => {
    const name = freshName()
    await root.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }))
    const credentials = await keyOf('european', ['*:describe'])
    const client = endpoint.client({ credentials, region: 'eu-central-1' })
    const summary = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }))
    expect(summary.StreamDescriptionSummary!.StreamARN).toBe(
      `arn:aws:kinesis:eu-central-1:000000000000:stream/${name}`,
    )
  })

  it('a request that is sent again is taken while its signature is fresh, and refused when it is old', async () => {
    let offset = 0
    await using other = await TestEndpoint.start({ auth: 'sigv4', clock: () => Date.now() + offset })
    const { access } = other.native
    await access.createToken('replayed', { grants: ['*:*:admin'] })
    const { id, secret } = await access.createAccessKey('replayed')
    const seen: { headers: Record<string, string>; body: string }[] = []
    const client = altered(
      other.client({
        transport: 'http/1.1',
        credentials: { accessKeyId: id, secretAccessKey: secret },
      }),
      ({ headers, body }) => seen.push({ headers: { ...headers }, body: String(body) }),
    )
    const name = freshName()
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }))
    await client.send(new PutRecordCommand({ StreamName: name, PartitionKey: 'a', Data: bytes('x') }))
    const { host: _, 'content-length': __, ...headers } = seen.at(-1)!.headers
    const again = () => fetch(other.url, { method: 'POST', headers, body: seen[1]!.body })
    expect((await again()).status).toBe(200)
    expect(await readStream(client, name)).toHaveLength(2)
    offset = 16 * MINUTE_MS
    const late = await again()
    expect(late.status).toBe(400)
    expect(await late.json()).toMatchObject({ __type: 'InvalidSignatureException' })
  })

  it('a request without a signature is refused', async () => {
    const answer = await fetch(endpoint.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Kinesis_20131202.ListStreams',
      },
      body: '{}',
    })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ __type: 'MissingAuthenticationTokenException' })
  })
})
