// Calls signed by access keys of a broker's principals, from the request to the broker's own decision.
import { readFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import { connect, type Client, type NewAccessKey } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call } from './support/signer.ts'

let broker: Broker
let root: Client
let endpoint: KinesisEndpoint
let alice: NewAccessKey

beforeAll(async () => {
  broker = await createBroker({ config: { access: 'required' } })
  const token = (await readFile(join(broker.dataDir, 'root.token'), 'utf8')).trim()
  root = await connect(broker.url, { token })
  await root.createStream('clicks', { shards: 1 })
  await root.access.updatePrincipal('alice', { add: ['clicks:write'] })
  await root.access.updatePrincipal('bob', { add: ['other:write'] })
  alice = await root.access.createAccessKey('alice')
  endpoint = await createKinesisEndpoint({
    port: 0,
    auth: 'sigv4',
    broker: { url: broker.url, token },
    settings: { region: 'eu-west-1' },
  })
})

afterAll(async () => {
  await endpoint?.close()
  await root?.close()
  await broker?.close()
})

const record = { StreamName: 'clicks', Data: 'aGVsbG8=', PartitionKey: 'a' }

const put = (accessKey: { id: string; secret: string }, choices: { region?: string; at?: Date } = {}) =>
  call({ port: endpoint.port, accessKey, operation: 'PutRecord', input: record, ...choices })

test('a principal may do what it was granted, and what another was granted is not there for it', async () => {
  expect(await put(alice)).toMatchObject({ status: 200 })
  const bob = await root.access.createAccessKey('bob')
  const refused = await put(bob)
  expect(refused.status).toBe(400)
  expect(JSON.parse(refused.text)).toMatchObject({ __type: 'ResourceNotFoundException' })
})

test('a secret that is not that of the key, an unknown key, another region and another time are refused', async () => {
  const refusals = await Promise.all([
    put({ ...alice, secret: 'another' }),
    put({ ...alice, id: 'MRKAAAAAAAAAAAAAAAAA' }),
    put({ ...alice, id: 'AKIAIOSFODNN7EXAMPLE' }),
    put(alice, { region: 'us-east-1' }),
    put(alice, { at: new Date(Date.now() - 3_600_000) }),
  ])
  expect(
    refusals.map(({ status, text }) => [status, (JSON.parse(text) as { __type: string }).__type]),
  ).toEqual([
    [400, 'InvalidSignatureException'],
    [400, 'UnrecognizedClientException'],
    [400, 'UnrecognizedClientException'],
    [400, 'InvalidSignatureException'],
    [400, 'InvalidSignatureException'],
  ])
})

test.each([{ 'content-length': '10000000' }, { 'transfer-encoding': 'chunked' }])(
  'a large body is not waited for where nobody has the access key: %j',
  async (length) => {
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
    const credential = `MRKAAAAAAAAAAAAAAAAA/${date.slice(0, 8)}/eu-west-1/kinesis/aws4_request`
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Kinesis_20131202.PutRecord',
      'x-amz-date': date,
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
      ...length,
    }
    const sent = request({ host: '127.0.0.1', port: endpoint.port, method: 'POST', headers, agent: false })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve).on('error', reject)
    })
    sent.flushHeaders()
    const answer = await answered
    let text = ''
    for await (const piece of answer) text += String(piece)
    sent.destroy()
    expect(answer.statusCode).toBe(400)
    expect(text).toContain('UnrecognizedClientException')
  },
)

test('a key that is revoked stops', async () => {
  await root.access.updatePrincipal('carol', { add: ['clicks:write'] })
  const carol = await root.access.createAccessKey('carol')
  expect(await put(carol)).toMatchObject({ status: 200 })
  await root.access.revokeAccessKey(carol.id)
  await expect.poll(async () => (await put(carol)).text).toContain('UnrecognizedClientException')
})

test('a grant that is taken away stops', async () => {
  await root.access.updatePrincipal('dave', { add: ['clicks:write'] })
  const dave = await root.access.createAccessKey('dave')
  expect(await put(dave)).toMatchObject({ status: 200 })
  await root.access.updatePrincipal('dave', { remove: ['clicks:write'] })
  expect(await put(dave)).toMatchObject({ status: 400 })
})

test('an endpoint that is to verify signatures wants a broker that knows who may what', async () => {
  await expect(createKinesisEndpoint({ port: 0, auth: 'sigv4' })).rejects.toThrow(/token/)
})
