// Answers, and the forms that errors take outside of any protocol. Pure.
import type { KinesisError } from '../model/errors.ts'

/** A whole answer. */
export interface WholeAnswer {
  readonly status: number
  /** Undefined: the answer names none. */
  readonly contentType?: string
  /** Besides those of every answer. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** An answer without end, in frames. */
export interface StreamedAnswer {
  readonly status: number
  readonly contentType: string
  readonly frames: AsyncIterable<Uint8Array>
}

export type Answer = WholeAnswer | StreamedAnswer

/** An error of a request that does not say in which protocol it is written: the service then answers in XML, without a type. */
export function xmlRefusal({ code, message }: KinesisError): WholeAnswer {
  if (message === '') return emptyXmlRefusal(code, 403)
  const body = `<${code}>\n  <Message>${escaped(message)}</Message>\n</${code}>\n`
  return { status: 403, body }
}

/** An error that has no text. */
export function emptyXmlRefusal(code: string, status: number): WholeAnswer {
  return { status, body: `<${code}/>\n` }
}

/** How the service refuses requests of the content type `application/json`, which an older protocol had. */
export function wrappedRefusal(code: string, status: number): WholeAnswer {
  const output = { __type: `com.amazon.coral.service#${code}` }
  return {
    status,
    contentType: 'application/json',
    body: JSON.stringify({ Output: output, Version: '1.0' }),
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
