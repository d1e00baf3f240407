// Clients that send too much, too slowly or nothing at all, that never read, or that leave: each is answered or cut off, and
// nothing of them stays behind.
import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
} from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import { TestAuthority } from '../../../../test/support/certificates.ts'
import type { Answer } from '../../src/wire/answer.ts'
import type { WireRequest } from '../../src/wire/api.ts'
import { bytesOf, send } from './support/http.ts'
import { lengths, served, type Served } from './support/served.ts'

const SOON_MS = 50
/** Every wait is short; what is not waited for would last for minutes. */
const short = { openingMs: SOON_MS, headMs: SOON_MS, bodyMs: SOON_MS, stallMs: SOON_MS, idleMs: SOON_MS }

function tcp({ port }: Served): Socket {
  return connectTcp({ host: '127.0.0.1', port }).on('error', () => {})
}

/** Resolves when the other side has closed the connection; what it sent is thrown away. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.once('end', () => socket.destroy())
    socket.resume()
  })
}

/** Writes bytes one by one for as long as the connection lasts. */
async function drip(socket: Socket, bytes: string): Promise<void> {
  const ended = closed(socket)
  let at = 0
  while (!socket.destroyed) {
    socket.write(bytes.charAt(at++ % bytes.length))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await ended
}

function http2({ port }: Served): ClientHttp2Session {
  return connectHttp2(`http://127.0.0.1:${port}`).on('error', () => {})
}

/** The status of a request in HTTP/2 and its body; undefined where the stream was cut off before. */
async function statusOf(stream: ClientHttp2Stream): Promise<number | undefined> {
  let status: number | undefined
  stream.on('response', (headers) => (status = headers[':status']))
  stream.on('error', () => {})
  const ended = new Promise((resolve) => stream.once('close', resolve))
  stream.resume()
  await ended
  return status
}

async function expectNothingLeft({ front, listener }: Served): Promise<void> {
  await expect.poll(() => [front.requests, front.bytesInFlight, listener.connections]).toEqual([0, 0, 0])
}

test('a client that says nothing, or not enough, is cut off', async () => {
  const authority = await TestAuthority.make()
  await using port = await served({
    serve: lengths,
    limits: short,
    certificate: await authority.sign(['localhost']),
  })
  for (const bytes of [
    '',
    'P',
    'PR',
    '\x16',
    '\x16\x03\x01\x02\x00',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'G',
    'POST / HT',
  ]) {
    const socket = tcp(port)
    if (bytes !== '') socket.write(Buffer.from(bytes, 'latin1'))
    await closed(socket)
  }
  const silent = connectTls({ host: '127.0.0.1', port: port.port, ca: authority.ca, servername: 'localhost' })
  await closed(silent)
  await expectNothingLeft(port)
})

test('a client that sends its head or its body too slowly is cut off', async () => {
  await using port = await served({ serve: lengths, limits: short })
  await drip(
    tcp(port),
    'GET / HTTP/1.1\r\nHost: x\r\nX-Test: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  )
  const body = tcp(port)
  body.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
  await drip(body, 'a')
  const session = http2(port)
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  stream.write('a')
  expect(await statusOf(stream)).toBeUndefined()
  await new Promise((resolve) => session.once('close', resolve))
  await expectNothingLeft(port)
})

test('a client that asks for nothing more is let go', async () => {
  await using port = await served({ serve: lengths, limits: { idleMs: SOON_MS } })
  const socket = tcp(port)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await closed(socket)
  const session = http2(port)
  expect(await statusOf(session.request({ ':path': '/' }))).toBe(200)
  await new Promise((resolve) => session.once('close', resolve))
  await expectNothingLeft(port)
})

test('a head that is too large is refused', async () => {
  await using port = await served({ serve: lengths, limits: { headBytesMax: 4096 } })
  const socket = tcp(port)
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Test: ${'a'.repeat(100_000)}\r\n\r\n`)
  expect((await bytesOf(socket)).toString()).toMatch(/^HTTP\/1\.1 431 /)
  const session = http2(port)
  const stream = session.request({ ':path': '/', 'x-test': 'a'.repeat(30_000) })
  expect(await statusOf(stream)).toBe(431)
  session.destroy()
  await expectNothingLeft(port)
})

test('a body that is too large is refused, however it is sent, and one that is not is taken', async () => {
  await using port = await served({ serve: lengths, limits: { bodyBytesMax: 100_000 } })
  const whole = await send(port.port, { body: Buffer.alloc(100_000) })
  expect(whole).toMatchObject({ status: 200, text: '100000' })
  expect(await send(port.port, { body: Buffer.alloc(100_001) })).toMatchObject({ status: 413 })
  const chunked = await send(port.port, {
    headers: { 'transfer-encoding': 'chunked' },
    body: Buffer.alloc(100_001),
  })
  expect(chunked).toMatchObject({ status: 413 })
  const session = http2(port)
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  stream.end(Buffer.alloc(100_001))
  expect(await statusOf(stream)).toBe(413)
  const other = session.request({ ':method': 'POST', ':path': '/' })
  other.end(Buffer.alloc(100_000))
  expect(await statusOf(other)).toBe(200)
  session.destroy()
  await expectNothingLeft(port)
})

test('a client that waits to be told to go on is told', async () => {
  await using port = await served({ serve: lengths })
  const socket = tcp(port)
  socket.write(
    'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n',
  )
  const [first] = await new Promise<Buffer[]>((resolve) => socket.once('data', (data) => resolve([data])))
  expect(first?.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  socket.write('hello')
  expect((await bytesOf(socket)).toString()).toMatch(/^HTTP\/1\.1 200 OK[^]*5$/)
})

/** An API whose calls wait until they are let go. */
function waiting() {
  const waits: (() => void)[] = []
  const serve = async (request: WireRequest): Promise<Answer> => {
    await new Promise<void>((resolve) => waits.push(resolve))
    return lengths(request)
  }
  return { serve, waits, letGo: () => waits.splice(0).forEach((go) => go()) }
}

test('requests beyond those that may be in flight are told to come again', async () => {
  const { serve, waits, letGo } = waiting()
  await using port = await served({ serve, limits: { requestsMax: 2 } })
  const first = [send(port.port, {}), send(port.port, {})]
  await expect.poll(() => waits.length).toBe(2)
  const refused = await send(port.port, {})
  expect(refused.status).toBe(503)
  expect(refused.text).toContain('ServiceUnavailableException')
  letGo()
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200])
  const again = send(port.port, {})
  await expect.poll(() => waits.length).toBe(1)
  letGo()
  expect((await again).status).toBe(200)
  await expectNothingLeft(port)
})

test('bodies beyond what may be in memory are told to come again, over all connections', async () => {
  const { serve, waits, letGo } = waiting()
  await using port = await served({ serve, limits: { bytesInFlightMax: 150_000 } })
  const first = send(port.port, { body: Buffer.alloc(100_000) })
  await expect.poll(() => waits.length).toBe(1)
  expect(await send(port.port, { body: Buffer.alloc(100_000) })).toMatchObject({ status: 503 })
  expect(port.front.bytesInFlight).toBe(100_000)
  letGo()
  expect((await first).status).toBe(200)
  await expectNothingLeft(port)
})

test('connections beyond those that may be open are closed', async () => {
  await using port = await served({ serve: lengths, limits: { connectionsMax: 2 } })
  const open = [tcp(port), tcp(port)]
  await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  await closed(tcp(port))
  expect(port.listener.connections).toBe(2)
  for (const socket of open) socket.destroy()
  await expectNothingLeft(port)
})

/** An API that answers for ever, and counts. */
function endless() {
  const counts = { given: 0, begun: 0, returned: 0 }
  async function* frames(): AsyncGenerator<Uint8Array> {
    counts.begun += 1
    try {
      for (;;) {
        counts.given += 1
        yield Buffer.alloc(64 * 1024)
        // Lets everything else run: a generator that is always ready would otherwise be the only one.
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      counts.returned += 1
    }
  }
  const serve = (): Promise<Answer> => Promise.resolve({ status: 200, contentType: 'x/y', frames: frames() })
  return { serve, counts }
}

test('a client that never reads an answer without end is cut off, and no more is made for it than it was sent', async () => {
  const { serve, counts } = endless()
  await using port = await served({ serve, limits: { stallMs: SOON_MS } })
  const socket = tcp(port)
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  socket.pause()
  await expect.poll(() => counts.returned).toBe(1)
  socket.destroy()
  const session = http2(port)
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: true })
  stream.on('error', () => {})
  stream.pause()
  await expect.poll(() => counts.returned).toBe(2)
  session.destroy()
  // Buffers of the kernel on both sides take some; an endless answer would have been made without bound.
  expect(counts.given).toBeLessThan(1000)
  await expectNothingLeft(port)
})

test('a client that reads gets an answer without end for as long as it lasts', async () => {
  const { serve, counts } = endless()
  await using port = await served({ serve, limits: { stallMs: 60_000 } })
  const session = http2(port)
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: true })
  let received = 0
  for await (const piece of stream) {
    received += (piece as Buffer).length
    if (received > 5_000_000) break
  }
  stream.close(constants.NGHTTP2_CANCEL)
  await expect.poll(() => counts.returned).toBe(1)
  session.destroy()
  await expectNothingLeft(port)
})

test('a client that leaves is noticed by the call that serves it, in every protocol', async () => {
  const left: string[] = []
  const begun: string[] = []
  const serve = ({ head, signal }: WireRequest): Promise<Answer> => {
    begun.push(head.path)
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        left.push(head.path)
        reject(signal.reason as Error)
      })
    })
  }
  await using port = await served({ serve })
  const socket = tcp(port)
  socket.write('POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  const session = http2(port)
  const stream = session.request({ ':method': 'POST', ':path': '/2' }, { endStream: true })
  stream.on('error', () => {})
  await expect.poll(() => begun.toSorted()).toEqual(['/1', '/2'])
  socket.destroy()
  stream.close(constants.NGHTTP2_CANCEL)
  await expect.poll(() => left.toSorted()).toEqual(['/1', '/2'])
  session.destroy()
  await expectNothingLeft(port)
  expect(port.logged).toEqual([])
})

test('an API that fails is answered as an internal failure, and logged', async () => {
  await using port = await served({ serve: () => Promise.reject(new Error('of the test')) })
  expect(await send(port.port, {})).toMatchObject({ status: 500, text: '<InternalFailureException/>\n' })
  expect(port.logged).toEqual(['A request failed. Error: of the test'])
})

test('the end of the endpoint lets requests in flight be answered, in connections that then end', async () => {
  const { serve, waits, letGo } = waiting()
  const port = await served({ serve })
  const socket = tcp(port)
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')
  const session = http2(port)
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: true })
  const status = statusOf(stream)
  await expect.poll(() => waits.length).toBe(2)
  const ended = port[Symbol.asyncDispose]()
  letGo()
  const [answer] = await Promise.all([bytesOf(socket), ended])
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK[^]*Connection: close[^]*2$/i)
  expect(await status).toBe(200)
  await expectNothingLeft(port)
})

test('the end of the endpoint ends answers without end, and waits for nobody for ever', async () => {
  const { serve, counts } = endless()
  const port = await served({ serve, limits: { closingMs: SOON_MS } })
  const reading = http2(port)
  const stream = reading.request({ ':method': 'POST', ':path': '/' }, { endStream: true })
  const ended = new Promise((resolve) => stream.once('close', resolve))
  stream.on('error', () => {}).resume()
  const stuck = tcp(port)
  stuck.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n')
  await expect.poll(() => counts.begun).toBe(1)
  await port[Symbol.asyncDispose]()
  await ended
  expect(counts.returned).toBe(1)
  await expectNothingLeft(port)
  reading.destroy()
  stuck.destroy()
})
