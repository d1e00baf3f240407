// Signs requests as SDKs do, and sends them over HTTP/1.1.
import { createHash, createHmac, type BinaryLike } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { send, type PlainAnswer } from '../../wire/support/http.ts'

/** Node's hashes in the form that the signer asks for. */
export class Sha256 {
  readonly #hash
  constructor(secret?: BinaryLike) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret)
  }
  update(data: BinaryLike): void {
    this.#hash.update(data)
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
  reset(): void {}
}

export interface SignedCall {
  readonly port: number
  readonly accessKey: { readonly id: string; readonly secret: string }
  readonly operation: string
  readonly input: object
  readonly region?: string
  /** When it is signed; now by default. */
  readonly at?: Date
  /** What the scope and the target name; Kinesis by default. */
  readonly service?: string
  readonly target?: string
}

/** Calls an operation. */
export async function call({
  port,
  accessKey,
  operation,
  input,
  ...choices
}: SignedCall): Promise<PlainAnswer> {
  const { region = 'eu-west-1', at = new Date(), service = 'kinesis', target = 'Kinesis_20131202' } = choices
  const { id: accessKeyId, secret: secretAccessKey } = accessKey
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey },
    region,
    service,
    sha256: Sha256 as never,
  })
  const body = JSON.stringify(input)
  const headers = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `${target}.${operation}`,
  }
  const request = { method: 'POST', protocol: 'http:', hostname: '127.0.0.1', path: '/', headers, body }
  const signed = await signer.sign(request, { signingDate: at })
  return send(port, { headers: signed.headers, body })
}

/** Gets a path. */
export async function signedGet(
  path: string,
  { port, accessKey, service }: Pick<SignedCall, 'port' | 'accessKey'> & { readonly service: string },
): Promise<PlainAnswer> {
  const { id: accessKeyId, secret: secretAccessKey } = accessKey
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey },
    region: 'eu-west-1',
    service,
    sha256: Sha256 as never,
  })
  const headers = { host: `127.0.0.1:${port}` }
  const request = { method: 'GET', protocol: 'http:', hostname: '127.0.0.1', path, headers }
  const signed = await signer.sign(request)
  return send(port, { method: 'GET', path, headers: signed.headers })
}
