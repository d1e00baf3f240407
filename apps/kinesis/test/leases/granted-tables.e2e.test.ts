// Lease tables and metrics of an endpoint that verifies signatures: grants decide who reaches which.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Client, type NewAccessKey } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKinesisEndpoint, type KinesisEndpoint } from '../../src/endpoint.ts'
import { call, signedGet } from '../auth/support/signer.ts'

let broker: Broker
let root: Client
let endpoint: KinesisEndpoint
let ada: NewAccessKey
let bob: NewAccessKey

beforeAll(async () => {
  broker = await createBroker({ config: { access: 'required' } })
  const token = (await readFile(join(broker.dataDir, 'root.token'), 'utf8')).trim()
  root = await connect(broker.url, { token })
  ada = await keyOf('ada', [
    'document:kinesis-tables/app*:read,write,manage',
    'document:kinesis-transactions/*:read,write,manage',
  ])
  bob = await keyOf('bob', ['document:kinesis-tables/other*:read,write,manage'])
  endpoint = await createKinesisEndpoint({ port: 0, auth: 'sigv4', broker: { url: broker.url, token } })
})
afterAll(async () => {
  await endpoint?.close()
  await root?.close()
  await broker?.close()
})

async function keyOf(name: string, grants: readonly string[]): Promise<NewAccessKey> {
  await root.access.updatePrincipal(name, { add: grants })
  return root.access.createAccessKey(name)
}

/** `done`, or the name of the refusal. */
async function outcome(accessKey: NewAccessKey, operation: string, input: object): Promise<string> {
  const target = 'DynamoDB_20120810'
  const answer = await call({
    port: endpoint.port,
    accessKey,
    operation,
    input,
    service: 'dynamodb',
    target,
  })
  if (answer.status === 200) return 'done'
  return (JSON.parse(answer.text) as { __type: string }).__type.split('#')[1]!
}

const TableName = 'app'
const Item = { leaseKey: { S: 'shardId-0' }, leaseCounter: { N: '0' } }
const Key = { leaseKey: Item.leaseKey }
const calls: readonly [string, object][] = [
  [
    'CreateTable',
    {
      TableName,
      KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
    },
  ],
  ['PutItem', { TableName, Item }],
  ['TransactWriteItems', { TransactItems: [{ Put: { TableName, Item } }] }],
  ['GetItem', { TableName, Key }],
  ['UpdateItem', { TableName, Key, AttributeUpdates: { leaseOwner: { Value: { S: 'w' }, Action: 'PUT' } } }],
  ['Scan', { TableName }],
  ['DescribeTable', { TableName }],
  ['DeleteItem', { TableName, Key }],
  ['DeleteTable', { TableName }],
]

describe('lease tables under signatures', () => {
  it('are their application’s: a principal with grants on the documents does all that KCL does', async () => {
    const seen: [string, string][] = []
    for (const [operation, input] of calls) seen.push([operation, await outcome(ada, operation, input)])
    expect(seen).toEqual(calls.map(([operation]) => [operation, 'done']))
  })

  it('are not there for the principal of another application, who may not make them either', async () => {
    expect(await outcome(ada, ...calls[0]!)).toBe('done')
    expect(await outcome(ada, ...calls[1]!)).toBe('done')
    const seen: string[] = []
    for (const [operation, input] of calls) seen.push(await outcome(bob, operation, input))
    // As with streams: what one may not read is not there.
    const others = calls.slice(1).map(() => 'ResourceNotFoundException')
    expect(seen).toEqual(['AccessDeniedException', ...others])
    expect(await outcome(ada, 'GetItem', { TableName, Key })).toBe('done')
  })
})

describe('GET /metrics under signatures', () => {
  it('is for who may describe the broker, as at the admin port, and for nobody else', async () => {
    const carol = await keyOf('carol', ['broker:*:describe'])
    const statusFor = async (accessKey: NewAccessKey) =>
      (await signedGet('/metrics', { port: endpoint.port, accessKey, service: 'monitoring' })).status
    expect(await statusFor(carol)).toBe(200)
    expect(await statusFor(ada)).toBe(400)
    expect((await fetch(`${endpoint.url}/metrics`)).status).toBe(400)
  })
})
