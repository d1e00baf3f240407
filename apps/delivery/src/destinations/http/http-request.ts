// Requests of Firehose's HTTP endpoint delivery protocol, version 1.0. Pure but for gzip, which runs in libuv's pool.
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { limits, type HttpDestination } from 'millrace/protocol'

/** What one request carries. */
export interface HttpBatch {
  readonly requestId: string
  /** Milliseconds since the epoch, of this attempt. */
  readonly timestamp: number
  readonly records: readonly { readonly data: Uint8Array }[]
}

/** Records of one request at most. */
export const HTTP_RECORDS_MAX = 10_000

/** Bytes of a body at most, before compression. */
export const HTTP_BODY_BYTES_MAX = 64 * 2 ** 20

/** A batch with so many bytes of data is full: with one record more, in base64 and each in its object, it still fits into a body. */
export const HTTP_BATCH_BYTES_MAX = ((HTTP_BODY_BYTES_MAX - 2 ** 20) * 3) / 4 - limits.recordBytesMax

const compressed = promisify(gzip)

/** Headers that are the same in all requests of a delivery. */
export function headersOf(destination: HttpDestination, sourceArn: string): Readonly<Record<string, string>> {
  const { accessKey, attributes, contentEncoding } = destination
  return {
    'content-type': 'application/json',
    // The answer is short, and read as it is.
    'accept-encoding': 'identity',
    'user-agent': 'Millrace Delivery Agent/1.0',
    'x-amz-firehose-protocol-version': '1.0',
    'x-amz-firehose-source-arn': sourceArn,
    ...(accessKey !== undefined && { 'x-amz-firehose-access-key': accessKey }),
    ...(attributes !== undefined && {
      'x-amz-firehose-common-attributes': asciiJson({ commonAttributes: attributes }),
    }),
    ...(contentEncoding === 'gzip' && { 'content-encoding': 'gzip' }),
  }
}

/** JSON that fits into a header, which has no other characters. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export async function bodyOf(
  { requestId, timestamp, records }: HttpBatch,
  contentEncoding: HttpDestination['contentEncoding'],
): Promise<Buffer<ArrayBuffer>> {
  const head = `{"requestId":${JSON.stringify(requestId)},"timestamp":${timestamp},"records":[`
  const each = records.map(({ data: { buffer, byteOffset, byteLength } }) => {
    return `{"data":"${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}"}`
  })
  const body = Buffer.from(`${head}${each.join(',')}]}`)
  return contentEncoding === 'gzip' ? compressed(body) : body
}

/** What is wrong with where a delivery is to send, as a sentence; undefined: nothing. */
export function httpUrlFlaw({
  url,
  accessKey,
}: Pick<HttpDestination, 'url' | 'accessKey'>): string | undefined {
  if (!URL.canParse(url)) return `${url} is no url: give one that begins with https://.`
  const { protocol, hostname, username, password } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:')
    return `${url} is no address of HTTP: give one that begins with https://.`
  if (username !== '' || password !== '') return 'A url may hold no name and password: use the access key.'
  if (protocol === 'http:' && accessKey !== undefined && !isLoopback(hostname)) {
    return `Over http:// the access key could be read on the way to ${hostname}: use https://, or an address of this machine.`
  }
  return undefined
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
