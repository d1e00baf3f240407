// Signatures of Version 4, against the signer that SDKs use.
import { createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CredentialScope } from '../../src/auth/authorization.ts'
import { escaped } from '../../src/auth/query.ts'
import { verifySignature, type VerifyingKey } from '../../src/auth/verify-signature.ts'
import { headOf, type RequestParts } from './support/requests.ts'
import { Sha256 } from './support/signer.ts'

const ID = 'MRKAAAAAAAAAAAAAAAAA'
const SECRET = 'a secret of a test'
const HOST = 'localhost:4567'
const NOW = Date.UTC(2026, 10, 30, 17, 30, 12)
const MINUTE_MS = 60_000
const TARGET = 'Kinesis_20131202.PutRecord'

function signerOf(region = 'eu-west-1', service = 'kinesis') {
  return new SignatureV4({
    credentials: { accessKeyId: ID, secretAccessKey: SECRET },
    region,
    service,
    sha256: Sha256 as never,
  })
}

interface Unsigned {
  readonly method?: string
  readonly path?: string
  readonly query?: Record<string, string | string[]>
  readonly headers?: Record<string, string>
  readonly body?: string
}

interface Sent extends RequestParts {
  readonly body: string
}

async function signed(
  { method = 'POST', path = '/', query = {}, headers = {}, body = '{}' }: Unsigned = {},
  { at = NOW, signer = signerOf(), hostHeader = 'host' } = {},
): Promise<Sent> {
  const request = {
    method,
    protocol: 'http:',
    hostname: 'localhost',
    path,
    query,
    headers: { [hostHeader]: HOST, 'x-amz-target': TARGET, ...headers },
    body,
  }
  const { headers: sent } = await signer.sign(request, { signingDate: new Date(at) })
  return { method, path, query: written(query), headers: Object.entries(sent), body }
}

async function presigned(unsigned: Unsigned, expiresIn: number): Promise<Sent> {
  const { method = 'POST', path = '/', query = {}, headers = {}, body = '{}' } = unsigned
  const request = {
    method,
    protocol: 'http:',
    hostname: 'localhost',
    path,
    query,
    headers: { host: HOST, ...headers },
    body,
  }
  const sent = await signerOf().presign(request, { signingDate: new Date(NOW), expiresIn })
  return { method, path, query: written(sent.query ?? {}), headers: Object.entries(sent.headers), body }
}

function written(query: Record<string, string | string[] | null>): string | undefined {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one) => `${escaped(name)}=${escaped(one)}`),
  )
  return parts.length === 0 ? undefined : parts.join('&')
}

function derived({ date, region, service }: CredentialScope): Uint8Array {
  return [date, region, service, 'aws4_request'].reduce<Uint8Array>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${SECRET}`),
  )
}

const keyOf = (scope: CredentialScope): Promise<VerifyingKey | undefined> =>
  Promise.resolve(scope.accessKeyId === ID ? { key: derived(scope), principal: 'alice' } : undefined)

function verify(sent: Sent, choices: { now?: number; region?: string; service?: string } = {}) {
  const { now = NOW, region, service = 'kinesis' } = choices
  return verifySignature({ head: headOf(sent), body: Buffer.from(sent.body), service, region, now, keyOf })
}

function withHeader(sent: Sent, name: string, value: string): Sent {
  return { ...sent, headers: [...sent.headers.filter(([other]) => other !== name), [name, value]] }
}

const refused = (code: string, message?: string | RegExp) =>
  expect.objectContaining({
    code,
    ...(message !== undefined && {
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    }),
  })

const mismatch = refused('InvalidSignatureException', /^The request signature we calculated does not match/)

const pathSegment = fc.string({
  unit: fc.constantFrom(...Array.from('ab-._~ /*+=&%:@é'), '%2F'),
  maxLength: 6,
})
const unsigned = fc.record({
  path: fc.array(pathSegment, { maxLength: 4 }).map((parts) => `/${parts.map(encodeURI).join('/')}`),
  query: fc.dictionary(
    fc.string({ unit: fc.constantFrom(...Array.from('aB-é &=+/')), minLength: 1, maxLength: 5 }),
    fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    ),
    { maxKeys: 4, noNullPrototype: true },
  ),
  headers: fc.dictionary(
    fc
      .string({ unit: fc.constantFrom(...Array.from('abc')), minLength: 1, maxLength: 4 })
      .map((name) => `x-test-${name}`),
    fc.string({ unit: fc.constantFrom(...Array.from('ab,:; =')), maxLength: 12 }),
    { maxKeys: 3, noNullPrototype: true },
  ),
  body: fc.string(),
})

describe('verifySignature: requests of the signer', () => {
  test('takes any that is unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(unsigned, async (request) => {
        await expect(verify(await signed(request))).resolves.toEqual({
          principal: 'alice',
          region: 'eu-west-1',
        })
      }),
    )
  })

  test('takes any that is signed in its query', async () => {
    await fc.assert(
      fc.asyncProperty(unsigned, async (request) => {
        const sent = await presigned(request, 600)
        await expect(verify(sent)).resolves.toEqual({ principal: 'alice', region: 'eu-west-1' })
      }),
    )
  })

  test('refuses one whose body, path, query or header was altered', async () => {
    const sent = await signed({ headers: { 'x-test': 'a' }, query: { a: 'b' }, path: '/c' })
    for (const altered of [
      { ...sent, path: '/d' },
      { ...sent, query: 'a=c' },
      { ...sent, query: 'a=b&c=d' },
      { ...sent, query: undefined },
      { ...sent, method: 'PUT' },
      withHeader(sent, 'x-test', 'b'),
      withHeader(sent, 'host', 'elsewhere'),
      withHeader(sent, 'x-amz-target', 'Kinesis_20131202.DeleteStream'),
    ]) {
      await expect(verify(altered)).rejects.toEqual(mismatch)
    }
    // The signer names the hash of the body, which then is what does not fit.
    await expect(verify({ ...sent, body: '{"a":1}' })).rejects.toEqual(refused('InvalidSignatureException'))
    const unnamed = withoutHash(await signed({}, { signer: noHash() }))
    await expect(verify(unnamed)).resolves.toBeDefined()
    await expect(verify({ ...unnamed, body: '{"a":1}' })).rejects.toEqual(mismatch)
  })

  test('takes one that signs its host by the name that HTTP/2 has for it', async () => {
    const sent = await signed({}, { hostHeader: ':authority' })
    expect(sent.headers.map(([name]) => name)).not.toContain('host')
    await expect(verify(sent)).resolves.toBeDefined()
    await expect(verify(withHeader(sent, ':authority', 'elsewhere'))).rejects.toEqual(mismatch)
  })

  test('takes headers that were sent several times, joined', async () => {
    const sent = await signed({ headers: { 'x-test': 'a,b' } })
    const split = { ...sent, headers: sent.headers.flatMap(splitTest) }
    await expect(verify(split)).resolves.toBeDefined()
  })
})

function splitTest([name, value]: readonly [string, string]): (readonly [string, string])[] {
  return name === 'x-test' ? value.split(',').map((part) => [name, `  ${part} `] as const) : [[name, value]]
}

/** A signer as those of boto3 and Go, which send no hash of the body. */
function noHash() {
  return new SignatureV4({
    credentials: { accessKeyId: ID, secretAccessKey: SECRET },
    region: 'eu-west-1',
    service: 'kinesis',
    sha256: Sha256 as never,
    applyChecksum: false,
  })
}

function withoutHash(sent: Sent): Sent {
  expect(sent.headers.some(([name]) => name === 'x-amz-content-sha256')).toBe(false)
  return sent
}

describe('verifySignature: what is refused', () => {
  test('one replayed beyond the allowed skew, and one from the future', async () => {
    const sent = await signed()
    const limit = 15 * MINUTE_MS
    await expect(verify(sent, { now: NOW + limit })).resolves.toBeDefined()
    await expect(verify(sent, { now: NOW - limit })).resolves.toBeDefined()
    await expect(verify(sent, { now: NOW + limit + 1000 })).rejects.toEqual(
      refused(
        'InvalidSignatureException',
        'Signature expired: 20261130T173012Z is now earlier than 20261130T173013Z (20261130T174513Z - 15 min.)',
      ),
    )
    await expect(verify(sent, { now: NOW - limit - 1000 })).rejects.toEqual(
      refused(
        'InvalidSignatureException',
        'Signature not yet current: 20261130T173012Z is still later than 20261130T173011Z (20261130T171511Z + 15 min.)',
      ),
    )
  })

  test('one in a query after its time', async () => {
    const sent = await presigned({}, 3600)
    await expect(verify(sent, { now: NOW + 3_600_000 })).resolves.toBeDefined()
    await expect(verify(sent, { now: NOW + 3_601_000 })).rejects.toEqual(
      refused('InvalidSignatureException', /^Signature expired: 20261130T173012Z is now earlier than/),
    )
  })

  test('one for another region or service', async () => {
    const sent = await signed()
    await expect(verify(sent, { region: 'eu-west-1' })).resolves.toBeDefined()
    await expect(verify(sent, { region: 'us-east-1' })).rejects.toEqual(
      refused(
        'InvalidSignatureException',
        "Credential should be scoped to a valid region, not 'eu-west-1'. ",
      ),
    )
    await expect(verify(sent, { service: 'dynamodb' })).rejects.toEqual(
      refused('InvalidSignatureException', "Credential should be scoped to correct service: 'dynamodb'. "),
    )
  })

  test('one of an access key that nobody has, and one of temporary credentials', async () => {
    const sent = await signed()
    const unknown = refused(
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    )
    const [, authorization = ''] = sent.headers.find(([name]) => name === 'authorization') ?? []
    await expect(
      verify(withHeader(sent, 'authorization', authorization.replace(ID, 'MRKBBBBBBBBBBBBBBBBB'))),
    ).rejects.toEqual(unknown)
    await expect(verify(withHeader(sent, 'x-amz-security-token', 'x'))).rejects.toEqual(unknown)
  })

  test('one that does not sign its host, its target or its time', async () => {
    for (const name of ['host', 'x-amz-target', 'x-amz-date']) {
      const sent = await signed()
      const [, authorization = ''] = sent.headers.find(([other]) => other === 'authorization') ?? []
      const without = authorization.replace(/SignedHeaders=[^,]+/, (signedHeaders) =>
        signedHeaders.replace(new RegExp(`${name};|;${name}$`), ''),
      )
      expect(without).not.toBe(authorization)
      await expect(verify(withHeader(sent, 'authorization', without))).rejects.toEqual(
        refused('InvalidSignatureException', /must be a 'SignedHeader'/),
      )
    }
  })

  test('one that leaves its body out, unless it comes over TLS', async () => {
    const sent = await signed({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } })
    await expect(verify(sent)).rejects.toEqual(refused('InvalidSignatureException'))
    await expect(verify({ ...sent, isEncrypted: true })).resolves.toBeDefined()
  })

  test('one whose parts are not of their form', async () => {
    const sent = await signed()
    const [, authorization = ''] = sent.headers.find(([name]) => name === 'authorization') ?? []
    const altered = (from: string | RegExp, to: string) =>
      verify(withHeader(sent, 'authorization', authorization.replace(from, to)))
    await expect(altered('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1')).rejects.toEqual(
      refused('IncompleteSignatureException', /^Unsupported AWS 'algorithm'/),
    )
    await expect(altered('/kinesis/', '/')).rejects.toEqual(
      refused('IncompleteSignatureException', /^Credential must have exactly 5 slash-delimited elements/),
    )
    await expect(altered('20261130/', '20261129/')).rejects.toEqual(
      refused('InvalidSignatureException', /^Date in Credential scope does not match YYYYMMDD/),
    )
    await expect(altered('aws4_request', 'aws5')).rejects.toEqual(
      refused('InvalidSignatureException', /^Credential should be scoped with a valid terminator/),
    )
    await expect(altered(/Signature=.+$/, 'Signature=00')).rejects.toEqual(mismatch)
    await expect(verify(withHeader(sent, 'x-amz-date', 'yesterday'))).rejects.toEqual(
      refused('IncompleteSignatureException', /^Date must be in ISO-8601 'basic format'\. Got 'yesterday'/),
    )
  })
})

test('verifySignature: answers anything at all with a named error', async () => {
  const anything = fc.record({
    query: fc.option(fc.string({ unit: fc.constantFrom(...Array.from('X-Amz-Algorithm=&%a')) }), {
      nil: undefined,
    }),
    headers: fc.array(
      fc.tuple(
        fc.constantFrom('authorization', 'x-amz-date', 'date', 'host', 'x-amz-content-sha256'),
        fc.oneof(
          fc.string(),
          fc
            .tuple(fc.string(), fc.string(), fc.string())
            .map(([a, b, c]) => `AWS4-HMAC-SHA256 Credential=${a}, SignedHeaders=${b}, Signature=${c}`),
          fc.constant(
            `AWS4-HMAC-SHA256 Credential=${ID}/20261130/x/kinesis/aws4_request, SignedHeaders=host, Signature=x`,
          ),
          fc.constant('20261130T173012Z'),
        ),
      ),
    ),
    body: fc.string(),
  })
  await fc.assert(
    fc.asyncProperty(anything, async (sent) => {
      await expect(verify(sent)).rejects.toMatchObject({ name: 'KinesisError' })
    }),
  )
})
