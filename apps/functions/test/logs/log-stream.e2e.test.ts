// The stream of what functions print: made when it is missing, keyed by function, never waited for.
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'
import { FUNCTION_LOG_STREAM } from 'millrace/protocol'
import { afterEach, expect, test } from 'vitest'
import { LogStream } from '#dist/logs/log-stream.js'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function started() {
  const broker = await createBroker({ listen: false })
  closers.push(() => broker.close())
  const client = await connect(broker.url, { dial: broker.dial })
  closers.push(() => client.close())
  const told: string[] = []
  const stream = new LogStream({ client, now: () => Date.now(), tell: (message) => void told.push(message) })
  closers.push(() => stream.close())
  const kept = async (name: string) => {
    const lines: unknown[] = []
    const reading = client.read(FUNCTION_LOG_STREAM, { partitionKey: name })
    for await (const { bytes } of reading) lines.push(JSON.parse(Buffer.from(bytes).toString()))
    return lines
  }
  return { client, stream, kept, told }
}

const line = (text: string) => ({ at: 1, level: 'info', requestId: 'r', line: text }) as const

test('makes the stream, on demand and of one day, and keeps lines under the name of their function', async () => {
  const { client, stream, kept } = await started()
  stream.write('a', line('one'))
  stream.write('b', line('other'))
  stream.write('a', line('two'))
  await stream.close()
  expect(await kept('a')).toEqual([line('one'), line('two')])
  expect(await kept('b')).toEqual([line('other')])
  expect(await client.describeStream(FUNCTION_LOG_STREAM)).toMatchObject({
    mode: 'on-demand',
    retentionMs: 86_400_000,
  })
})

test('takes a stream that is there as it is', async () => {
  const { client, stream, kept } = await started()
  await client.createStream(FUNCTION_LOG_STREAM, { retentionMs: 7_200_000 })
  stream.write('a', line('one'))
  await stream.close()
  expect(await kept('a')).toEqual([line('one')])
  expect(await client.describeStream(FUNCTION_LOG_STREAM)).toMatchObject({ retentionMs: 7_200_000 })
})

test('tells once that the stream cannot be made, and loses lines beyond its bound without an error', async () => {
  const told: string[] = []
  const refused = () => Promise.reject(new Error('not allowed'))
  const stream = new LogStream({
    client: { createStream: refused, describeStream: refused, producer: refused },
    now: () => 0,
    tell: (message) => void told.push(message),
  })
  for (let i = 0; i < 20_000; i++) stream.write('a', line('x'))
  await stream.close()
  for (let i = 0; i < 20_000; i++) stream.write('a', line('x'))
  await stream.close()
  expect(told).toEqual([expect.stringContaining('the stream function-logs cannot be made')])
})
