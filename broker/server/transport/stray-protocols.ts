// Recognises clients of other protocols by their first bytes, which would be an absurd frame length. Runs anywhere; pure.
// Such a client gets a sentence that it can show to a person, in its own protocol where that is possible.

const HTTP_OPENINGS = ['GET ', 'HEAD', 'POST', 'PUT ', 'DELE', 'PATC', 'OPTI', 'CONN', 'TRAC', 'PRI ']
const TLS_HANDSHAKE = 0x16
const TLS_MAJOR_VERSION = 0x03

export type StrayProtocol = 'http' | 'tls'

/** Returns the protocol of a connection whose first bytes are `bytes`, if they look like another protocol. */
export function strayProtocol(bytes: Uint8Array): StrayProtocol | undefined {
  if (bytes[0] === TLS_HANDSHAKE && bytes[1] === TLS_MAJOR_VERSION) return 'tls'
  return HTTP_OPENINGS.includes(String.fromCharCode(...bytes.subarray(0, 4))) ? 'http' : undefined
}

/** Returns a whole HTTP response that says that this is a protocol port, and where the admin port is. */
export function httpRefusal(adminUrl: string | undefined): Uint8Array {
  const body =
    'This is a Millrace protocol port; it does not speak HTTP.\n' +
    (adminUrl === undefined ? '' : `Health and metrics are at ${adminUrl}\n`)
  return Buffer.from(
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
