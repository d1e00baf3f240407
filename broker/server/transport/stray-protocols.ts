// Recognises clients of other protocols by their first bytes, which read as an absurd length of a frame. Runs anywhere,
// pure. They get a sentence that they can show to a person, in their own protocol where that is possible.

const HTTP_OPENINGS = ['GET ', 'HEAD', 'POST', 'PUT ', 'DELE', 'PATC', 'OPTI', 'CONN', 'TRAC', 'PRI ']
const TLS_HANDSHAKE = 0x16
const TLS_MAJOR_VERSION = 0x03

export type StrayProtocol = 'http' | 'tls'

/** The protocol that a connection seems to speak which opened with `bytes`. */
export function strayProtocol(bytes: Uint8Array): StrayProtocol | undefined {
  if (bytes[0] === TLS_HANDSHAKE && bytes[1] === TLS_MAJOR_VERSION) return 'tls'
  return HTTP_OPENINGS.includes(String.fromCharCode(...bytes.subarray(0, 4))) ? 'http' : undefined
}

/** A whole HTTP response that says where one has ended up. */
export function httpRefusal(adminUrl: string | undefined): Uint8Array {
  const body =
    'This is a Millrace protocol port; it does not speak HTTP.\n' +
    (adminUrl === undefined ? '' : `Health and metrics are at ${adminUrl}\n`)
  return Buffer.from(
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
