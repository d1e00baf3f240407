// What a signature of Version 4 signs: a request written in one way only. Pure.
// Texts are those of the request's bytes, one character each: they are hashed as latin1.
import { createHash, createHmac } from 'node:crypto'
import type { RequestHead } from '../wire/request-head.ts'
import { escaped, parseQuery } from './query.ts'

export const ALGORITHM = 'AWS4-HMAC-SHA256'

/** What a signature covers. */
export interface SignedRequest {
  readonly head: RequestHead
  /** In small letters, sorted. */
  readonly signedHeaders: readonly string[]
  /** Hash of the body in hexadecimal, or the word that stands for one. */
  readonly payloadHash: string
}

export interface SignedMoment {
  /** YYYYMMDDTHHMMSSZ */
  readonly time: string
  /** `date/region/service/aws4_request` */
  readonly scope: string
}

/** The request in its one form. */
export function canonicalRequest({ head, signedHeaders, payloadHash }: SignedRequest): string {
  return [
    head.method,
    canonicalPath(head.path),
    canonicalQuery(head.query),
    ...signedHeaders.map((name) => `${name}:${head.values(name).map(collapsed).join(',')}`),
    '',
    signedHeaders.join(';'),
    payloadHash,
  ].join('\n')
}

/** What the key signs. */
export function stringToSign(canonical: string, { time, scope }: SignedMoment): string {
  const hash = createHash('sha256').update(canonical, 'latin1').digest('hex')
  return [ALGORITHM, time, scope, hash].join('\n')
}

export function signatureOf(key: Uint8Array, text: string): Uint8Array {
  return createHmac('sha256', key).update(text, 'latin1').digest()
}

/** Dots are resolved, and each segment is escaped once more: so do all services but S3. */
function canonicalPath(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') segments.pop()
    else segments.push(segment)
  }
  const isFolder = segments.length > 0 && path.endsWith('/')
  return `/${segments.map(escaped).join('/')}${isFolder ? '/' : ''}`
}

/** Sorted by name, then by value, as they are written; the signature itself is no part of it. */
function canonicalQuery(query: string | undefined): string {
  return parseQuery(query)
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [escaped(name), escaped(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function collapsed(value: string): string {
  return value.trim().replace(/\s+/g, ' ')
}
