// A server of S3 in this process, small and strict, that fails as a test tells it to: what real servers do too seldom. It takes
// single puts and multipart uploads, lists, gives back and deletes, and holds bytes to their MD5.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeRequest {
  /** The operation, as S3 calls it. */
  readonly operation: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** What the server does instead of what it was asked for. */
export type Misdeed =
  | { readonly status: number; readonly code?: string; readonly headers?: Readonly<Record<string, string>> }
  /** Never answers. */
  | 'hang'
  /** Closes the connection in the middle of the answer. */
  | 'cut'
  /** Does as it is told, and closes the connection instead of answering. */
  | 'lose answer'
  /** Does as it is told, and tells another ETag. */
  | 'wrong etag'

interface Upload {
  readonly bucket: string
  readonly key: string
  readonly parts: Map<number, { readonly etag: string; readonly bytes: Buffer }>
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export class FakeS3 implements AsyncDisposable {
  /** By `bucket/key`. */
  readonly objects = new Map<string, { readonly bytes: Buffer; readonly etag: string }>()
  readonly buckets = new Set<string>(['lake'])
  readonly uploads = new Map<string, Upload>()
  readonly requests: FakeRequest[] = []
  /** Asked at each request; undefined: the server does as it is told. */
  misdeed: (request: FakeRequest) => Misdeed | undefined = () => undefined
  readonly #server: Server
  #uploadsMade = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<FakeS3> {
    const server = createServer((message, response) => void fake.#take(message, response))
    // A machine that stands still for a while must not look like a server that closes its connections.
    server.keepAliveTimeout = 0
    const fake = new FakeS3(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The operations that were asked for, in their order. */
  operations(): readonly string[] {
    return this.requests.map(({ operation }) => operation)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #take(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of message) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const request = requestOf(message, Buffer.concat(chunks))
    this.requests.push(request)
    const misdeed = this.misdeed(request)
    if (misdeed === 'hang') return
    if (misdeed === 'cut') {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('<?xml', () => response.destroy())
      return
    }
    if (typeof misdeed === 'object') {
      const { status, code, headers } = misdeed
      send(response, { status, headers: headers ?? {}, body: code === undefined ? '' : error(code) })
      return
    }
    const answer = this.#serve(request)
    if (misdeed === 'lose answer') response.destroy()
    else if (misdeed === 'wrong etag') send(response, { ...answer, headers: { etag: `"${'0'.repeat(32)}"` } })
    else send(response, answer)
  }

  #serve(request: FakeRequest): Answer {
    const { operation, bucket, key, query, body } = request
    if (!this.buckets.has(bucket)) return refuse(404, 'NoSuchBucket')
    const name = `${bucket}/${key}`
    const isDamaged = damaged(request)
    if (isDamaged !== undefined) return isDamaged
    switch (operation) {
      case 'PutObject':
        this.objects.set(name, { bytes: body, etag: etagOf(body) })
        return { status: 200, headers: { etag: etagOf(body) } }
      case 'GetObject':
      case 'HeadObject': {
        const found = this.objects.get(name)
        if (found === undefined) return refuse(404, 'NoSuchKey')
        if (request.headers['if-none-match'] === found.etag) return { status: 304 }
        return { status: 200, headers: { etag: found.etag }, body: found.bytes }
      }
      case 'DeleteObject':
        this.objects.delete(name)
        return { status: 204 }
      case 'ListObjectsV2':
        return this.#list(bucket, query)
      case 'ListMultipartUploads':
        return this.#listUploads(bucket, query.get('prefix') ?? '')
      default:
        return this.#serveUpload(request)
    }
  }

  #serveUpload({ operation, bucket, key, query, body }: FakeRequest): Answer {
    if (operation === 'CreateMultipartUpload') {
      const id = `upload-${++this.#uploadsMade}`
      this.uploads.set(id, { bucket, key, parts: new Map() })
      const inner = `<UploadId>${id}</UploadId>`
      return { status: 200, body: `<InitiateMultipartUploadResult>${inner}</InitiateMultipartUploadResult>` }
    }
    const id = query.get('uploadId') ?? ''
    const upload = this.uploads.get(id)
    if (upload === undefined) return refuse(404, 'NoSuchUpload')
    switch (operation) {
      case 'UploadPart':
        upload.parts.set(Number(query.get('partNumber')), { etag: etagOf(body), bytes: body })
        return { status: 200, headers: { etag: etagOf(body) } }
      case 'AbortMultipartUpload':
        this.uploads.delete(id)
        return { status: 204 }
      case 'CompleteMultipartUpload':
        return this.#complete(id, upload, body.toString())
      default:
        return refuse(405, 'MethodNotAllowed')
    }
  }

  #complete(id: string, { bucket, key, parts }: Upload, body: string): Answer {
    const named = [...body.matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      etag: /<ETag>(.*?)</.exec(part)?.[1]?.replaceAll('&quot;', '"') ?? '',
    }))
    const found = named.map(({ number, etag }) => {
      const part = parts.get(number)
      return part?.etag === etag ? part.bytes : undefined
    })
    if (found.includes(undefined) || found.length !== parts.size) return refuse(400, 'InvalidPart')
    const digests = (found as Buffer[]).map((bytes) => createHash('md5').update(bytes).digest())
    const etag = `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${found.length}"`
    this.objects.set(`${bucket}/${key}`, { bytes: Buffer.concat(found as Buffer[]), etag })
    this.uploads.delete(id)
    const inner = `<ETag>${etag.replaceAll('"', '&quot;')}</ETag>`
    return { status: 200, body: `<CompleteMultipartUploadResult>${inner}</CompleteMultipartUploadResult>` }
  }

  /** Two keys a page, so that pages are followed. */
  #list(bucket: string, query: URLSearchParams): Answer {
    const prefix = `${bucket}/${query.get('prefix') ?? ''}`
    const after = query.get('continuation-token') ?? ''
    const all = [...this.objects]
      .filter(([name]) => name.startsWith(prefix) && name > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    const page = all.slice(0, 2)
    const contents = page.map(
      ([name, { bytes }]) =>
        `<Contents><Key>${name.slice(bucket.length + 1)}</Key><Size>${bytes.length}</Size></Contents>`,
    )
    const next =
      all.length > page.length
        ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${page.at(-1)![0]}</NextContinuationToken>`
        : '<IsTruncated>false</IsTruncated>'
    return { status: 200, body: `<ListBucketResult>${next}${contents.join('')}</ListBucketResult>` }
  }

  #listUploads(bucket: string, prefix: string): Answer {
    const uploads = [...this.uploads]
      .filter(([, upload]) => upload.bucket === bucket && upload.key.startsWith(prefix))
      .map(([id, { key }]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`)
    return {
      status: 200,
      body: `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`,
    }
  }
}

function requestOf(message: IncomingMessage, body: Buffer): FakeRequest {
  const url = new URL(message.url ?? '/', 'http://fake')
  const [, bucket = '', ...rest] = url.pathname.split('/')
  const key = rest.map(decodeURIComponent).join('/')
  const query = url.searchParams
  const operation = operationOf(message.method ?? '', key, query)
  return { operation, bucket, key, query, headers: message.headers, body }
}

function operationOf(method: string, key: string, query: URLSearchParams): string {
  if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
  if (method === 'GET') return key === '' ? 'ListObjectsV2' : 'GetObject'
  if (method === 'PUT') return query.has('partNumber') ? 'UploadPart' : 'PutObject'
  if (method === 'POST') return query.has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload'
  if (method === 'DELETE') return query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject'
  return method === 'HEAD' ? 'HeadObject' : method
}

/** Bytes that are not those that were signed, or that their MD5 says. */
function damaged({ operation, headers, body }: FakeRequest): Answer | undefined {
  if (operation !== 'PutObject' && operation !== 'UploadPart') return undefined
  const md5 = createHash('md5').update(body).digest('base64')
  if (headers['content-md5'] !== md5) return refuse(400, 'BadDigest')
  const sha = createHash('sha256').update(body).digest('hex')
  return headers['x-amz-content-sha256'] === sha ? undefined : refuse(400, 'XAmzContentSHA256Mismatch')
}

const etagOf = (bytes: Buffer): string => `"${createHash('md5').update(bytes).digest('hex')}"`
const error = (code: string): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}.</Message></Error>`
const refuse = (status: number, code: string): Answer => ({ status, body: error(code) })

function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  const isHead = response.req.method === 'HEAD'
  response.writeHead(status, { 'content-type': 'application/xml', ...headers })
  response.end(isHead ? undefined : body)
}
