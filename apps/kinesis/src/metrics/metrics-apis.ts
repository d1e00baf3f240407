// PutMetricData of CloudWatch, which KCL and KPL call, and what they reported at the path /metrics. Runs in the endpoint.
// Three protocols, as SDKs of different age speak them: the query protocol, JSON 1.0, and Smithy's RPC v2 with CBOR.
import { heldGrant } from 'millrace/app'
import { allows } from 'millrace/protocol'
import { gunzipSync } from 'node:zlib'
import { parseCborValue } from '../codecs/cbor-parser.ts'
import { errors, KinesisError } from '../model/errors.ts'
import type { WholeAnswer } from '../wire/answer.ts'
import { contentTypeOf, targetOf, type Api, type Authenticated, type WireRequest } from '../wire/api.ts'
import type { RequestHead } from '../wire/request-head.ts'
import { metricReport, queryInput } from './metric-datum.ts'
import { MetricSeries } from './metric-series.ts'

const SERVICE = 'GraniteServiceVersion20100801'
/** In the credential of a request in the query protocol, which names the service nowhere else. */
const SCOPE = '/monitoring/aws4_request'
const RPC_PATH = `/service/${SERVICE}/operation/`
const RPC_HEADERS = { 'smithy-protocol': 'rpc-v2-cbor' } as const
/** A body is no longer when it is unpacked. */
const BODY_BYTES_MAX = 2 * 1024 * 1024

type Protocol = 'query' | 'json' | 'rpc'

/**
 * The APIs of metrics.
 * @param isOpen nobody has to sign, not even who reads the metrics
 * @param now milliseconds since the epoch: grants end
 */
export function metricsApis(isOpen: boolean, now: () => number): readonly Api[] {
  const series = new MetricSeries()
  return [monitoringApi(series), expositionApi(series, isOpen, now)]
}

function monitoringApi(series: MetricSeries): Api {
  return {
    name: 'monitoring',
    claims: (head) => protocolOf(head) !== undefined,
    refuse: (error, head) => refused(error, protocolOf(head) ?? 'query'),
    serve: async (request) => {
      const protocol = protocolOf(request.head)!
      try {
        await request.authenticate()
        if (operationOf(request, protocol) !== 'PutMetricData') {
          throw new KinesisError('UnknownOperationException', 'Of CloudWatch, only PutMetricData is served.')
        }
        series.report(metricReport(inputOf(request, protocol)))
        return done(protocol, request.requestId)
      } catch (error) {
        if (error instanceof KinesisError) return refused(error, protocol)
        throw error
      }
    },
  }
}

function expositionApi(series: MetricSeries, isOpen: boolean, now: () => number): Api {
  return {
    name: 'monitoring',
    claims: ({ method, path }) => method === 'GET' && path === '/metrics',
    refuse: refusedToReader,
    serve: async (request) => {
      try {
        if (!isOpen) await requireReader(await request.authenticate(), now())
        return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: series.text() }
      } catch (error) {
        if (error instanceof KinesisError) return refusedToReader(error)
        throw error
      }
    },
  }
}

/** The metrics name applications and streams: they are for who may describe the broker, as those of the admin port are. */
async function requireReader({ caller }: Authenticated, now: number): Promise<void> {
  const { name, grants } = await caller.client.access.describePrincipal()
  if (allows(grants.map(heldGrant), { kind: 'broker', name: '*', action: 'describe', now })) return
  throw new KinesisError('AccessDeniedException', `The principal ${name} has no grant broker:*:describe.`)
}

function refusedToReader({ code, message }: KinesisError): WholeAnswer {
  return { status: errors[code].status, contentType: 'text/plain', body: `${message}\n` }
}

function protocolOf(head: RequestHead): Protocol | undefined {
  if (head.method !== 'POST') return undefined
  if (head.path.startsWith(RPC_PATH)) return 'rpc'
  if (targetOf(head).prefix === SERVICE) return 'json'
  const isForm = contentTypeOf(head) === 'application/x-www-form-urlencoded'
  return isForm && head.header('authorization')?.includes(SCOPE) === true ? 'query' : undefined
}

function operationOf(request: WireRequest, protocol: Protocol): string {
  const { head } = request
  switch (protocol) {
    case 'rpc':
      return head.path.slice(RPC_PATH.length)
    case 'json':
      return targetOf(head).operation
    case 'query':
      return new URLSearchParams(textOf(request)).get('Action') ?? ''
  }
}

function inputOf(request: WireRequest, protocol: Protocol): unknown {
  switch (protocol) {
    case 'rpc':
      return parseCborValue(bodyOf(request))
    case 'query':
      return queryInput(textOf(request))
    case 'json':
      try {
        return JSON.parse(textOf(request)) as unknown
      } catch {
        throw new KinesisError('SerializationException', 'The body is no JSON.')
      }
  }
}

function textOf(request: WireRequest): string {
  return Buffer.from(bodyOf(request)).toString()
}

/** SDKs pack what is long. */
function bodyOf({ head, body }: WireRequest): Uint8Array {
  if (head.header('content-encoding') !== 'gzip') return body
  try {
    return gunzipSync(body, { maxOutputLength: BODY_BYTES_MAX })
  } catch {
    throw new KinesisError('SerializationException', 'The body does not unpack, or is too long.')
  }
}

function done(protocol: Protocol, requestId: string): WholeAnswer {
  switch (protocol) {
    case 'rpc':
      return { status: 200, headers: RPC_HEADERS, body: '' }
    case 'json':
      return { status: 200, contentType: 'application/x-amz-json-1.0', body: '{}' }
    case 'query': {
      const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`
      const body = `<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">${metadata}</PutMetricDataResponse>`
      return { status: 200, contentType: 'text/xml', body }
    }
  }
}

function refused({ code, message }: KinesisError, protocol: Protocol): WholeAnswer {
  const { status } = errors[code]
  switch (protocol) {
    case 'rpc':
      return { status, headers: RPC_HEADERS, contentType: 'application/cbor', body: cborError(code, message) }
    case 'json':
      return {
        status,
        contentType: 'application/x-amz-json-1.0',
        body: JSON.stringify({ __type: code, message }),
      }
    case 'query': {
      const text = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
      const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${text}</Message></Error>`
      const body = `<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">${error}</ErrorResponse>`
      return { status, contentType: 'text/xml', body }
    }
  }
}

/** A map of two texts. */
function cborError(code: string, message: string): Uint8Array {
  const texts = ['__type', code, 'message', message].map((text) => Buffer.from(text))
  const parts = texts.map((text) => Buffer.concat([textHead(text.length), text]))
  return Buffer.concat([Buffer.from([0xa2]), ...parts])
}

function textHead(length: number): Buffer {
  if (length < 24) return Buffer.from([0x60 | length])
  const head = Buffer.alloc(3)
  head[0] = 0x79
  head.writeUInt16BE(length, 1)
  return head
}
