// What a service is that the port serves, and what it is given. Pure types. One port serves several: a request goes to the first
// service of the table that claims it by its head.
import type { Caller } from '../call.ts'
import type { KinesisError } from '../model/errors.ts'
import type { Answer, WholeAnswer } from './answer.ts'
import type { RequestHead } from './request-head.ts'

/** Who sent a request, and in which region it is at home. */
export interface Authenticated {
  readonly caller: Caller
  readonly region: string
}

/** A request that was read. Nobody vouches for it yet. */
export interface WireRequest {
  readonly head: RequestHead
  readonly body: Uint8Array
  readonly requestId: string
  /** Fires when the client is gone, and for an answer without end, when the endpoint closes. */
  readonly signal: AbortSignal
  /** Verifies the signature. Fails with KinesisError. */
  authenticate(): Promise<Authenticated>
}

export interface Api {
  /** What credential scopes call it. */
  readonly name: string
  /** Whether a request is this service's. */
  claims(head: RequestHead): boolean
  /** The answer of an error that befell a request before it came here, or behind it. */
  refuse(error: KinesisError, head: RequestHead): WholeAnswer
  /** Answers; refusals are answers too, in the protocol of the request. What it throws is answered as an internal failure. */
  serve(request: WireRequest): Promise<Answer>
}

/** The two halves of `X-Amz-Target: Kinesis_20131202.PutRecord`. */
export interface Target {
  readonly prefix: string
  readonly operation: string
}

/** Reads the target of a request; empty halves where it has none. */
export function targetOf(head: RequestHead): Target {
  const [prefix = '', operation = ''] = (head.header('x-amz-target') ?? '').split('.')
  return { prefix, operation }
}

/** The content type of a request without its parameters. */
export function contentTypeOf(head: RequestHead): string {
  return (head.header('content-type') ?? '').split(';')[0]!.trim()
}
