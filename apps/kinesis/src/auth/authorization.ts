// What a request says about its signature (Signature Version 4), in its Authorization header or in its query. Pure.
// Here only the form is looked at, with the service's texts; whether it is true is asked in verify-signature.ts.
import { KinesisError } from '../model/errors.ts'
import type { RequestHead } from '../wire/request-head.ts'
import { parseQuery } from './query.ts'

export interface Authorization {
  readonly from: 'header' | 'query'
  readonly algorithm: string
  readonly credential: string
  readonly signature: string
  /** Names of the signed headers, as sent. */
  readonly signedHeaders: string
  /** When it was signed, as sent. */
  readonly date: string
  /** Seconds that a query's signature counts, as sent. */
  readonly expires: string | undefined
  /** Of temporary credentials. */
  readonly securityToken: string | undefined
}

const QUERY_PARAMETERS = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
  'X-Amz-Date',
] as const

/**
 * Reads what a request says about its signature. Fails with MissingAuthenticationTokenException where it says nothing, with
 * IncompleteSignatureException where something is missing, and with InvalidSignatureException where it says it twice.
 */
export function authorizationOf(head: RequestHead): Authorization {
  const header = head.header('authorization')
  const query = parseQuery(head.query)
  const isInQuery = query.some(([name]) => name === 'X-Amz-Algorithm')
  if (header !== undefined && header !== '') {
    if (isInQuery) {
      throw new KinesisError(
        'InvalidSignatureException',
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
      )
    }
    return ofHeader(header, head)
  }
  if (!isInQuery) {
    throw new KinesisError('MissingAuthenticationTokenException', 'Missing Authentication Token')
  }
  return ofQuery(new Map(query))
}

function ofHeader(header: string, head: RequestHead): Authorization {
  const [algorithm = '', ...parts] = header.split(/[, ]/)
  const parameters = new Map<string, string>()
  for (const part of parts) {
    const at = part.indexOf('=')
    if (at > 0) parameters.set(part.slice(0, at), part.slice(at + 1))
  }
  const date = head.header('x-amz-date') || head.header('date') || ''
  const missing = ['Credential', 'Signature', 'SignedHeaders']
    .filter((name) => !parameters.get(name))
    .map((name) => `Authorization header requires '${name}' parameter. `)
  if (date === '') {
    missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
  }
  if (missing.length > 0) {
    throw new KinesisError('IncompleteSignatureException', `${missing.join('')}Authorization=${header}`)
  }
  return {
    from: 'header',
    algorithm,
    credential: parameters.get('Credential')!,
    signature: parameters.get('Signature')!,
    signedHeaders: parameters.get('SignedHeaders')!,
    date,
    expires: undefined,
    securityToken: head.header('x-amz-security-token'),
  }
}

function ofQuery(query: ReadonlyMap<string, string>): Authorization {
  const missing = QUERY_PARAMETERS.filter((name) => !query.get(name)).map(
    (name) => `AWS query-string parameters must include '${name}'. `,
  )
  if (missing.length > 0) {
    throw new KinesisError(
      'IncompleteSignatureException',
      `${missing.join('')}Re-examine the query-string parameters.`,
    )
  }
  return {
    from: 'query',
    algorithm: query.get('X-Amz-Algorithm')!,
    credential: query.get('X-Amz-Credential')!,
    signature: query.get('X-Amz-Signature')!,
    signedHeaders: query.get('X-Amz-SignedHeaders')!,
    date: query.get('X-Amz-Date')!,
    expires: query.get('X-Amz-Expires'),
    securityToken: query.get('X-Amz-Security-Token'),
  }
}

/** Where and for what an access key signed. */
export interface CredentialScope {
  readonly accessKeyId: string
  /** YYYYMMDD. */
  readonly date: string
  readonly region: string
  readonly service: string
  readonly terminator: string
}

/** The parts of `keyid/date/region/service/term`; undefined where there are not five. */
export function scopeOf(credential: string): CredentialScope | undefined {
  const parts = credential.split('/')
  if (parts.length !== 5) return undefined
  const [accessKeyId, date, region, service, terminator] = parts as [string, string, string, string, string]
  return { accessKeyId, date, region, service, terminator }
}
