// The admin port with certificates: HTTPS for probes and scrapers, and nobody who does not complete a handshake locks them out.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createAdminServer, type AdminServer } from '../../../../broker/server/admin-http.ts'
import { TestAuthority } from '../../../support/certificates.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'
import { certificatesOf } from './support/secure-serving.ts'

let admin: AdminServer
let authority: TestAuthority
let counted: CountedMetrics
const sockets: Socket[] = []

beforeEach(async () => {
  authority = await TestAuthority.make()
  counted = new CountedMetrics()
  admin = await createAdminServer({
    listen: { host: '127.0.0.1', port: 0 },
    ready: () => ({ ready: true, reasons: [] }),
    metrics: () => Promise.resolve('millrace_up 1\n'),
    names: [],
    // Clients of the broker need certificates; probes do not.
    tls: { certificates: await certificatesOf(authority, 'required'), metrics: counted.instruments },
    log: pino({ level: 'silent' }),
  })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await admin.close()
})

async function ask(path: string, ca = authority.ca): Promise<{ status: number; body: string }> {
  const asked = request({ host: '127.0.0.1', port: admin.port, path, ca, agent: false })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode!, body: await text(response) }
}

function plain(): Socket {
  const socket = connect(admin.port, '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  return socket
}

it('answers over HTTPS without certificates of clients, and shows new certificates at once', async () => {
  expect(await ask('/healthz')).toMatchObject({ status: 200 })
  expect(await ask('/metrics')).toEqual({ status: 200, body: 'millrace_up 1\n' })
  const other = await TestAuthority.make()
  admin.renewCertificates(await certificatesOf(other))
  expect(await ask('/healthz', other.ca)).toMatchObject({ status: 200 })
  await expect(ask('/healthz')).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
})

it('tells who speaks plain HTTP what to write', async () => {
  const socket = plain()
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 [^]*https:\/\//)
  expect(counted.sum('millrace_tls_handshakes_total', 'plaintext')).toBe(1)
})

it('answers beside more silent and half handshakes than it has places', async () => {
  for (let i = 0; i < 1200; i++) {
    const socket = plain()
    if (i % 2 === 0) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
  }
  for (let i = 0; i < 10; i++) expect(await ask('/readyz')).toMatchObject({ status: 200 })
})

it('closes a connection that does not complete its handshake', async () => {
  const [silent, half] = [plain(), plain()]
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
  await Promise.all([silent, half].map((socket) => once(socket.resume(), 'close')))
})
