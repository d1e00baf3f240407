// Bytes that no client would send, in plain text and within TLS: each connection is answered or cut off, nothing stays behind, and
// the next client is served as ever.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TestAuthority } from '../../../../test/support/certificates.ts'
import { send } from './support/http.ts'
import { lengths, served } from './support/served.ts'

const SOON_MS = 30
const limits = {
  openingMs: SOON_MS,
  headMs: SOON_MS,
  bodyMs: SOON_MS,
  stallMs: SOON_MS,
  idleMs: SOON_MS,
  bodyBytesMax: 10_000,
}

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const words = fc
  .array(
    fc.constantFrom(
      'POST ',
      'GET ',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '/',
      ' HTTP/1.1\r\n',
      ' HTTP/1.0\r\n',
      'Host: x\r\n',
      'Content-Length: 5\r\n',
      'Content-Length: -1\r\n',
      'Content-Length: 99999999999999999999\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Expect: 100-continue\r\n',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n',
      'X-Amz-Target: Kinesis_20131202.PutRecord\r\n',
      'Origin: \xff\r\n',
      '\r\n',
      '5\r\nhello\r\n',
      'fffffffff\r\n',
      '0\r\n\r\n',
      '\0',
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'))

/** A frame of HTTP/2 with a sound length and anything else. */
const frame = fc
  .tuple(fc.nat(12), fc.nat(255), fc.nat(8), fc.uint8Array({ maxLength: 60 }))
  .map(([type, flags, stream, payload]) => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  })
const session = fc
  .array(frame, { maxLength: 12 })
  .map((frames) =>
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'), ...frames]),
  )

const conversation = fc.record({
  isTls: fc.boolean(),
  ends: fc.boolean(),
  pieces: fc.array(fc.oneof(bytes, words, session), { minLength: 1, maxLength: 4 }),
})

test('anything at all is answered or cut off, and nothing of it stays', async () => {
  const authority = await TestAuthority.make()
  const certificate = await authority.sign(['localhost'])
  await using port = await served({ serve: lengths, limits, certificate })
  const at = { host: '127.0.0.1', port: port.port }
  const dial = (isTls: boolean): Socket =>
    isTls ? connectTls({ ...at, ca: authority.ca, servername: 'localhost' }) : connectTcp(at)
  await fc.assert(
    fc.asyncProperty(fc.array(conversation, { minLength: 1, maxLength: 8 }), async (conversations) => {
      await Promise.all(
        conversations.map(async ({ isTls, ends, pieces }) => {
          const socket = dial(isTls)
          const closed = new Promise((resolve) => socket.once('close', resolve))
          socket.on('error', () => {}).resume()
          for (const piece of pieces) socket.write(piece)
          if (ends) socket.end()
          await closed
        }),
      )
      await expect
        .poll(() => [port.front.requests, port.front.bytesInFlight, port.listener.connections])
        .toEqual([0, 0, 0])
      // Where the machine is slow, a sound client too may be cut off once.
      const answer = () => send(port.port, { body: 'hello' }).catch(() => undefined)
      await expect.poll(answer).toMatchObject({ status: 200, text: '5' })
    }),
    { numRuns: 60 },
  )
  expect(port.logged).toEqual([])
})
