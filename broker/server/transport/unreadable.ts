// What a client is told whose bytes cannot be read. Runs on the main thread of every process that listens; pure.
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { Refusal } from '../dispatch.ts'
import type { Malformation } from './connection.ts'
import { strayProtocol } from './stray-protocols.ts'

/** Says why nothing more can be read after `chunk`. 'http': the client speaks HTTP. `isFirst`: no frame came before it. */
export function malformedRefusal(error: Malformation, chunk: Uint8Array, isFirst: boolean): Refusal | 'http' {
  const stray = isFirst ? strayProtocol(chunk) : undefined
  if (stray === 'http') return stray
  const message = stray === 'tls' ? 'The client speaks TLS; this port does not.' : error.message
  return { code: error.code, message }
}

export const UNDECODABLE = 'a frame could not be decoded: a defect of this broker'

/** Says why a session ends in which a frame could not be decoded. */
export function unreadableRefusal(error: unknown): Refusal {
  if (MillraceError.is(error)) return error
  return {
    code: 'internal',
    message: 'The frame could not be decoded; the log of this process has the details.',
  }
}
