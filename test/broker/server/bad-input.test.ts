// Answers to wrong input, over an in-memory stream: a named error where the client can be told, the end of its connection
// where it cannot, and no effect on other clients.
import { afterEach, describe, expect, it } from 'vitest'
import { sessionLimits } from '../../../broker/server/admission.ts'
import type { Handlers } from '../../../broker/server/dispatch.ts'
import {
  decodeMessage,
  encodeError,
  encodeEvent,
  encodeFrame,
  encodeRequest,
  FrameReader,
  limits,
  messageKinds,
  operations,
  type Message,
} from '../../../protocol/index.ts'
import type { RawConnection } from '../../support/raw-connection.ts'
import { rejectionOf } from '../../support/rejection.ts'
import { clicks, serving, settled, type Serving } from './serving.ts'

const describing: Handlers<'describeStream'> = { describeStream: () => ({ stream: clicks }) }

let home: Serving | undefined

afterEach(async () => {
  await home?.server.close()
  if (home?.server.sessionCount) throw new Error('a session outlived its server')
  home = undefined
})

describe('session: a bad request', () => {
  it('of another plane gets unknownOperation', async () => {
    const { connect } = (home = serving(describing))
    const error = await rejectionOf((await connect()).request('append', { batches: [] }))
    expect(error.code).toBe('unknownOperation')
    expect(error.message).toContain('host 3')
  })

  it.each([
    ['an operation that does not exist', 9999, [], 'unknownOperation'],
    ['a field of the wrong kind', operations.describeStream.id, [7], 'invalidArgument'],
    ['a field out of its bounds', operations.describeStream.id, ['x'.repeat(500)], 'invalidArgument'],
    ['no fields at all', operations.describeStream.id, null, 'invalidArgument'],
  ])('with %s is answered by name, and the session goes on', async (_what, id, body, code) => {
    const { connect } = (home = serving(describing))
    const connection = await connect()
    const answers = messagesTo(connection)
    connection.write(...encodeFrame([messageKinds.request, id, 0xbad, body]))
    await settled()
    expect(answers).toMatchObject([{ kind: 'error', correlationId: 0xbad, error: { code } }])
    expect((await connection.request('describeStream', { name: 'clicks' })).stream).toEqual(clicks)
  })

  it('is answered now and then; a client that sends nothing else is cut', async () => {
    const { connect } = (home = serving(describing))
    const connection = await connect()
    const sendBad = () => connection.write(...encodeFrame([messageKinds.request, 9999, 0xbad, []]))
    for (let i = 0; i < 3 * sessionLimits.unreadableInARowMax; i++) {
      sendBad()
      if (i % 2 === 0) await connection.request('ping', {})
    }
    await connection.request('ping', {})
    for (let i = 0; i < sessionLimits.unreadableInARowMax; i++) sendBad()
    await connection.closed
    expect(connection.connectionErrors.at(-1)).toMatchObject({ code: 'unknownOperation' })
  })

  it('with a correlation id that is in use ends the session: answers could not be told apart', async () => {
    const { connect } = (home = serving<'describeStream'>({ describeStream: () => new Promise(() => {}) }))
    const connection = await connect()
    connection.write(...encodeRequest('describeStream', 77, { name: 'clicks' }))
    connection.write(...encodeRequest('describeStream', 77, { name: 'clicks' }))
    await connection.closed
    expect(connection.connectionErrors.map(({ code }) => code)).toEqual(['malformedFrame'])
  })
})

describe('session: bytes that are no message:', () => {
  const random = Buffer.from('7f0a991c2244c1c1c1deadbeef00112233445566778899aabbccddeeff', 'hex')

  it.each([
    ['a frame of length 0', [Buffer.alloc(4)], 'malformedFrame'],
    ['a length above the limit', [Buffer.from([0xff, 0xff, 0xff, 0x7f])], 'frameTooLarge'],
    ['a payload that is not msgpack', [Buffer.from([1, 0, 0, 0, 0xc1])], 'malformedFrame'],
    ['an array that claims 4 billion values', [frame(Buffer.from('94ddffffffff', 'hex'))], 'malformedFrame'],
    ['arrays in arrays in arrays', [frame(Buffer.alloc(60_000, 0x91))], 'malformedFrame'],
    ['an envelope that is a map', [frame(Buffer.from('81a16101', 'hex'))], 'malformedFrame'],
    ['an envelope that is too short', encodeFrame([1, 2]), 'malformedFrame'],
    ['a kind that does not exist', encodeFrame([9, 1, 1, []]), 'malformedFrame'],
    ['an event that does not exist', encodeFrame([messageKinds.event, 999, 0, []]), 'malformedFrame'],
    ['an event of the broker', encodeEvent('draining', { deadlineMs: 1 }), 'unknownOperation'],
    ['a response', encodeFrame([messageKinds.response, 1, 1, []]), 'malformedFrame'],
    ['an error', encodeError(1, { code: 'internal', message: '' }), 'malformedFrame'],
    ['random bytes', [frame(random)], 'malformedFrame'],
  ])('%s get a named error about the connection, and end it', async (_what, bytes, code) => {
    const { connect, counted } = (home = serving(describing))
    const connection = await connect()
    const other = await connect()
    connection.write(...bytes)
    await connection.closed
    expect(connection.connectionErrors.map((error) => error.code)).toEqual([code])
    expect(counted.sums('millrace_connections_closed_total')).toEqual({ [code]: 1 })
    expect((await other.request('describeStream', { name: 'clicks' })).stream).toEqual(clicks)
  })

  it('a plain HTTP request gets an HTTP answer that names this port and the admin port', async () => {
    const { stream } = (home = serving(describing, { adminUrl: 'http://127.0.0.1:7480' }))
    const socket = stream()
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await new Promise((resolve) => {
      socket.once('close', resolve)
    })
    const text = Buffer.concat(chunks).toString()
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(text).toContain('http://127.0.0.1:7480')
  })

  it('a TLS handshake gets a sentence about TLS', async () => {
    const { connect } = (home = serving(describing))
    const connection = await connect({ hello: false })
    connection.write(Buffer.from('1603010200010001fc0303', 'hex'))
    await connection.closed
    expect(connection.connectionErrors[0]).toMatchObject({ code: 'frameTooLarge' })
    expect(connection.connectionErrors[0]!.message).toContain('TLS')
  })
})

function frame(payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(payload.length)
  return Buffer.concat([prefix, payload])
}

/** Collects the raw bytes that arrive from now on. */
function messagesTo(connection: RawConnection): Message[] {
  const messages: Message[] = []
  const reader = new FrameReader({ frameBytesMax: limits.frameBytesMax })
  connection.socket.on('data', (chunk: Buffer) => messages.push(...reader.push(chunk).map(decodeMessage)))
  return messages
}
