// One port, every protocol: HTTP/1.1, HTTP/2 by prior knowledge, and both within TLS, negotiated or not.
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestAuthority } from '../../../../test/support/certificates.ts'

const PATH = '/_millrace/health'
const HEALTHY = '{"status":"ok"}'

let endpoint: KinesisEndpoint
let ca: string

beforeAll(async () => {
  const authority = await TestAuthority.make()
  ca = authority.ca
  endpoint = await createKinesisEndpoint({ port: 0, tls: await authority.sign(['localhost']) })
})

afterAll(() => endpoint?.close())

const at = () => ({ host: '127.0.0.1', port: endpoint.port })
const tlsAt = () => ({ ...at(), ca, servername: 'localhost' })

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}

async function http1Get(agent: HttpAgent | HttpsAgent, path = PATH): Promise<string> {
  const isTls = agent instanceof HttpsAgent
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = isTls
      ? requestHttps({ ...tlsAt(), agent, path }, resolve)
      : requestHttp({ ...at(), agent, path }, resolve)
    sent.on('error', reject).end()
  })
  return textOf(response)
}

/** Asks within a session, and pings. */
async function http2Get(session: ClientHttp2Session): Promise<string> {
  try {
    const stream = session.request({ ':path': PATH })
    const text = await textOf(stream)
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error ? reject(error) : resolve()))
    })
    return text
  } finally {
    session.close()
  }
}

const tcp = (): Socket => connectTcp(at())

test('one port: speaks HTTP/1.1, several requests in one connection', async () => {
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 })
  expect(await http1Get(agent)).toBe(HEALTHY)
  expect(await http1Get(agent)).toBe(HEALTHY)
  agent.destroy()
})

test('one port: speaks HTTP/2 in plain text by prior knowledge, and answers pings', async () => {
  expect(await http2Get(connectHttp2(endpoint.url))).toBe(HEALTHY)
})

test('one port: speaks HTTP/1.1 over TLS, several requests in one connection', async () => {
  const agent = new HttpsAgent({ keepAlive: true, maxSockets: 1 })
  expect(await http1Get(agent)).toBe(HEALTHY)
  expect(await http1Get(agent)).toBe(HEALTHY)
  agent.destroy()
})

test('one port: speaks HTTP/2 over TLS where it was negotiated, and answers pings', async () => {
  const socket = connectTls({ ...tlsAt(), ALPNProtocols: ['h2', 'http/1.1'] })
  const text = await http2Get(connectHttp2(endpoint.url, { createConnection: () => socket }))
  expect(socket.alpnProtocol).toBe('h2')
  expect(text).toBe(HEALTHY)
})

test('one port: speaks HTTP/2 over TLS where nothing was negotiated, and answers pings', async () => {
  const socket = connectTls(tlsAt())
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  expect(socket.alpnProtocol).toBe(false)
  const session = connectHttp2(endpoint.url, {
    createConnection: () => Object.defineProperty(socket, 'alpnProtocol', { value: 'h2' }),
  })
  expect(await http2Get(session)).toBe(HEALTHY)
})

test('one port: reads requests that come byte by byte', async () => {
  const socket = tcp()
  for (const byte of `GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`) {
    await new Promise((resolve) => socket.write(byte, resolve))
  }
  expect(await textOf(socket)).toContain(HEALTHY)
})

test('one port: answers a client that has ended its side', async () => {
  const socket = tcp()
  socket.end(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`)
  expect(await textOf(socket)).toContain(HEALTHY)
})

test('one port: closes what is none of its protocols', async () => {
  for (const bytes of [
    '\0\0\0\0\0\0',
    'SSH-2.0-x\r\n',
    '\x16\x03\x01\x00\x05hello',
    'PRI * HTTP/9.9\r\n\r\n',
  ]) {
    const socket = tcp()
    socket.on('error', () => {})
    socket.write(bytes)
    await new Promise((resolve) => socket.on('close', resolve).resume())
  }
  const agent = new HttpAgent()
  expect(await http1Get(agent)).toBe(HEALTHY)
})
