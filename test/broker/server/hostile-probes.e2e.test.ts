// Probes of the admin port while slow and silent connections try to block it.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAdminServer, isForeignName, type AdminServer } from '../../../broker/server/admin-http.ts'

let admin: AdminServer
const hostile: Socket[] = []

beforeEach(async () => {
  admin = await createAdminServer({
    listen: { host: '127.0.0.1', port: 0 },
    ready: () => ({ ready: true, reasons: [] }),
    metrics: () => Promise.resolve('millrace_up 1\n'),
    names: ['broker.example.org'],
    log: pino({ level: 'silent' }),
  })
})

afterEach(async () => {
  for (const socket of hostile.splice(0)) socket.destroy()
  await admin.close()
})

async function slowConnection(text: string): Promise<void> {
  const socket = connect(admin.port, '127.0.0.1')
  socket.on('error', () => {})
  hostile.push(socket)
  // A connection that has to make room for others before it is used is closed.
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  socket.write(text)
}

const ask = (path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${admin.port}${path}`, { headers: { connection: 'close', ...headers } })

describe('the admin port', () => {
  it('answers 60 of 60 probes beside more slow connections than it takes', async () => {
    const beginning = (i: number) => (i % 2 === 0 ? '' : 'GET /healthz HTTP/1.1\r\nX: ')
    await Promise.all(Array.from({ length: 1100 }, (_, i) => slowConnection(beginning(i))))
    const statuses: number[] = []
    for (let i = 0; i < 60; i++) {
      await slowConnection('G')
      statuses.push((await ask('/healthz')).status)
    }
    expect(statuses).toEqual(Array.from({ length: 60 }, () => 200))
  })

  it('shows metrics by its address and names only, and health by any name', async () => {
    const { port } = admin
    const statusAs = async (path: string, host: string) => {
      const socket = connect(port, '127.0.0.1')
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      const chunks = await socket.toArray()
      return Number(/^HTTP\/1.1 (\d+)/.exec(Buffer.concat(chunks as Buffer[]).toString())?.[1])
    }
    expect(await statusAs('/metrics', 'rebound.example.com')).toBe(403)
    expect(await statusAs('/healthz', 'rebound.example.com')).toBe(200)
    expect(await statusAs('/readyz', 'rebound.example.com')).toBe(200)
    expect(await statusAs('/metrics', `localhost:${port}`)).toBe(200)
    expect(await statusAs('/metrics', 'Broker.Example.org')).toBe(200)
  })
})

describe('isForeignName', () => {
  it.each([
    '127.0.0.1',
    '127.0.0.1:7480',
    '[::1]:7480',
    '::1',
    'localhost',
    'LOCALHOST.:7480',
    'a.b',
    undefined,
  ])('false for %s', (host) => {
    expect(isForeignName(host, ['a.b'])).toBe(false)
  })

  it.each(['a.b.evil.example', 'evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', ''])(
    'true for %j',
    (host) => {
      expect(isForeignName(host, ['a.b'])).toBe(true)
    },
  )
})
