// Verifies signatures of Version 4, with the service's texts where it refuses one. Pure but for the key, which is asked for.
import { createHash, timingSafeEqual } from 'node:crypto'
import { KinesisError } from '../model/errors.ts'
import type { RequestHead } from '../wire/request-head.ts'
import { authorizationOf, scopeOf, type Authorization, type CredentialScope } from './authorization.ts'
import { ALGORITHM, canonicalRequest, signatureOf, stringToSign } from './canonical-request.ts'
import { wrongRegion } from './open-gate.ts'

/** How far a client's clock may be from ours, and how long a signature in a header counts. */
const SKEW_MINUTES = 15
const MINUTE_MS = 60_000
/** Signatures in a query may count for a week. */
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600
const TERMINATOR = 'aws4_request'
const UNSIGNED = 'UNSIGNED-PAYLOAD'
const SHA256_HEX = /^[0-9a-f]{64}$/

export interface Verification {
  readonly head: RequestHead
  readonly body: Uint8Array
  /** What the scope must name. */
  readonly service: string
  /** The only region that is served; undefined: any. */
  readonly region: string | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The key of a scope, and whose it is; undefined where nobody has the access key. */
  readonly keyOf: (scope: CredentialScope) => Promise<VerifyingKey | undefined>
}

export interface VerifyingKey {
  /** 32 bytes. */
  readonly key: Uint8Array
  readonly principal: string
}

/** Who signed, and where. */
export interface Signer {
  readonly principal: string
  readonly region: string
}

/**
 * Verifies the signature of a request. Fails with MissingAuthenticationTokenException, IncompleteSignatureException,
 * InvalidSignatureException or UnrecognizedClientException.
 */
export async function verifySignature(verification: Verification): Promise<Signer> {
  const { head, body, keyOf } = verification
  const { authorization, scope, time } = checkedClaim(verification)
  const signedHeaders = checkedHeaders(authorization, head)
  const payloadHash = checkedHash(head, body)
  if (!SHA256_HEX.test(authorization.signature)) throw mismatch()
  // Temporary credentials are given out by another service, which this is not.
  if (authorization.securityToken !== undefined) throw unknownClient()
  const found = await keyOf(scope)
  if (found === undefined) throw unknownClient()
  const text = stringToSign(canonicalRequest({ head, signedHeaders, payloadHash }), {
    time,
    scope: [scope.date, scope.region, scope.service, scope.terminator].join('/'),
  })
  const signature = Buffer.from(authorization.signature, 'hex')
  if (!timingSafeEqual(signatureOf(found.key, text), signature)) throw mismatch()
  return { principal: found.principal, region: scope.region }
}

/**
 * Looks at what the head alone can tell: that it names a key that somebody has, for here and now. Fails as `verifySignature` does.
 */
export async function verifyHead(verification: Omit<Verification, 'body'>): Promise<void> {
  const { scope } = checkedClaim(verification)
  if ((await verification.keyOf(scope)) === undefined) throw unknownClient()
}

interface Claim {
  readonly authorization: Authorization
  readonly scope: CredentialScope
  /** In basic form. */
  readonly time: string
}

function checkedClaim({ head, service, region, now }: Omit<Verification, 'body' | 'keyOf'>): Claim {
  const authorization = authorizationOf(head)
  if (authorization.algorithm !== ALGORITHM) {
    throw incomplete(`Unsupported AWS 'algorithm': '${authorization.algorithm}'. `)
  }
  const scope = checkedScope(authorization, { service, region })
  return { authorization, scope, time: checkedTime(authorization, scope, now) }
}

function checkedScope(
  { credential }: Authorization,
  { service, region }: Pick<Verification, 'service' | 'region'>,
): CredentialScope {
  const scope = scopeOf(credential)
  if (scope === undefined) {
    throw incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential}'`,
    )
  }
  if (region !== undefined && scope.region !== region) throw wrongRegion(scope.region)
  if (scope.service !== service) {
    throw invalid(`Credential should be scoped to correct service: '${service}'. `)
  }
  if (scope.terminator !== TERMINATOR) {
    throw invalid(
      `Credential should be scoped with a valid terminator: '${TERMINATOR}', not '${scope.terminator}'. `,
    )
  }
  return scope
}

/** The time of the signature in basic form. */
function checkedTime({ date, from, expires }: Authorization, scope: CredentialScope, now: number): string {
  const signedAt = momentOf(date)
  if (signedAt === undefined) {
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${date}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  }
  const time = basic(signedAt)
  if (scope.date !== time.slice(0, 8)) {
    throw invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${scope.date}' != '${time.slice(0, 8)}', from '${time}'.`,
    )
  }
  const minutes = from === 'query' ? expiryMinutes(expires) : SKEW_MINUTES
  if (signedAt < now - minutes * MINUTE_MS) {
    throw invalid(
      `Signature expired: ${time} is now earlier than ${basic(now - minutes * MINUTE_MS)} (${basic(now)} - ${minutes} min.)`,
    )
  }
  if (signedAt > now + SKEW_MINUTES * MINUTE_MS) {
    throw invalid(
      `Signature not yet current: ${time} is still later than ${basic(now + SKEW_MINUTES * MINUTE_MS)} (${basic(now)} + ${SKEW_MINUTES} min.)`,
    )
  }
  return time
}

/** Without a word about it, a signature in a query counts as long as one in a header. */
function expiryMinutes(expires: string | undefined): number {
  if (expires === undefined) return SKEW_MINUTES
  const seconds = /^\d{1,7}$/.test(expires) ? Number(expires) : Number.POSITIVE_INFINITY
  if (seconds > EXPIRES_SECONDS_MAX) {
    throw incomplete(`X-Amz-Expires must be a number of seconds of at most a week, got '${expires}'`)
  }
  return seconds / 60
}

function checkedHeaders({ signedHeaders, from }: Authorization, head: RequestHead): string[] {
  const names = signedHeaders
    .toLowerCase()
    .split(';')
    .sort((a, b) => (a < b ? -1 : 1))
  // In HTTP/2 the host has another name, and the JavaScript SDK signs it by that.
  if (!names.includes('host') && !names.includes(':authority')) {
    throw invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
  }
  // What says which operation it is, and when it was signed, must be what was signed.
  const deciding = from === 'header' ? ['x-amz-target', 'x-amz-date'] : ['x-amz-target']
  for (const name of deciding) {
    if (head.values(name).length > 0 && !names.includes(name)) {
      throw invalid(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`)
    }
  }
  return names
}

/** A hash that the request names must be that of its body. Leaving it out is only for those who are heard by nobody else. */
function checkedHash(head: RequestHead, body: Uint8Array): string {
  const named = head.header('x-amz-content-sha256')
  if (named === UNSIGNED && head.isEncrypted) return UNSIGNED
  const hash = createHash('sha256').update(body).digest('hex')
  if (named !== undefined && named !== hash) {
    throw invalid('The value of x-amz-content-sha256 is not the hash of the body of the request.')
  }
  return hash
}

/** The moment of a basic ISO date, or of a date as HTTP writes it; undefined for anything else. */
function momentOf(date: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  const text = parts
    ? `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}Z`
    : /^[A-Z][a-z]{2}, \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (GMT|\+0000)$/.test(date)
      ? date
      : ''
  const moment = Date.parse(text)
  return Number.isNaN(moment) ? undefined : moment
}

/** A moment as YYYYMMDDTHHMMSSZ. */
function basic(moment: number): string {
  return `${new Date(moment).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

function incomplete(message: string): KinesisError {
  return new KinesisError('IncompleteSignatureException', message)
}

function invalid(message: string): KinesisError {
  return new KinesisError('InvalidSignatureException', message)
}

function mismatch(): KinesisError {
  return invalid(
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  )
}

function unknownClient(): KinesisError {
  return new KinesisError(
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
  )
}
