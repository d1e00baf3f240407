// The port where functions are called: Lambda's answers and errors, its bounds, and clients that are slow.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { EventCalls } from '#dist/wire/event-calls.js'
import { InvokePort } from '#dist/wire/invoke-port.js'
import { wireLimits, type WireLimits } from '#dist/wire/limits.js'
import { RunningFunctions } from '../runtime/support/running-functions.ts'

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function started(limits: Partial<WireLimits> = {}) {
  const running = await RunningFunctions.start()
  closers.push(() => running[Symbol.asyncDispose]())
  const told: string[] = []
  const events = new EventCalls({
    call: (name, payload) => running.functions.call(name, { kind: 'json', payload }),
    eventsMax: 2,
    now: () => Date.now(),
    wait: (_ms, signal) => sleep(1, undefined, { signal }),
    tell: (message) => void told.push(message),
  })
  const port = await InvokePort.open({
    host: '127.0.0.1',
    port: 0,
    certificate: undefined,
    secret: 'sesame',
    limits: { ...wireLimits, ...limits },
    functions: running.functions,
    events,
    arnOf: (name) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    isThere: (name) => name !== 'gone',
  })
  closers.push(async () => {
    await port.close()
    await events.close()
  })
  const call = async (name: string, body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${port.port}/2015-03-31/functions/${name}/invocations`, {
      method: 'POST',
      headers: { authorization: 'Bearer sesame', ...headers },
      body,
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    }
  }
  return { running, port, call, told }
}

/** Hangs until there is a file `until`. */
const slow = `
  import { existsSync } from 'node:fs'
  export const handler = async ({ until }) => { while (!existsSync(until)) await new Promise((r) => setTimeout(r, 1)); return 'done' }`

const echo = `export const handler = async (event) => { console.log('got', event.n); return event }`

test('answers with what the handler returned, and with the end of the log where it is wanted', async () => {
  const { running, call } = await started()
  await running.define('echo', echo)
  const plain = await call('echo', '{"n":1}')
  expect([plain.status, plain.body]).toEqual([200, { n: 1 }])
  expect(plain.headers.get('x-amzn-requestid')).toBe('call-1')
  expect(plain.headers.get('x-amz-executed-version')).toBe('$LATEST')
  expect(plain.headers.has('x-amz-log-result')).toBe(false)
  const logged = await call('arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST', '{"n":2}', {
    'x-amz-log-type': 'Tail',
  })
  const tail = Buffer.from(logged.headers.get('x-amz-log-result')!, 'base64').toString()
  expect(tail.split('\n').slice(0, 3)).toEqual([
    'START RequestId: call-2 Version: $LATEST',
    'got 2',
    'END RequestId: call-2',
  ])
})

test('gives the last four kilobytes of a long log', async () => {
  const { running, call } = await started()
  await running.define(
    'long',
    `export const handler = () => { for (let i = 0; i < 1000; i++) console.log('line', i) }`,
  )
  const { headers } = await call('long', '', { 'x-amz-log-type': 'Tail' })
  const tail = Buffer.from(headers.get('x-amz-log-result')!, 'base64')
  expect(tail.length).toBe(4096)
  expect(tail.toString()).toContain('line 999\nEND RequestId')
})

test('answers the error of a function with its header and its trace', async () => {
  const { running, call } = await started()
  await running.define('bad', `export const handler = () => { throw new TypeError('no') }`)
  const { status, headers, body } = await call('bad', '{}')
  expect(status).toBe(200)
  expect(headers.get('x-amz-function-error')).toBe('Unhandled')
  expect(body).toEqual({
    errorType: 'TypeError',
    errorMessage: 'no',
    trace: expect.arrayContaining(['TypeError: no']),
  })
})

test('takes an event that nobody waits for, and tries it three times', async () => {
  const { running, call, told } = await started()
  await running.define('bad', `export const handler = (event) => { throw new TypeError(event.why) }`)
  const { status, body } = await call('bad', '{"why":"never"}', { 'x-amz-invocation-type': 'Event' })
  expect([status, body]).toEqual([202, undefined])
  await expect
    .poll(() => told)
    .toEqual(['An event of the function bad failed 3 times and was given up: TypeError: never'])
  expect(running.lines.filter(({ line }) => line.startsWith('START'))).toHaveLength(3)
})

test('has room for so many events that nobody waits for, and no more', async () => {
  const { running, call } = await started()
  await running.define('slow', slow)
  const until = (await running.write('x', '')) + '.done'
  const statuses: number[] = []
  for (let i = 0; i < 3; i++)
    statuses.push(
      (await call('slow', JSON.stringify({ until }), { 'x-amz-invocation-type': 'Event' })).status,
    )
  expect(statuses).toEqual([202, 202, 429])
  await running.write('x.done', '')
})

test('a dry run calls nothing', async () => {
  const { running, call } = await started()
  await running.define('echo', echo)
  expect((await call('echo', '{}', { 'x-amz-invocation-type': 'DryRun' })).status).toBe(204)
  expect(running.lines).toEqual([])
})

test.each([
  ['an unknown function', 'gone', '{}', {}, 404, 'ResourceNotFoundException'],
  ['what is no JSON', 'echo', '{"n":', {}, 400, 'InvalidRequestContentException'],
  [
    'an unknown type',
    'echo',
    '{}',
    { 'x-amz-invocation-type': 'Maybe' },
    400,
    'InvalidParameterValueException',
  ],
  ['a wrong secret', 'echo', '{}', { authorization: 'Bearer open' }, 403, 'AccessDeniedException'],
  ['no secret', 'echo', '{}', { authorization: '' }, 403, 'AccessDeniedException'],
  ['a version', 'echo:7', '{}', {}, 404, 'ResourceNotFoundException'],
  ['too large an event', 'echo', `"${'x'.repeat(6 * 1024 * 1024)}"`, {}, 413, 'RequestTooLargeException'],
  [
    'too large an event that nobody waits for',
    'echo',
    `"${'x'.repeat(1024 * 1024)}"`,
    { 'x-amz-invocation-type': 'Event' },
    413,
    'RequestTooLargeException',
  ],
])('refuses %s', async (_what, name, body, headers, status, code) => {
  const { running, call } = await started()
  await running.define('echo', echo)
  const answer = await call(name, body, headers)
  expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([status, code])
  expect(answer.body).toMatchObject({ Type: 'User', Message: expect.any(String) })
  expect(running.lines).toEqual([])
})

test('refuses calls beyond those that it may have at a time, and takes calls again after them', async () => {
  const { running, call } = await started({ callsMax: 1 })
  await running.define('slow', slow)
  const until = (await running.write('x', '')) + '.done'
  const first = call('slow', JSON.stringify({ until }))
  await expect.poll(() => running.lines.length).toBeGreaterThan(0)
  const second = await call('slow', JSON.stringify({ until }))
  expect([second.status, second.headers.get('x-amzn-errortype')]).toEqual([429, 'TooManyRequestsException'])
  await running.write('x.done', '')
  expect((await first).body).toBe('done')
  expect((await call('slow', JSON.stringify({ until }))).body).toBe('done')
})

test('cuts off a client that does not send what it said', async () => {
  const { running, port } = await started({ requestMs: 200, headMs: 100 })
  await running.define('echo', echo)
  const socket = connect(port.port, '127.0.0.1')
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {}).resume()
  socket.write(
    'POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\nContent-Length: 100\r\n\r\n{',
  )
  await closed
  expect(running.lines).toEqual([])
})

test('an endpoint of a function that cannot be reached is answered as a fault of the service', async () => {
  const { running, call } = await started()
  running.defineAs('hook', { target: { type: 'http', url: 'http://127.0.0.1:1/' } })
  const { status, headers } = await call('hook', '{}')
  expect([status, headers.get('x-amzn-errortype')]).toEqual([502, 'ServiceException'])
})
