// Functions that are HTTP endpoints: what each answer means to the call, the emulator's ways, bounds, and connections that are kept.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { RunningFunctions } from '../runtime/support/running-functions.ts'

const EMULATOR = '/2015-03-31/functions/function/invocations'
const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

interface Given {
  readonly says: string
  readonly path?: string
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body: string
  readonly means: unknown
}

const error = JSON.stringify({ errorType: 'KeyError', errorMessage: 'no key', stackTrace: ['at a', 'at b'] })
const keyError = { errorType: 'KeyError', errorMessage: 'no key', stackTrace: ['at a', 'at b'] }

test.each<Given>([
  { says: 'JSON', status: 200, body: '{"a":1}', means: { a: 1 } },
  { says: 'nothing', status: 204, body: '', means: null },
  {
    says: 'a function error by header',
    status: 200,
    headers: { 'X-Amz-Function-Error': 'Unhandled' },
    body: error,
    means: keyError,
  },
  { says: 'an error in an answer that is none', status: 200, body: error, means: JSON.parse(error) },
  { says: '500 with an error', status: 500, body: error, means: keyError },
  {
    says: '500',
    status: 500,
    body: 'oops',
    means: {
      errorType: 'Function.HttpStatus500',
      errorMessage: expect.stringMatching(/answered 500: oops$/),
    },
  },
  { says: '404', status: 404, body: '', means: { errorType: 'Function.HttpStatus404' } },
  {
    says: 'a redirect',
    status: 302,
    headers: { location: '/other' },
    body: '',
    means: { errorType: 'Function.HttpStatus302', errorMessage: expect.stringContaining('redirects') },
  },
  { says: '429', status: 429, body: '', means: { errorType: 'TooManyRequestsException', isThrottle: true } },
  { says: '503', status: 503, body: 'later', means: { errorType: 'ServiceException', isThrottle: true } },
  {
    says: 'too much',
    status: 200,
    body: `"${'x'.repeat(7_000_000)}"`,
    means: { errorType: 'Function.ResponseSizeTooLarge' },
  },
  { says: 'of the emulator: JSON', path: EMULATOR, status: 200, body: '[1]', means: [1] },
  { says: 'of the emulator: a function error', path: EMULATOR, status: 200, body: error, means: keyError },
  {
    says: 'of the emulator: an answer with an error among others',
    path: EMULATOR,
    status: 200,
    body: '{"errorType":"a","errorMessage":"b","more":1}',
    means: { errorType: 'a', errorMessage: 'b', more: 1 },
  },
  {
    says: 'of the emulator: a timeout',
    path: EMULATOR,
    status: 200,
    body: 'Task timed out after 3.00 seconds',
    means: { errorType: 'Sandbox.Timedout' },
  },
  {
    says: 'of the emulator: its process ended',
    path: EMULATOR,
    status: 502,
    body: '{"errorType":"Runtime.ExitError","errorMessage":"exit"}',
    means: { errorType: 'Runtime.ExitError', errorMessage: 'exit' },
  },
  {
    says: 'of the emulator: it is busy',
    path: EMULATOR,
    status: 400,
    body: '',
    means: { errorType: 'ServiceException', isThrottle: true },
  },
])('an answer $says', async ({ path = '/hook', status, headers = {}, body, means }) => {
  await using running = await RunningFunctions.start()
  const seen: unknown[] = []
  const url = await serving((request, response) => {
    void bodyOf(request).then((got) => {
      seen.push([request.method, request.url, request.headers['content-type'], JSON.parse(got)])
      response.writeHead(status, headers).end(body)
    })
  })
  running.defineAs('hook', { target: { type: 'http', url: `${url}${path}` } })
  const found = await running.result('hook', { n: 1 })
  if (typeof means === 'object' && means !== null && 'errorType' in means) expect(found).toMatchObject(means)
  else expect(found).toEqual(means)
  expect(seen).toEqual([['POST', path, 'application/json', { n: 1 }]])
})

test('an endpoint that cannot be reached counts as no attempt, and says why', async () => {
  await using running = await RunningFunctions.start()
  running.defineAs('hook', { target: { type: 'http', url: 'http://127.0.0.1:1/' } })
  expect(await running.result('hook')).toMatchObject({
    errorType: 'ServiceException',
    errorMessage: expect.stringContaining('ECONNREFUSED'),
    isThrottle: true,
  })
})

test('an endpoint that ends the connection before it has answered counts as no attempt', async () => {
  await using running = await RunningFunctions.start()
  const url = await serving((request) => request.socket.destroy())
  running.defineAs('hook', { target: { type: 'http', url } })
  expect(await running.result('hook')).toMatchObject({ errorType: 'ServiceException', isThrottle: true })
})

test('an endpoint that hangs is given up at the timeout of the function', async () => {
  await using running = await RunningFunctions.start()
  const url = await serving(() => {})
  running.defineAs('hook', { target: { type: 'http', url }, timeoutMs: 100 })
  expect(await running.result('hook')).toMatchObject({
    errorType: 'Sandbox.Timedout',
    errorMessage: expect.stringContaining('0.10 seconds'),
  })
})

test('an emulator is given one call at a time, others wait', async () => {
  await using running = await RunningFunctions.start()
  let atOnce = 0
  let most = 0
  const url = await serving((_request, response) => {
    most = Math.max(most, ++atOnce)
    setImmediate(() => {
      atOnce -= 1
      response.end('1')
    })
  })
  running.defineAs('hook', { target: { type: 'http', url: `${url}${EMULATOR}` } })
  expect(await Promise.all(Array.from({ length: 8 }, () => running.result('hook')))).toEqual(Array(8).fill(1))
  expect(most).toBe(1)
})

/** An emulator: it ends a call when the test says so, whoever waits for it, and notes how many it had at once. */
async function slowEmulator() {
  const begun: (() => void)[] = []
  let atOnce = 0
  const seen = { calls: 0, most: 0 }
  const origin = await serving((_request, response) => {
    seen.calls += 1
    seen.most = Math.max(seen.most, ++atOnce)
    begun.push(() => {
      atOnce -= 1
      response.end('1')
    })
    if (!emulator.isSlow) emulator.end()
  })
  const emulator = {
    url: `${origin}${EMULATOR}`,
    origin,
    seen,
    /** It waits for the test. */
    isSlow: true,
    end: () => begun.shift()!(),
  }
  return emulator
}

const stillCalled = {
  errorType: 'ServiceException',
  errorMessage: expect.stringContaining('still has the call call-1, which was given up') as string,
  isThrottle: true,
}

test('an emulator is not called again before it has ended a call that was given up at its timeout', async () => {
  await using running = await RunningFunctions.start()
  const emulator = await slowEmulator()
  running.defineAs('hook', { target: { type: 'http', url: emulator.url }, timeoutMs: 100 })
  const [first, waiting] = [running.result('hook'), running.result('hook')]
  expect(await first).toMatchObject({ errorType: 'Sandbox.Timedout' })
  expect(await waiting).toMatchObject(stillCalled)
  expect(await running.result('hook')).toMatchObject(stillCalled)
  expect(emulator.seen).toEqual({ calls: 1, most: 1 })
  running.defineAs('hook', { target: { type: 'http', url: emulator.url } })
  emulator.isSlow = false
  emulator.end()
  await expect.poll(() => running.result('hook')).toBe(1)
  expect(emulator.seen.most).toBe(1)
})

test('an emulator is not called again before it has ended a call that its caller gave up', async () => {
  await using running = await RunningFunctions.start()
  const emulator = await slowEmulator()
  running.defineAs('hook', { target: { type: 'http', url: emulator.url } })
  const caller = new AbortController()
  const call = running.call('hook', {}, { signal: caller.signal })
  await expect.poll(() => emulator.seen.calls).toBe(1)
  caller.abort(new Error('the shard is lost'))
  await expect(call).rejects.toThrow('the shard is lost')
  expect(await running.result('hook')).toMatchObject(stillCalled)
})

test('an emulator whose connection ends has ended its call', async () => {
  await using running = await RunningFunctions.start()
  const emulator = await slowEmulator()
  running.defineAs('hook', { target: { type: 'http', url: emulator.url }, timeoutMs: 100 })
  expect(await running.result('hook')).toMatchObject({ errorType: 'Sandbox.Timedout' })
  servers[0]!.closeAllConnections()
  await expect.poll(() => running.result('hook')).toMatchObject({ errorType: 'Sandbox.Timedout' })
  expect(emulator.seen.calls).toBe(2)
})

test('functions that name one emulator wait in one line, also where one was turned away and back', async () => {
  await using running = await RunningFunctions.start()
  const [emulator, other] = [await slowEmulator(), await serving((_request, response) => response.end('2'))]
  const to = (url: string) => ({ target: { type: 'http', url } }) as const
  running.defineAs('hook', to(emulator.url))
  running.defineAs('second', to(`${emulator.origin}/2015-03-31/functions/second/invocations`))
  const first = running.result('hook')
  await expect.poll(() => emulator.seen.calls).toBe(1)
  running.defineAs('hook', to(`${other}${EMULATOR}`))
  expect(await running.result('hook')).toBe(2)
  running.defineAs('hook', to(emulator.url))
  const rest = [running.result('hook'), running.result('second')]
  for (let ended = 1; ended <= 3; ended++) {
    await expect.poll(() => emulator.seen.calls).toBe(ended)
    emulator.end()
  }
  expect(await Promise.all([first, ...rest])).toEqual([1, 1, 1])
  expect(emulator.seen.most).toBe(1)
})

test('calls go over one connection that is kept, and over another where the endpoint ended it', async () => {
  await using running = await RunningFunctions.start()
  const connections = new Set<number>()
  const url = await serving((request, response) => {
    connections.add(request.socket.remotePort!)
    response.end('1')
  })
  running.defineAs('hook', { target: { type: 'http', url } })
  for (let i = 0; i < 5; i++) expect(await running.result('hook')).toBe(1)
  expect(connections.size).toBe(1)
  servers[0]!.closeAllConnections()
  expect(await running.result('hook')).toBe(1)
  expect(connections.size).toBe(2)
})

test('an answer that is no JSON is an error of the function to a mapping', async () => {
  await using running = await RunningFunctions.start()
  const url = await serving((_request, response) => response.end('<html>'))
  running.defineAs('hook', { target: { type: 'http', url } })
  const event = { kind: 'json', payload: Buffer.from('{}') } as const
  const result = await running.functions.invoke('hook', event, { signal: new AbortController().signal })
  expect(result).toMatchObject({
    ok: false,
    error: { errorType: 'Runtime.InvalidResponse', errorMessage: expect.stringContaining('<html>') },
  })
})
