// The port where functions are called, under what no client would send: it answers or ends the connection, and goes on.
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EventCalls } from '#dist/wire/event-calls.js'
import { InvokePort } from '#dist/wire/invoke-port.js'
import { wireLimits } from '#dist/wire/limits.js'

const GOOD =
  'POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\n'
let port: InvokePort

beforeAll(async () => {
  const call = async () =>
    ({ requestId: 'r', durationMs: 0, result: { ok: true, json: '"called"' } }) as const
  const events = new EventCalls({ call, eventsMax: 1, now: () => 0, wait: async () => {}, tell: () => {} })
  port = await InvokePort.open({
    host: '127.0.0.1',
    port: 0,
    certificate: undefined,
    secret: 'sesame',
    limits: { ...wireLimits, headMs: 200, requestMs: 400 },
    functions: { call },
    events,
    arnOf: (name) => name,
    isThere: () => true,
  })
})

afterAll(() => port.close())

/** Sends bytes, and gives all that comes back until the connection ends. */
function sent(text: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    const socket = connect(port.port, '127.0.0.1')
    socket.on('error', () => {}).on('data', (piece) => pieces.push(piece))
    socket.on('close', () => resolve(Buffer.concat(pieces).toString('latin1')))
    socket.end(text)
  })
}

/** Bytes that look random and are always the same. */
function noise(seed: number, bytes: number): Buffer {
  let state = seed
  return Buffer.from(
    Array.from({ length: bytes }, () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16),
  )
}

test.each([
  ['nothing', ''],
  ['half a head', 'POST /2015-03'],
  ['a head too large', `${GOOD}X: ${'x'.repeat(64 * 1024)}\r\n\r\n`],
  ['two lengths', `${GOOD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
  ['a length and chunks', `${GOOD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a length below nothing', `${GOOD}Content-Length: -1\r\n\r\n`],
  ['a length of words', `${GOOD}Content-Length: many\r\n\r\n`],
  ['a body that ends too early', `${GOOD}Content-Length: 10\r\n\r\n{}`],
  ['bad chunks', `${GOOD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['TLS', Buffer.from('1603010200010001fc0303', 'hex')],
  ['a path that is none', `POST http://[ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\n\r\n`],
  ['noise', noise(1, 4096)],
  [
    'noise behind a good head',
    Buffer.concat([Buffer.from(`${GOOD}Content-Length: 4096\r\nConnection: close\r\n\r\n`), noise(2, 4096)]),
  ],
])('%s is refused or cut off, and the next call is answered', async (_what, text) => {
  expect(await sent(text)).not.toContain('"called"')
  expect(await sent(`${GOOD}Content-Length: 2\r\nConnection: close\r\n\r\n{}`)).toContain('"called"')
})
