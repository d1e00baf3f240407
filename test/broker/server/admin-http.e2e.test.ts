// The admin port over real HTTP: answers to probes, scrapers, and all other requests.
import { once } from 'node:events'
import { connect } from 'node:net'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import {
  createAdminServer,
  type AdminServer,
  type AdminServerOptions,
} from '../../../broker/server/admin-http.ts'

let admin: AdminServer | undefined

afterEach(async () => {
  await admin?.close()
  admin = undefined
})

async function serve(options: Partial<AdminServerOptions> = {}) {
  admin = await createAdminServer({
    listen: { host: '127.0.0.1', port: 0 },
    ready: () => ({ ready: true, reasons: [] }),
    metrics: () => Promise.resolve('millrace_up 1\n'),
    names: ['broker.example.org'],
    log: pino({ level: 'silent' }),
    ...options,
  })
  const { port } = admin
  return {
    port,
    ask: async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
      return { status: response.status, headers: response.headers, body: await response.text() }
    },
  }
}

describe('admin port: who may read the metrics', () => {
  it('is asked of each request for them, and of no probe', async () => {
    const asked: (string | undefined)[] = []
    const { port } = await serve({
      refusalOf: ({ authorization, isPrivate }) => {
        expect(isPrivate).toBe(true)
        asked.push(authorization)
        if (authorization === undefined) return { code: 'unauthenticated', message: 'Who are you?' }
        return authorization === 'Bearer low' ? { code: 'permissionDenied', message: 'No.' } : undefined
      },
    })
    const answers = []
    for (const [path, authorization] of [
      ['/metrics'],
      ['/metrics', 'Bearer low'],
      ['/metrics', 'Bearer ok'],
      ['/healthz'],
      ['/readyz'],
    ]) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
      answers.push([
        response.status,
        response.headers.get('www-authenticate'),
        (await response.text()).trim(),
      ])
    }
    expect(answers.slice(0, 3)).toEqual([
      [401, 'Bearer', 'Who are you?'],
      [403, null, 'No.'],
      [200, null, 'millrace_up 1'],
    ])
    expect(answers.slice(3).map(([status]) => status)).toEqual([200, 200])
    expect(asked).toEqual([undefined, 'Bearer low', 'Bearer ok'])
  })
})

describe('admin port: /healthz and /readyz', () => {
  it('answer 200 while the broker is ready', async () => {
    const { ask } = await serve()
    const [health, ready] = [await ask('/healthz'), await ask('/readyz')]
    expect([health.status, JSON.parse(health.body)]).toEqual([200, { status: 'healthy', reasons: [] }])
    expect([ready.status, JSON.parse(ready.body)]).toEqual([200, { status: 'ready', reasons: [] }])
  })

  it('answer 200 and 503 while the broker is not ready, with every reason', async () => {
    const reasons = ['host 1 is starting', 'host 2 is down: it was killed']
    const { ask } = await serve({ ready: () => ({ ready: false, reasons }) })
    const [health, ready] = [await ask('/healthz'), await ask('/readyz?verbose')]
    expect(health.status).toBe(200)
    expect([ready.status, JSON.parse(ready.body)]).toEqual([503, { status: 'notReady', reasons }])
  })
})

describe('admin port: /metrics', () => {
  it('answers the text that Prometheus reads', async () => {
    const { status, headers, body } = await (await serve()).ask('/metrics')
    expect([status, body]).toEqual([200, 'millrace_up 1\n'])
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  it('answers 500 without details when the metrics cannot be collected', async () => {
    const { ask } = await serve({ metrics: () => Promise.reject(new Error('secret')) })
    const { status, body } = await ask('/metrics')
    expect(status).toBe(500)
    expect(body).not.toContain('secret')
  })
})

describe('admin port: other requests', () => {
  it('HEAD: gets the same headers without the body', async () => {
    const { status, headers, body } = await (await serve()).ask('/metrics', 'HEAD')
    expect([status, headers.get('content-length'), body]).toEqual([200, '14', ''])
  })

  it.each(['POST', 'PUT', 'DELETE'])('%s: gets 405, with the allowed methods', async (method) => {
    const { status, headers } = await (await serve()).ask('/metrics', method)
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  it.each(['/', '/metrics/', '/constructor', '/__proto__'])(
    '%s: gets 404, with the existing paths',
    async (path) => {
      const { status, body } = await (await serve()).ask(path)
      expect(status).toBe(404)
      expect(body).toContain('/healthz, /readyz, /metrics')
    },
  )

  it('endless headers: do not block the port, and their connection is closed', async () => {
    const { port, ask } = await serve()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET /healthz HTTP/1.1\r\nX: ${'x'.repeat(10_000)}`)
    socket.resume()
    await once(socket, 'close')
    expect((await ask('/healthz')).status).toBe(200)
  })
})
