// Firehose's HTTP endpoint protocol, version 1.0, line by line: what a request has, and which answers count.
import { gunzipSync } from 'node:zlib'
import type { HttpDestination } from 'millrace/protocol'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../../../src/destinations/http/http-answer.ts'
import {
  bodyOf,
  headersOf,
  HTTP_BATCH_BYTES_MAX,
  HTTP_BODY_BYTES_MAX,
  HTTP_RECORDS_MAX,
} from '../../../src/destinations/http/http-request.ts'
import { HttpSink } from '../../../src/destinations/http/http-sink.ts'
import { limits } from '../../../../../protocol/limits.ts'

const ARN = 'arn:aws:firehose:us-east-1:000000000000:deliverystream/hook'
const ID = '0a1b2c3d-4e5f-5061-8293-a4b5c6d7e8f9'
const destination: HttpDestination = {
  type: 'http',
  url: 'https://collector.example/in?a=b',
  contentEncoding: 'none',
  retryMs: 300_000,
}

interface Sent {
  readonly url: string
  readonly init: RequestInit
  readonly headers: Headers
}

/** The request for a batch of one record. */
async function sent(more: Partial<HttpDestination> = {}): Promise<Sent> {
  const requests: Sent[] = []
  const sink = new HttpSink(
    { destination: { ...destination, ...more }, sourceArn: ARN },
    {
      fetch: (url, init) => {
        requests.push({ url, init, headers: new Headers(init.headers) })
        return Promise.resolve(
          Response.json({ requestId: ID, timestamp: 1 }, { headers: { 'content-length': '1' } }),
        )
      },
      now: () => 1_700_000_000_000,
      random: () => 0.5,
      sleep: () => Promise.resolve(),
    },
  )
  const data = Buffer.from('öne')
  const record = { shardId: 's', sequenceNumber: 1, partitionKey: 'k', data, arrivedAt: 0 }
  const records = [{ record, partition: '', data }]
  const batch = { requestId: ID, records, plan: undefined, keep: () => Promise.resolve() }
  expect(await sink.send(batch, new AbortController().signal)).toEqual({ failed: [] })
  return requests[0]!
}

describe('a request', () => {
  it.each<[string, Partial<HttpDestination>, string, string | null]>([
    ['its version', {}, 'x-amz-firehose-protocol-version', '1.0'],
    ['its id', {}, 'x-amz-firehose-request-id', ID],
    ['the ARN of the delivery', {}, 'x-amz-firehose-source-arn', ARN],
    ['the content type', {}, 'content-type', 'application/json'],
    ['no access key where there is none', {}, 'x-amz-firehose-access-key', null],
    ['the access key as it is', { accessKey: 'a "key" = 1' }, 'x-amz-firehose-access-key', 'a "key" = 1'],
    ['no attributes where there are none', {}, 'x-amz-firehose-common-attributes', null],
    [
      'attributes as JSON',
      { attributes: { team: 'data', 'a b': '' } },
      'x-amz-firehose-common-attributes',
      '{"commonAttributes":{"team":"data","a b":""}}',
    ],
    [
      'attributes in any language',
      { attributes: { Straße: '雪 🎈' } },
      'x-amz-firehose-common-attributes',
      String.raw`{"commonAttributes":{"Stra\u00dfe":"\u96ea \ud83c\udf88"}}`,
    ],
    ['no content encoding without compression', {}, 'content-encoding', null],
    ['gzip where that is wanted', { contentEncoding: 'gzip' }, 'content-encoding', 'gzip'],
  ])('has %s', async (_, more, header, value) => {
    expect((await sent(more)).headers.get(header)).toBe(value)
  })

  it('is a POST to the url as it was given, which follows no redirect', async () => {
    const { url, init } = await sent()
    expect([url, init.method, init.redirect]).toEqual([destination.url, 'POST', 'manual'])
  })

  it.each(['none', 'gzip'] as const)('has its records in a body of JSON: %s', async (contentEncoding) => {
    const { init } = await sent({ contentEncoding })
    const bytes = init.body as Buffer
    const text = contentEncoding === 'gzip' ? gunzipSync(bytes).toString() : bytes.toString()
    expect(JSON.parse(text)).toEqual({
      requestId: ID,
      timestamp: 1_700_000_000_000,
      records: [{ data: Buffer.from('öne').toString('base64') }],
    })
  })

  it('is never larger than 64 MiB before compression, nor has it more than 10,000 records', async () => {
    expect([HTTP_RECORDS_MAX, HTTP_BODY_BYTES_MAX]).toEqual([10_000, 64 * 2 ** 20])
    // The largest batch: it is not full yet, and the largest of all records comes.
    const empty = await bodyOf({ requestId: ID, timestamp: 1_700_000_000_000, records: [] }, 'none')
    const each = Buffer.byteLength('{"data":""},')
    const base64 = (bytes: number) => Math.ceil(bytes / 3) * 4
    const data = base64(HTTP_BATCH_BYTES_MAX) + 4 * HTTP_RECORDS_MAX + base64(limits.recordBytesMax)
    expect(empty.length + HTTP_RECORDS_MAX * each + data).toBeLessThanOrEqual(HTTP_BODY_BYTES_MAX)
  })

  it('has the same headers in all attempts', () => {
    expect(headersOf(destination, ARN)).toEqual(headersOf(destination, ARN))
  })
})

const good = { requestId: ID, timestamp: 1_578_090_903_599 }
const INVALID = 'HttpEndpoint.InvalidResponseFromDestination'
const REFUSED = 'HttpEndpoint.DestinationException'

interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
}

function judged({ status = 200, headers, body = good }: Answer) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const all = { 'content-type': 'application/json', 'content-length': '9', ...headers }
  const given = Object.entries(all).filter((each): each is [string, string] => each[1] !== undefined)
  return failureOf({ status, headers: new Headers(given), body: text }, ID)
}

describe('an answer', () => {
  it.each<[string, Answer]>([
    ['the id and a time', {}],
    ['fields of its own', { body: { ...good, errorMessage: 'none', more: 1 } }],
    ['parameters of its content type', { headers: { 'content-type': 'application/json; charset=utf-8' } }],
    ['the content type in capitals', { headers: { 'content-type': 'Application/JSON' } }],
    ['the encoding that is none', { headers: { 'content-encoding': 'identity' } }],
  ])('counts with %s', (_, answer) => {
    expect(judged(answer)).toBeUndefined()
  })

  it.each<[string, Answer, string, RegExp]>([
    ['another 2xx', { status: 202 }, REFUSED, /status 202/],
    ['a redirect', { status: 301 }, REFUSED, /redirects/],
    ['an error of the caller', { status: 400, body: { errorMessage: 'no' } }, REFUSED, /400: no/],
    ['an error of its own', { status: 503, body: '' }, REFUSED, /status 503\./],
    ['another id', { body: { ...good, requestId: 'x' } }, INVALID, /requestId/],
    ['no id', { body: { timestamp: 1 } }, INVALID, /requestId/],
    ['no time', { body: { requestId: ID } }, INVALID, /timestamp/],
    ['a time as text', { body: { ...good, timestamp: '1' } }, INVALID, /timestamp/],
    ['a broken time', { body: { ...good, timestamp: 1.5 } }, INVALID, /timestamp/],
    ['a list', { body: [good] }, INVALID, /no JSON object/],
    ['no body', { body: '' }, INVALID, /no JSON object/],
    ['no JSON', { body: 'OK' }, INVALID, /no JSON object: OK/],
    ['another content type', { headers: { 'content-type': 'text/plain' } }, INVALID, /text\/plain/],
    ['no content type', { headers: { 'content-type': undefined } }, INVALID, /application\/json/],
    ['a compressed body', { headers: { 'content-encoding': 'gzip' } }, INVALID, /compressed/],
    ['no length', { headers: { 'content-length': undefined } }, INVALID, /content-length/],
  ])('fails with %s, and is asked for again', (_, answer, code, message) => {
    expect(judged(answer)).toMatchObject({
      code,
      message: expect.stringMatching(message),
      isPermanent: false,
    })
  })

  it('fails for good where it says that the request is too large', () => {
    expect(judged({ status: 413 })).toMatchObject({ code: REFUSED, isPermanent: true })
  })

  it('fails where it is larger than 1 MiB', () => {
    expect(failureOf({ status: 200, headers: new Headers(), body: undefined }, ID)).toMatchObject({
      code: 'HttpEndpoint.ResponseTooLarge',
      isPermanent: false,
    })
  })
})
