// What handlers do to their app, and what becomes of it: each has its own answer, and the next call is answered as if nothing had been.
import { expect, test } from 'vitest'
import { packBatch } from '#dist/events/kinesis-batch.js'
import { RunningFunctions } from './support/running-functions.ts'

interface Hostile {
  readonly does: string
  readonly source: string
  readonly handler?: string
  readonly file?: string
  readonly answers: object
  readonly timeoutMs?: number
  readonly memoryMiB?: number
}

const id = expect.any(String)
const text = (part: string): unknown => expect.stringContaining(part)

const hostiles: readonly Hostile[] = [
  {
    does: 'throws',
    source: `export const handler = () => { throw new RangeError('too far') }`,
    answers: {
      errorType: 'RangeError',
      errorMessage: 'too far',
      stackTrace: expect.arrayContaining([text('hostile.mjs')]),
    },
  },
  {
    does: 'rejects',
    source: `export const handler = async () => { throw new TypeError('no') }`,
    answers: { errorType: 'TypeError', errorMessage: 'no' },
  },
  {
    does: 'throws a text',
    source: `export const handler = async () => { throw 'just words' }`,
    answers: { errorType: 'string', errorMessage: 'just words' },
  },
  {
    does: 'throws something whose message throws',
    source: `export const handler = () => { const e = new Error(); Object.defineProperty(e, 'message', { get() { throw 1 } }); throw e }`,
    answers: { errorType: 'handled' },
  },
  {
    does: 'calls back with an error',
    source: `export const handler = (event, context, callback) => { callback(new Error('called back')) }`,
    answers: { errorType: 'Error', errorMessage: 'called back' },
  },
  {
    does: 'throws after it has returned a promise',
    source: `export const handler = () => new Promise(() => setTimeout(() => { throw new SyntaxError('late') }, 1))`,
    answers: { errorType: 'SyntaxError', errorMessage: 'late' },
  },
  {
    does: 'leaves a rejection alone',
    source: `export const handler = () => { Promise.reject(new Error('alone')); return new Promise(() => {}) }`,
    answers: { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'Error: alone' },
  },
  {
    does: 'waits for ever',
    source: `export const handler = () => new Promise(() => {})`,
    timeoutMs: 200,
    answers: { errorType: 'Sandbox.Timedout', errorMessage: text('Task timed out after 0.20 seconds') },
  },
  {
    does: 'loops for ever',
    source: `export const handler = () => { for (;;); }`,
    timeoutMs: 200,
    answers: { errorType: 'Sandbox.Timedout', errorMessage: text('Task timed out after 0.20 seconds') },
  },
  {
    does: 'loops for ever while its module loads',
    source: `for (;;);\nexport const handler = () => 1`,
    answers: { errorType: 'Sandbox.Timedout', errorMessage: text('while its module was loading') },
  },
  {
    does: 'prints and loops for ever',
    source: `export const handler = () => { for (;;) console.log('again') }`,
    timeoutMs: 2000,
    answers: { errorType: 'Sandbox.Timedout' },
  },
  {
    does: 'exits',
    source: `export const handler = () => { process.exit(3) }`,
    answers: { errorType: 'Runtime.ExitError', errorMessage: text('exit status 3') },
  },
  {
    does: 'exits well',
    source: `export const handler = () => { process.exit(0) }`,
    answers: {
      errorType: 'Runtime.ExitError',
      errorMessage: text('Runtime exited without providing a reason'),
    },
  },
  {
    does: 'exits while its module loads',
    source: `process.exit(4)\nexport const handler = () => 1`,
    answers: { errorType: 'Runtime.ExitError', errorMessage: text('exit status 4') },
  },
  {
    does: 'takes all memory',
    source: `export const handler = () => { const all = []; for (;;) all.push({ text: 'x' + all.length }) }`,
    memoryMiB: 64,
    answers: { errorType: 'Runtime.OutOfMemory', errorMessage: text('64 MiB') },
  },
  {
    does: 'calls itself for ever',
    source: `export const handler = () => handler()`,
    answers: { errorType: 'RangeError' },
  },
  {
    does: 'gives a cycle',
    source: `export const handler = () => { const me = {}; me.me = me; return me }`,
    answers: { errorType: 'Runtime.MarshalError', errorMessage: text('Unable to stringify response body') },
  },
  {
    does: 'gives a BigInt',
    source: `export const handler = () => 1n`,
    answers: { errorType: 'Runtime.MarshalError', errorMessage: text('BigInt') },
  },
  {
    does: 'gives more than 6 MB',
    source: `export const handler = () => 'x'.repeat(6 * 1024 * 1024 + 200)`,
    answers: { errorType: 'Function.ResponseSizeTooLarge' },
  },
  {
    does: 'has no such export',
    source: `export const other = () => 1`,
    answers: { errorType: 'Runtime.HandlerNotFound', errorMessage: text('It exports other.') },
  },
  {
    does: 'exports no function',
    source: `export const handler = 42`,
    answers: { errorType: 'Runtime.HandlerNotFound', errorMessage: text('is no function') },
  },
  {
    does: 'does not parse',
    source: `export const handler = ( => 1`,
    answers: { errorType: 'Runtime.UserCodeSyntaxError' },
  },
  {
    does: 'imports what is not there',
    source: `import './gone.mjs'\nexport const handler = () => 1`,
    answers: { errorType: 'Runtime.ImportModuleError', errorMessage: text('gone.mjs') },
  },
  {
    does: 'fails while its module loads',
    source: `throw new EvalError('not today')\nexport const handler = () => 1`,
    answers: { errorType: 'EvalError', errorMessage: 'not today' },
  },
  {
    does: 'takes the listeners of its thread away, and throws later',
    source: `export const handler = () => { process.removeAllListeners(); return new Promise(() => setTimeout(() => { throw new Error('nobody listens') }, 1)) }`,
    answers: { errorType: 'Runtime.ExitError', errorMessage: text('nobody listens') },
  },
]

test.each(hostiles)(
  'a handler that $does is answered as Lambda does, and harms no other call',
  async (hostile) => {
    const { source, answers, timeoutMs = 60_000, memoryMiB = 128 } = hostile
    // So short where the module is to be given up while it loads; else nothing waits for it.
    const loadMs = source.startsWith('for') ? 300 : 300_000
    await using running = await RunningFunctions.start({ limits: { loadMs } })
    await running.define('good', `export const handler = async (event) => ({ got: event })`)
    if (loadMs > 300) expect(await running.result('good', 1)).toEqual({ got: 1 })
    await running.define('hostile', source, { timeoutMs, memoryMiB })
    const { result, requestId } = await running.call('hostile')
    expect(requestId).toEqual(id)
    expect(result).toMatchObject({ ok: false, error: answers })
    if (loadMs > 300) expect(await running.result('good', 2)).toEqual({ got: 2 })
    await running.define('hostile', `export const handler = () => 'tamed'`, { file: 'tamed.mjs' })
    if (loadMs > 300) expect(await running.result('hostile')).toEqual('tamed')
  },
)

test.each([
  ['throws', `throw new TypeError('afterwards')`, 'Uncaught exception'],
  ['leaves a rejection alone', `Promise.reject(new TypeError('afterwards'))`, 'Unhandled rejection'],
])(
  'a handler that %s after it has answered is told in its log, and answered in another thread',
  async (_how, what, words) => {
    await using running = await RunningFunctions.start()
    const source = `let calls = 0
    export const handler = () => { setTimeout(() => { ${what} }, 1); return ++calls }`
    await running.define('late', source)
    expect(await running.result('late')).toBe(1)
    await expect
      .poll(() => running.lines.filter(({ level }) => level === 'error').map(({ line }) => line))
      .toEqual([expect.stringContaining(`${words}: TypeError: afterwards`)])
    // The next call may come before the thread has ended: then it is told to another.
    expect(await running.result('late')).toBe(1)
  },
)

test('calls of a handler that ends its thread after each answer all end, with its value or the end as their error', async () => {
  await using running = await RunningFunctions.start({ threads: 2 })
  await running.define(
    'leaving',
    `export const handler = (event) => { setImmediate(() => process.exit(0)); return event }`,
  )
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => running.result('leaving', i)))
  for (const [i, result] of results.entries()) {
    if (typeof result === 'number') expect(result).toBe(i)
    else expect(result).toMatchObject({ errorType: 'Runtime.ExitError' })
  }
  expect(results.some((result) => typeof result === 'number')).toBe(true)
})

test('a batch that ended with its thread can be given again, and its event is made where the handler runs', async () => {
  await using running = await RunningFunctions.start()
  await running.define('gone', `process.exit(0)\nexport const handler = () => 1`)
  const signal = new AbortController().signal
  const call = () =>
    running.functions.invoke('gone', { kind: 'kinesis', batch: batchOf(['a', 'b']) }, { signal })
  // It came as far as the module, which ends the thread: an error of the function.
  expect(await call()).toMatchObject({ ok: false, error: { errorType: 'Runtime.ExitError' } })
  await running.define(
    'gone',
    `export const handler = (event) => event.Records.map(({ kinesis }) => kinesis.data)`,
    { file: 'there.mjs' },
  )
  expect(await call()).toMatchObject({ ok: true, payload: ['YQ==', 'Yg=='] })
})

function batchOf(texts: readonly string[]) {
  const source = {
    shardId: 'shardId-000000000000',
    shardIndex: 0,
    shardCreatedAt: 0,
    region: 'us-east-1',
    eventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/clicks',
    invokeIdentityArn: 'arn:aws:iam::000000000000:role/r',
  }
  const records = texts.map((text, sequenceNumber) => ({
    sequenceNumber,
    partitionKey: 'k',
    bytes: Buffer.from(text),
    arrivalTime: new Date(0),
  }))
  return packBatch(records, { source, window: undefined, wantsRecords: false })
}
