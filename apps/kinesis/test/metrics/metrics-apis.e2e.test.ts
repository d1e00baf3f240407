// PutMetricData at the port of an endpoint, in each protocol that SDKs speak.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKinesisEndpoint, type KinesisEndpoint } from '../../src/endpoint.ts'

let endpoint: KinesisEndpoint
beforeAll(async () => {
  endpoint = await createKinesisEndpoint({ port: 0 })
})
afterAll(() => endpoint.close())

const authorization =
  'AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=b'

const post = (path: string, headers: Record<string, string>, body: string | Uint8Array) =>
  fetch(endpoint.url + path, {
    method: 'POST',
    headers: { authorization, 'x-amz-date': '20260101T000000Z', ...headers },
    body: Buffer.from(body),
  })

const metrics = async () => (await fetch(`${endpoint.url}/metrics`)).text()

/** CBOR of texts, numbers, lists and objects, as SDKs write it. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') {
    const double = Buffer.alloc(9)
    double[0] = 0xfb
    double.writeDoubleBE(value, 1)
    return double
  }
  if (typeof value === 'string')
    return Buffer.concat([Buffer.from([0x60 | value.length]), Buffer.from(value)])
  if (Array.isArray(value))
    return Buffer.concat([Buffer.from([0x9f]), ...value.map(cbor), Buffer.from([0xff])])
  const members = Object.entries(value as object).flatMap(([name, member]) => [cbor(name), cbor(member)])
  return Buffer.concat([Buffer.from([0xbf]), ...members, Buffer.from([0xff])])
}

const input = (namespace: string, value: number) => ({
  Namespace: namespace,
  MetricData: [{ MetricName: 'Records', Value: value, Unit: 'Count' }],
})

const line = (namespace: string, value: number) =>
  `cloudwatch_sum{namespace="${namespace}",metric="Records",unit="Count"} ${value}\n`

describe('PutMetricData', () => {
  it('is taken in the query protocol, in JSON and in CBOR, packed too, and shown to Prometheus', async () => {
    const query =
      'Action=PutMetricData&Version=2010-08-01&Namespace=query&MetricData.member.1.MetricName=Records&MetricData.member.1.Value=2.5&MetricData.member.1.Unit=Count'
    const asForm = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const form = await post('/', asForm, query)
    expect([form.status, await form.text()]).toEqual([200, expect.stringContaining('PutMetricDataResponse')])
    const target = { 'x-amz-target': 'GraniteServiceVersion20100801.PutMetricData' }
    const asJson = { ...target, 'content-type': 'application/x-amz-json-1.0' }
    const json = await post('/', asJson, JSON.stringify(input('json', 3)))
    expect([json.status, await json.text()]).toEqual([200, '{}'])
    const path = '/service/GraniteServiceVersion20100801/operation/PutMetricData'
    const asCbor = { 'smithy-protocol': 'rpc-v2-cbor', 'content-type': 'application/cbor' }
    for (const [body, headers] of [
      [cbor(input('cbor', 4.5)), asCbor],
      [gzipSync(cbor(input('packed', 5))), { ...asCbor, 'content-encoding': 'gzip' }],
    ] as const) {
      const answer = await post(path, headers, body)
      expect([answer.status, answer.headers.get('smithy-protocol')]).toEqual([200, 'rpc-v2-cbor'])
      expect(await answer.text()).toBe('')
    }
    const shown = await metrics()
    for (const expected of [line('query', 2.5), line('json', 3), line('cbor', 4.5), line('packed', 5)]) {
      expect(shown).toContain(expected)
    }
  })

  it('is refused in the protocol of the request, and so is all else of CloudWatch', async () => {
    const asForm = { 'content-type': 'application/x-www-form-urlencoded' }
    const form = await post('/', asForm, 'Action=ListMetrics')
    expect([form.status, await form.text()]).toEqual([
      400,
      expect.stringContaining('<Code>UnknownOperationException</Code>'),
    ])
    const target = { 'x-amz-target': 'GraniteServiceVersion20100801.PutMetricData' }
    const json = await post('/', { ...target, 'content-type': 'application/x-amz-json-1.0' }, '{')
    expect([json.status, await json.json()]).toEqual([
      400,
      { __type: 'SerializationException', message: expect.any(String) as unknown },
    ])
    const path = '/service/GraniteServiceVersion20100801/operation/PutMetricData'
    const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024))
    for (const [body, headers] of [
      [Buffer.from('no cbor'), {}],
      [bomb, { 'content-encoding': 'gzip' }],
    ] as const) {
      const answer = await post(path, { 'smithy-protocol': 'rpc-v2-cbor', ...headers }, body)
      expect(answer.status).toBe(400)
      expect(answer.headers.get('content-type')).toBe('application/cbor')
    }
  })

  it('leaves forms that are not its own to others', async () => {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: authorization.replace('monitoring', 'kinesis'),
    }
    const answer = await post('/', headers, 'Action=PutMetricData')
    expect(await answer.text()).not.toContain('ErrorResponse')
  })
})
