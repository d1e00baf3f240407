// What a request is told that is no proper call: the service's status, content type and body, in the service's order of checks.
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LOOKS_SIGNED, send, type PlainRequest } from './support/http.ts'

let endpoint: KinesisEndpoint

beforeAll(async () => {
  endpoint = await createKinesisEndpoint({ port: 0 })
})

afterAll(() => endpoint?.close())

const JSON_TYPE = 'application/x-amz-json-1.1'
const CBOR_TYPE = 'application/x-amz-cbor-1.1'
const LIST_STREAMS = 'Kinesis_20131202.ListStreams'
const UUID = /^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/

interface Told {
  readonly status: number
  readonly type?: string
  readonly body: string | Buffer
}

async function expectTold(request: PlainRequest, { status, type, body }: Told): Promise<void> {
  const answer = await send(endpoint.port, request)
  const wanted = Buffer.from(body)
  expect({
    status: answer.status,
    type: answer.headers['content-type'],
    body: answer.bytes.toString('latin1'),
  }).toEqual({
    status,
    type,
    body: wanted.toString('latin1'),
  })
  expect(answer.headers['content-length']).toBe(String(wanted.length))
  expect(answer.headers['x-amzn-requestid']).toMatch(UUID)
  expect(Buffer.from(String(answer.headers['x-amz-id-2']), 'base64')).toHaveLength(72)
}

const xml = (code: string, message: string) => `<${code}>\n  <Message>${message}</Message>\n</${code}>\n`
const told = {
  accessDenied: {
    status: 403,
    body: xml('AccessDeniedException', 'Unable to determine service/operation name to be authorized'),
  },
  unknown: { status: 400, type: JSON_TYPE, body: '{"__type":"UnknownOperationException"}' },
  unknownXml: { status: 404, body: '<UnknownOperationException/>\n' },
  unknownCbor: cbor('UnknownOperationException', [0x78, 0x19]),
  unknownOlder: {
    status: 404,
    type: 'application/json',
    body: '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}',
  },
  serialization: { status: 400, type: JSON_TYPE, body: '{"__type":"SerializationException"}' },
  serializationCbor: cbor('SerializationException', [0x76]),
  serializationOlder: {
    status: 400,
    type: 'application/json',
    body: '{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}',
  },
} satisfies Record<string, Told>

/** A map of indefinite length with one member, as the service writes it. */
function cbor(code: string, head: readonly number[]): Told {
  const body = Buffer.concat([
    Buffer.from([0xbf, 0x66]),
    Buffer.from('__type'),
    Buffer.from(head),
    Buffer.from(code),
    Buffer.from([0xff]),
  ])
  return { status: 400, type: CBOR_TYPE, body }
}

const refused = (code: string, message: string): Told => ({
  status: 400,
  type: JSON_TYPE,
  body: JSON.stringify({ __type: code, message }),
})

test.each(['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s: is no call', async (method) => {
  await expectTold({ method }, told.accessDenied)
  await expectTold({ method, path: '/any/path?a=b' }, told.accessDenied)
})

test('HEAD: is answered without a body', async () => {
  expect(await send(endpoint.port, { method: 'HEAD' })).toMatchObject({ status: 403, text: '' })
})

describe('a request without a body', () => {
  test.each<[string, PlainRequest['headers'], Told]>([
    ['nothing else', {}, told.unknownCbor],
    ['another content type', { 'content-type': 'application/x-amz-json-1.0' }, told.unknownCbor],
    ['an older content type', { 'content-type': 'application/json' }, told.unknownCbor],
    ['a content type and no target', { 'content-type': JSON_TYPE }, told.unknown],
    ['half a target', { 'x-amz-target': 'Kinesis_20131202.' }, told.unknownCbor],
    ['an unknown operation', { 'x-amz-target': 'Kinesis_20131202.ListStream' }, told.unknownCbor],
    ['an operation of every object', { 'x-amz-target': 'Kinesis_20131202.toString' }, told.unknownCbor],
    ['another service', { 'x-amz-target': 'Whatever.ListStreams' }, told.unknownCbor],
    ['an operation and no content type', { 'x-amz-target': LIST_STREAMS }, told.serializationCbor],
    [
      'an operation and an older content type',
      { 'x-amz-target': LIST_STREAMS, 'content-type': 'application/json' },
      told.serializationCbor,
    ],
    [
      'an operation and a content type',
      { 'x-amz-target': LIST_STREAMS, 'content-type': JSON_TYPE },
      told.serialization,
    ],
  ])('with %s', async (_name, headers, wanted) => {
    await expectTold({ headers: { ...headers } }, wanted)
    await expectTold({ headers: { ...headers, ...LOOKS_SIGNED } }, wanted)
  })
})

describe('a request with a body', () => {
  test.each<[string, PlainRequest, Told]>([
    ['no content type', { body: '{}' }, told.accessDenied],
    [
      'a target and no content type',
      { body: '{}', headers: { 'x-amz-target': LIST_STREAMS } },
      told.unknownXml,
    ],
    [
      'an unknown operation',
      { body: '{}', headers: { 'content-type': JSON_TYPE, 'x-amz-target': 'Kinesis_20131202.No' } },
      told.unknown,
    ],
    ['no target', { body: '{}', headers: { 'content-type': JSON_TYPE } }, told.unknown],
    ['no target and no JSON', { body: 'hello', headers: { 'content-type': JSON_TYPE } }, told.serialization],
    [
      'no JSON',
      { body: 'hello', headers: { 'content-type': JSON_TYPE, 'x-amz-target': LIST_STREAMS } },
      told.serialization,
    ],
    [
      'JSON that is no object',
      { body: 'true', headers: { 'content-type': JSON_TYPE, 'x-amz-target': LIST_STREAMS } },
      told.serialization,
    ],
    [
      'an older content type',
      { body: '{}', headers: { 'content-type': 'application/json', 'x-amz-target': LIST_STREAMS } },
      told.unknownOlder,
    ],
    [
      'an older content type with spaces, and no JSON',
      { body: 'hello', headers: { 'content-type': '   application/json   ;', 'x-amz-target': LIST_STREAMS } },
      told.serializationOlder,
    ],
  ])('with %s', (_name, request, wanted) => expectTold(request, wanted))
})

describe('a call whose signature is incomplete', () => {
  const call = (headers: Record<string, string>, path = '/') => ({
    path,
    body: '{}',
    headers: { 'content-type': JSON_TYPE, 'x-amz-target': LIST_STREAMS, ...headers },
  })
  const missing = refused('MissingAuthenticationTokenException', 'Missing Authentication Token')
  const nothingInHeader =
    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
    "Authorization header requires 'SignedHeaders' parameter. " +
    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=X"
  const nothingInQuery =
    "AWS query-string parameters must include 'X-Amz-Algorithm'. " +
    "AWS query-string parameters must include 'X-Amz-Credential'. " +
    "AWS query-string parameters must include 'X-Amz-Signature'. " +
    "AWS query-string parameters must include 'X-Amz-SignedHeaders'. " +
    "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters."
  const incomplete = (message: string) => refused('IncompleteSignatureException', message)

  test.each<[string, PlainRequest, Told]>([
    ['nothing', call({}), missing],
    ['nothing, and spaces', call({ 'content-type': `   ${JSON_TYPE}   ;whatever` }), missing],
    [
      'all but the algorithm in the query',
      call({}, '/?X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d'),
      missing,
    ],
    ['a word in the header', call({ authorization: 'X' }), incomplete(nothingInHeader)],
    [
      'a word in the header, and half a name in the query',
      call({ authorization: 'X' }, '/?X-Amz-Algorith'),
      incomplete(nothingInHeader),
    ],
    [
      'both a header and a query',
      call({ authorization: 'X' }, '/?X-Amz-Algorithm'),
      refused(
        'InvalidSignatureException',
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
      ),
    ],
    ...[
      'AWS4- Signature=b Credential=a',
      'AWS4- Signature=b,Credential=a',
      'AWS4- Signature=b, Credential=a',
    ].map((authorization): [string, PlainRequest, Told] => [
      authorization,
      call({ authorization, date: 'a' }),
      incomplete(`Authorization header requires 'SignedHeaders' parameter. Authorization=${authorization}`),
    ]),
    ['a name in the query', call({}, '/?X-Amz-Algorithm'), incomplete(nothingInQuery)],
    [
      'all but the signed headers in the query',
      call({}, '/?X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-Date=d'),
      incomplete(
        "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
      ),
    ],
  ])('by %s', (_name, request, wanted) => expectTold(request, wanted))
})

describe('a request from a page of another origin', () => {
  test('may read the answer', async () => {
    const { headers, status } = await send(endpoint.port, { headers: { origin: 'whatever' } })
    expect(status).toBe(400)
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-expose-headers':
        'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date',
    })
  })

  test('is told before that it may', async () => {
    const { headers, status, text } = await send(endpoint.port, {
      method: 'OPTIONS',
      headers: {
        origin: 'whatever',
        'access-control-request-headers': 'a, b, c',
        'access-control-request-method': 'd',
      },
    })
    expect({ status, text }).toEqual({ status: 200, text: '' })
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'a, b, c',
      'access-control-allow-methods': 'd',
      'access-control-max-age': '172800',
      'content-length': '0',
    })
    expect(headers['x-amzn-requestid']).toMatch(UUID)
    expect(headers).not.toHaveProperty('x-amz-id-2')
    expect(headers).not.toHaveProperty('content-type')
  })
})
