// The same bad requests to this endpoint and to kinesalite, whose texts were compared with those of the service: what is refused
// there is refused here, by the same error and the same words. kinesalite is installed from npm into a temporary folder.
import { operations, type OperationName } from '@millrace/kinesis'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { TestEndpoint } from '../clients/support/endpoint.ts'
import { badRequests, connections, type BadRequest, type RawRequest } from './bad-requests.ts'
import { meaninglessRequests } from './meaningless-requests.ts'

const VERSION = '3.3.3'
const ACCOUNT = '000000000000'
/** A stream of three shards on both sides. */
const THERE = 'there'

/** What kinesalite serves. */
const served: readonly OperationName[] = [
  'AddTagsToStream',
  'CreateStream',
  'DecreaseStreamRetentionPeriod',
  'DeleteStream',
  'DescribeStream',
  'DescribeStreamSummary',
  'GetRecords',
  'GetShardIterator',
  'IncreaseStreamRetentionPeriod',
  'ListShards',
  'ListStreams',
  'ListTagsForStream',
  'MergeShards',
  'PutRecord',
  'PutRecords',
  'RemoveTagsFromStream',
  'SplitShard',
]

let endpoint: TestEndpoint
let directory: string
let other: ChildProcess
let otherPort: number

/** What kinesalite breaks at, and what the service has changed since it was compared with it: these answers mean nothing. */
const outdated = [
  /"__type":"InternalFailure"/,
  /'shardCount' failed to satisfy constraint: Member must have value less than/,
  /'retentionPeriodHours' failed to satisfy constraint/,
  /'limit' failed to satisfy constraint: Member must have value less than or equal to 10"/,
  /'tagKeys' failed to satisfy constraint: Member must have length less than or equal to 10/,
  /'tags' failed to satisfy constraint: Member must have length less than or equal to 10/,
  /'(partitionKey|records\.\d+\.member\.partitionKey|streamName)' failed to satisfy constraint: Member must not be null/,
  /Specified value was -1"/,
  /Some tags contain invalid characters/,
]

beforeAll(async () => {
  endpoint = await TestEndpoint.start()
  directory = await mkdtemp(join(tmpdir(), 'millrace-kinesalite-'))
  await writeFile(join(directory, 'package.json'), '{ "private": true }')
  const words = ['install', '--ignore-scripts', '--no-audit', `kinesalite@${VERSION}`]
  await promisify(execFile)('npm', words, { cwd: directory })
  otherPort = await freePort()
  await startOther()
  const create = { operation: 'CreateStream', input: { StreamName: THERE, ShardCount: 3 } } as const
  expect(await call(endpoint.port, create)).toMatchObject({ status: 200 })
})
afterAll(async () => {
  other.kill()
  await rm(directory, { recursive: true, force: true })
  await endpoint[Symbol.asyncDispose]()
})

async function startOther(): Promise<void> {
  const command = join(directory, 'node_modules/kinesalite/cli.js')
  other = spawn(process.execPath, [command, '--port', String(otherPort)], { stdio: 'ignore' })
  await vi.waitFor(() => send(otherPort, { method: 'GET' }), { timeout: 60_000 })
  // It keeps nothing from one start to the next.
  const create = { operation: 'CreateStream', input: { StreamName: THERE, ShardCount: 3 } } as const
  await call(otherPort, create)
  await vi.waitFor(async () => {
    const { body } = await call(otherPort, { operation: 'DescribeStream', input: { StreamName: THERE } })
    expect(body).toMatchObject({ StreamDescription: { StreamStatus: 'ACTIVE' } })
  }, 60_000)
}

/** What keeps a request for a stream from making one, where the rest of it is right. */
function creation(input: object) {
  const name = 'StreamName' in input && input.StreamName !== 'missing' ? {} : { StreamName: THERE }
  return { ...name, ...('ShardCount' in input ? {} : { ShardCount: 1 }) }
}

/** Its answer; undefined for a request by which it ends, after which it is started again. */
async function callOther(request: BadRequest) {
  try {
    return await call(otherPort, request)
  } catch {
    other.kill()
    await startOther()
    return undefined
  }
}

/** The members of an operation that kinesalite knows. */
function knownMembers(operation: OperationName): readonly string[] {
  const name = operation[0]!.toLowerCase() + operation.slice(1)
  const required = createRequire(join(directory, 'package.json'))(`kinesalite/validations/${name}`) as {
    types: Record<string, unknown>
  }
  return Object.keys(required.types)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function send(port: number, { method = 'POST', path = '/', headers = {}, body }: RawRequest) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { ...headers },
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  })
  const text = (await answer.text()).replaceAll('0000-0000-0000', ACCOUNT)
  const type = answer.headers.get('content-type')
  return { status: answer.status, type, body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text }
}

const signed = {
  authorization:
    'AWS4-HMAC-SHA256 Credential=a/20300101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=b',
}

const call = (port: number, { operation, input }: BadRequest) =>
  send(port, {
    headers: {
      ...signed,
      'x-amz-date': '20300101T000000Z',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Kinesis_20131202.${operation}`,
    },
    body: JSON.stringify(input),
  })

/** What the answers differ in, of requests that kinesalite refuses. */
async function differences(requests: readonly BadRequest[]) {
  const found = []
  for (const request of requests) {
    const theirs = await callOther(request)
    if (theirs === undefined || theirs.status === 200) continue
    if (outdated.some((text) => text.test(JSON.stringify(theirs.body)))) continue
    const ours = await call(endpoint.port, request)
    // Patterns are printed with their anchors by now.
    if (JSON.stringify(ours).replaceAll(/\^\((0\|\([^ ]*?\))\)\$/g, '$1') === JSON.stringify(theirs)) continue
    const input = JSON.stringify(request.input).slice(0, 300)
    found.push({ operation: request.operation, input, ours: ours.body, theirs: theirs.body })
  }
  return found
}

describe.each(served)('%s', (operation) => {
  it('refuses what kinesalite refuses, by the same words', async () => {
    const known = knownMembers(operation)
    const isKnown = (input: object) => Object.keys(input).every((name) => known.includes(name))
    // By now an ARN would do instead of a name, and a mode instead of a number of shards.
    const given = { ...(known.includes('StreamName') && { StreamName: 'missing' }) }
    const requests = badRequests(operations[operation].input)
      .filter(isKnown)
      .map((input) => ({
        operation,
        input: { ...given, ...input, ...(operation === 'CreateStream' && creation(input)) },
      }))
    expect(await differences(requests)).toEqual([])
  })
})

describe('what means nothing', () => {
  it('is refused as kinesalite refuses it', async () => {
    expect(await differences(meaninglessRequests(THERE, 'missing'))).toEqual([])
  })
})

describe('connections', () => {
  it.each(connections)('$name', async ({ request }) => {
    const ours = await send(endpoint.port, request)
    const theirs = await send(otherPort, request)
    // CBOR may be written in several ways.
    const isCbor = theirs.type?.includes('cbor') === true
    expect({ ...ours, ...(isCbor && { body: theirs.body }) }).toEqual(theirs)
  })
})
