// What a connection speaks, told by its first bytes.
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sniff, spokenBy, type Spoken } from '../../src/wire/sniff.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

test('spokenBy: tells HTTP/2, TLS and HTTP/1.1 apart, and asks for more where it cannot', () => {
  expect(spokenBy(preface)).toBe('http2')
  expect(spokenBy(Buffer.from([0x16, 3, 1]))).toBe('tls')
  for (const method of ['GET', 'PUT', 'POST', 'PATCH', 'PROPFIND', 'OPTIONS']) {
    expect(spokenBy(Buffer.from(`${method} / HTTP/1.1`))).toBe('http1')
  }
  expect(spokenBy(Buffer.alloc(0))).toBeUndefined()
  expect(spokenBy(Buffer.from('P'))).toBeUndefined()
  expect(spokenBy(Buffer.from('PR'))).toBeUndefined()
  expect(spokenBy(Buffer.from('PO'))).toBe('http1')
})

test('spokenBy: what it says never changes with the bytes that follow', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }), (first, more) => {
      const said = spokenBy(first)
      if (said !== undefined) expect(spokenBy(Buffer.concat([first, more]))).toBe(said)
    }),
  )
})

test('sniff: puts all bytes back, however they come', async () => {
  const socket = new PassThrough()
  const found = new Promise<Spoken>((resolve) => sniff(socket, { withinMs: 600_000, found: resolve }))
  for (const byte of preface) socket.write(Buffer.from([byte]))
  expect(await found).toBe('http2')
  socket.end('rest')
  const pieces: Buffer[] = []
  for await (const piece of socket) pieces.push(piece as Buffer)
  expect(Buffer.concat(pieces).toString()).toBe(`${preface}rest`)
})

test('sniff: destroys what ends before it has said anything', async () => {
  const socket = new PassThrough()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  sniff(socket, { withinMs: 600_000, found: () => expect.unreachable() })
  socket.end('PR')
  await closed
  expect(socket.destroyed).toBe(true)
})

test('sniff: destroys what says nothing in time', async () => {
  const socket = new PassThrough()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  sniff(socket, { withinMs: 1, found: () => expect.unreachable() })
  await closed
  expect(socket.destroyed).toBe(true)
})
