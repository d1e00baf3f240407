// How a module is called: the forms of handlers and modules, the context, the environment, what is printed, turns, and reloads.
import { expect, test } from 'vitest'
import { RunningFunctions } from './support/running-functions.ts'

test.each([
  ['a promise', `export const handler = async (event) => event.n + 1`],
  ['a value', `export const handler = (event) => event.n + 1`],
  [
    'a callback',
    `export const handler = (event, context, callback) => { setTimeout(() => callback(null, event.n + 1), 1) }`,
  ],
  ['a callback at once', `export function handler(event, context, callback) { callback(null, event.n + 1) }`],
  [
    'a callback, and returns a timer',
    `export const handler = (event, context, callback) => setTimeout(() => callback(null, event.n + 1), 1)`,
  ],
  ['a default export', `export default { handler: (event) => event.n + 1 }`],
])('takes the result of a handler by %s', async (_form, source) => {
  await using running = await RunningFunctions.start()
  await running.define('next', source)
  expect(await running.result('next', { n: 1 })).toBe(2)
  expect(await running.result('next', { n: 2 })).toBe(3)
})

test.each([
  ['exports.handler', `exports.handler = (event) => event.n + 1`],
  ['module.exports', `module.exports = { handler: async (event) => event.n + 1 }`],
  ['a getter', `Object.defineProperty(exports, 'handler', { get: () => (event) => event.n + 1 })`],
])('loads CommonJS with %s', async (_form, source) => {
  await using running = await RunningFunctions.start()
  await running.define('next', source, { file: 'next.cjs' })
  expect(await running.result('next', { n: 1 })).toBe(2)
})

test('follows the parts of a name into what a module exports', async () => {
  await using running = await RunningFunctions.start()
  await running.define('deep', `export const api = { v1: { run: () => 'deep' } }`, { handler: 'api.v1.run' })
  expect(await running.result('deep')).toBe('deep')
})

test('a handler that neither calls back nor returns a promise answers null when nothing is under way', async () => {
  await using running = await RunningFunctions.start()
  const source = `
    let ran = 0
    export const handler = (event, context, callback) => { if (event.tell) callback(null, ran); else setTimeout(() => ran++, 5) }`
  await running.define('silent', source)
  expect(await running.result('silent')).toBeNull()
  expect(await running.result('silent', { tell: true })).toBe(1)
})

test('a callback waits for what is under way, unless the context says that it need not', async () => {
  await using running = await RunningFunctions.start()
  const source = `
    let done = false
    export const handler = (event, context, callback) => {
      context.callbackWaitsForEmptyEventLoop = event.waits
      done = false
      setTimeout(() => (done = true), 20)
      callback(null, { toJSON: () => done })
    }`
  await running.define('timer', source)
  expect(await running.result('timer', { waits: true })).toBe(true)
  expect(await running.result('timer', { waits: false })).toBe(false)
})

test('the context has what that of Lambda has', async () => {
  await using running = await RunningFunctions.start()
  const source = `export const handler = (event, context) => ({ ...context, remaining: context.getRemainingTimeInMillis() })`
  await running.define('told', source, { timeoutMs: 600_000, memoryMiB: 256 })
  const { result, requestId } = await running.call('told')
  const context = result.ok ? (JSON.parse(result.json) as Record<string, unknown>) : {}
  expect(context).toEqual({
    functionName: 'told',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:told',
    memoryLimitInMB: '256',
    awsRequestId: requestId,
    logGroupName: '/aws/lambda/told',
    logStreamName: 'told',
    callbackWaitsForEmptyEventLoop: true,
    remaining: expect.any(Number),
  })
  expect(context['remaining']).toBeGreaterThan(0)
  expect(context['remaining']).toBeLessThanOrEqual(600_000)
})

test('a module sees its own environment, and nothing of that of the app', async () => {
  await using running = await RunningFunctions.start()
  await running.define('env', `export const handler = () => process.env`, { environment: { TABLE: 'users' } })
  const seen = (await running.result('env')) as Record<string, string>
  expect(seen).toMatchObject({ TABLE: 'users', AWS_LAMBDA_FUNCTION_NAME: 'env', AWS_REGION: 'us-east-1' })
  expect(Object.keys(seen)).not.toContain('PATH')
})

test('nothing is null, as in Lambda', async () => {
  await using running = await RunningFunctions.start()
  await running.define('nothing', `export const handler = async () => undefined`)
  expect(await running.result('nothing')).toBeNull()
})

test('what is printed stands between the lines of its call, with its level, also by the standard streams', async () => {
  await using running = await RunningFunctions.start()
  const source = `export const handler = async () => {
    console.log('a %s', { b: 1 }); console.debug('d'); console.warn('w'); console.error('e'); process.stdout.write('one\\ntwo\\n')
    return 1
  }`
  await running.define('printing', source)
  const seen: string[] = []
  const { requestId } = await running.call('printing', {}, { onLine: (line) => seen.push(line) })
  const lines = running.lines.map(({ name, level, line, requestId: of }) => ({ name, level, line, of }))
  expect(lines.map(({ level, line }) => [level, line])).toEqual([
    ['platform', `START RequestId: ${requestId} Version: $LATEST`],
    ['info', 'a { b: 1 }'],
    ['debug', 'd'],
    ['warn', 'w'],
    ['error', 'e'],
    ['info', 'one'],
    ['info', 'two'],
    ['platform', `END RequestId: ${requestId}`],
    [
      'platform',
      expect.stringMatching(
        /^REPORT RequestId: call-1\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB$/,
      ),
    ],
  ])
  expect(new Set(lines.map(({ name, of }) => `${name} ${of}`))).toEqual(new Set([`printing ${requestId}`]))
  expect(seen).toEqual(lines.map(({ line }) => line))
})

test('a call that prints without end is cut with a line that says so, and is answered', async () => {
  await using running = await RunningFunctions.start({
    limits: { printedLinesMax: 10, printedCharsMax: 1000, lineCharsMax: 100 },
  })
  await running.define(
    'loud',
    `export const handler = async (event) => { for (let i = 0; i < event.lines; i++) console.log('x'.repeat(event.chars)); return 'done' }`,
  )
  expect(await running.result('loud', { lines: 1000, chars: 1 })).toBe('done')
  const printed = () => running.lines.splice(0).filter(({ level }) => level === 'info' || level === 'warn')
  const many = printed()
  expect(many).toHaveLength(11)
  expect(many.at(-1)!.line).toContain('What this call prints from here on is left out')
  expect(await running.result('loud', { lines: 1000, chars: 1_000_000 })).toBe('done')
  const large = printed()
  expect(large.length).toBeLessThan(11)
  expect(large[0]!.line).toBe(`${'x'.repeat(100)}… (cut: 1000000 characters)`)
  expect(large.at(-1)!.line).toContain('What this call prints from here on is left out')
})

test('what a call printed before it hung is kept', async () => {
  await using running = await RunningFunctions.start()
  await running.define('hung', `export const handler = () => { console.log('last words'); for (;;); }`, {
    timeoutMs: 3000,
  })
  await running.result('hung')
  expect(running.lines.map(({ line }) => line)).toContain('last words')
  expect(running.lines.at(-1)!.line).toContain('Status: timeout')
})

test('calls of one function go side by side up to its threads, and no more wait than may', async () => {
  await using running = await RunningFunctions.start({ threads: 2, limits: { waitingMax: 1 } })
  // Two calls that wait for one another end only side by side.
  const source = `
    import { existsSync, writeFileSync } from 'node:fs'
    export const handler = async ({ mine, others }) => {
      writeFileSync(mine, '')
      while (!existsSync(others)) await new Promise((resolve) => setTimeout(resolve, 1))
      return mine
    }`
  await running.define('pair', source)
  const [a, b, c] = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => (await running.write(`${name}.txt`, '')) + '.seen'),
  )
  const first = running.result('pair', { mine: a, others: b })
  const second = running.result('pair', { mine: b, others: a })
  const third = running.result('pair', { mine: c, others: a })
  expect(await running.result('pair', { mine: c, others: a })).toMatchObject({
    errorType: 'TooManyRequestsException',
    isThrottle: true,
  })
  expect(await Promise.all([first, second, third])).toEqual([a, b, c])
})

test('the signal ends the wait of a call, and a call that hangs', async () => {
  await using running = await RunningFunctions.start()
  await running.define('hung', `export const handler = () => new Promise(() => console.log('begun'))`)
  const ends = new AbortController()
  const first = running.call('hung', {}, { signal: ends.signal })
  const second = running.call('hung', {}, { signal: ends.signal })
  await expect.poll(() => running.lines.map(({ line }) => line)).toContain('begun')
  ends.abort(new Error('enough'))
  await expect(first).rejects.toThrow('enough')
  await expect(second).rejects.toThrow('enough')
})

test('a new version of a function counts for the next call, while calls of the old one end', async () => {
  await using running = await RunningFunctions.start()
  const old = `
    import { existsSync } from 'node:fs'
    export const handler = async ({ until }) => {
      console.log('begun')
      while (!existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 1))
      return 'old'
    }`
  await running.define('changing', old)
  const until = (await running.write('x', '')) + '.done'
  const slow = running.result('changing', { until })
  await expect.poll(() => running.lines.map(({ line }) => line)).toContain('begun')
  await running.define('changing', `export const handler = () => 'new'`, { file: 'other.mjs' })
  expect(await running.result('changing')).toBe('new')
  await running.write('x.done', '')
  expect(await slow).toBe('old')
})

test('a watched module is loaded anew when a source of its folder changes; another is not', async () => {
  await using running = await RunningFunctions.start()
  await running.write('part.mjs', `export const value = 1`)
  const source = `import { value } from './part.mjs'\nexport const handler = () => value`
  await running.define('watched', source, { isWatched: true })
  await running.define('still', source)
  expect(await running.result('watched')).toBe(1)
  expect(await running.result('still')).toBe(1)
  await running.write('part.mjs', `export const value = 2`)
  await expect.poll(() => running.result('watched')).toBe(2)
  expect(await running.result('still')).toBe(1)
})

test('a thread whose memory is nearly used up is replaced, and the calls before it are answered', async () => {
  await using running = await RunningFunctions.start()
  const source = `const all = []; let calls = 0
    export const handler = ({ mib }) => { for (let i = 0; i < mib; i++) all.push(Buffer.alloc(1024 * 1024, 1)); return ++calls }`
  await running.define('leaking', source, { memoryMiB: 128 })
  const counts: unknown[] = []
  for (let i = 0; i < 6; i++) counts.push(await running.result('leaking', { mib: 40 }))
  expect(counts).toEqual([1, 2, 3, 1, 2, 3])
})

test('a function that is not there is not called, and says so', async () => {
  await using running = await RunningFunctions.start()
  expect(await running.result('gone')).toEqual({
    errorType: 'ResourceNotFoundException',
    errorMessage: 'There is no function gone.',
    isThrottle: true,
  })
})

const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript)

test('a TypeScript module is run where Node strips types, and refused with what to do where it does not', async () => {
  await using running = await RunningFunctions.start()
  await running.define('typed', `export const handler = (event: { n: number }): number => event.n + 1`, {
    file: 'typed.ts',
  })
  const found = await running.result('typed', { n: 1 })
  if (stripsTypes) expect(found).toBe(2)
  else {
    expect(found).toMatchObject({
      errorType: 'Runtime.ImportModuleError',
      errorMessage: expect.stringContaining('run Millrace with a newer Node, or compile the module'),
    })
  }
})
