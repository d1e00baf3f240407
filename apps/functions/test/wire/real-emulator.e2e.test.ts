// Functions behind AWS' Runtime Interface Emulator, as its containers have it. Skipped where `aws-lambda-rie` is not there (`go install
// github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie`).
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connect, type Client } from 'millrace'
import { createBroker } from 'millrace/broker'
import { describe, expect, it, onTestFinished } from 'vitest'
import { serveApp } from '#dist/app.js'
import { createFunction, createMapping, type MappingInput } from '#dist/definitions/index.js'
import { freePort } from '../../../../test/support/ports.ts'

const runtime = fileURLToPath(new URL('support/runtime.mjs', import.meta.url))
const isHere = spawnSync('which', ['aws-lambda-rie'], { stdio: 'ignore' }).status === 0

interface Emulator {
  readonly url: string
  /** The texts of the records of each call, in the order of the calls. */
  readonly calls: string[]
}

async function emulator(timeoutSeconds = 3600): Promise<Emulator> {
  const [port, apiPort] = [await freePort(), await freePort()]
  const child = spawn(
    'aws-lambda-rie',
    [
      '--runtime-interface-emulator-address',
      `127.0.0.1:${port}`,
      '--runtime-api-address',
      `127.0.0.1:${apiPort}`,
      process.execPath,
      runtime,
    ],
    {
      env: { ...process.env, AWS_LAMBDA_FUNCTION_TIMEOUT: String(timeoutSeconds) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  )
  onTestFinished(() => ended(child))
  const calls: string[] = []
  for (const output of [child.stdout, child.stderr])
    createInterface({ input: output }).on('line', (line) => {
      if (line.startsWith('CALL ')) calls.push(line.slice('CALL '.length))
    })
  return { url: `http://127.0.0.1:${port}/2015-03-31/functions/function/invocations`, calls }
}

/** Kills it with the runtime that it started. */
async function ended(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  process.kill(-child.pid!, 'SIGKILL')
  await closed
}

interface Given extends Partial<MappingInput> {
  readonly texts: readonly string[]
  readonly url: string
  readonly keys?: number
  readonly timeoutMs?: number
}

/** A broker with the app, and a function of the emulator that is called with these texts; what is given up goes into a stream. */
async function run({ texts, url, keys = 1, timeoutMs = 900_000, ...mapping }: Given) {
  const broker = await createBroker({ listen: false })
  onTestFinished(() => broker.close())
  const client = await connect(broker.url, { dial: broker.dial })
  onTestFinished(() => client.close())
  for (const stream of ['clicks', 'failed']) await client.createStream(stream, { shards: 1 })
  await client.putMany(
    'clicks',
    texts.map((data, i) => ({ partitionKey: `key ${i % keys}`, data })),
  )
  const door = { client, now: Date.now, uuid: randomUUID }
  await createFunction(door, 'container', { target: { type: 'http', url }, timeoutMs })
  const { uuid } = await createMapping(door, {
    function: 'container',
    source: { stream: 'clicks', from: 'TRIM_HORIZON' },
    onFailure: { type: 'stream', stream: 'failed' },
    ...mapping,
  })
  const app = await serveApp(
    {
      broker: { url: broker.url, dial: broker.dial },
      options: { host: '127.0.0.1', port: 0, threads: 1 },
      tls: undefined,
    },
    () => {},
  )
  onTestFinished(() => app.close())
  const isDone = async () => {
    const { totals, shards } = await client
      .describeGroup(`function.${uuid}`)
      .catch(() => ({ totals: undefined, shards: [] }))
    return totals?.recordsBehind === 0 && shards.length > 0
  }
  await expect.poll(isDone).toBe(true)
  return { client }
}

async function givenUp(
  client: Client,
): Promise<{ requestContext: object; KinesisBatchInfo: { batchSize: number } }[]> {
  const found = []
  for await (const { data } of client.read('failed')) found.push(JSON.parse(Buffer.from(data).toString()))
  return found
}

describe.skipIf(!isHere)('AWS’ Runtime Interface Emulator (skipped where there is no aws-lambda-rie)', () => {
  it('is called with events', async () => {
    const { url, calls } = await emulator()
    await run({ url, texts: ['a', 'b', 'c'], batchSize: 2 })
    expect(calls.join(' ')).toBe('a b c')
  })

  it('reports parts of batches that failed', async () => {
    const { url, calls } = await emulator()
    const { client } = await run({
      url,
      texts: ['a', 'b', 'fail', 'd'],
      reportsItemFailures: true,
      retriesMax: 1,
      bisectsOnError: true,
    })
    expect(calls.filter((call) => call === 'fail').length).toBeGreaterThan(0)
    expect(await givenUp(client)).toMatchObject([{ KinesisBatchInfo: { batchSize: 1 } }])
  })

  it.each([
    ['throw', 'Unhandled'],
    ['exit', 'Unhandled'],
    ['hang', 'Unhandled'],
  ])(
    'a record that makes it %s is given up after its retries, and the others pass',
    async (text, functionError) => {
      const { url, calls } = await emulator(text === 'hang' ? 15 : undefined)
      const { client } = await run({ url, texts: ['a', text, 'b'], batchSize: 1, retriesMax: 1 })
      expect(calls).toEqual(['a', text, text, 'b'])
      expect(await givenUp(client)).toMatchObject([
        { responseContext: { functionError }, KinesisBatchInfo: { batchSize: 1 } },
      ])
    },
  )

  it('is not called during a call that was given up here first', async () => {
    const { url, calls } = await emulator(8)
    const { client } = await run({
      url,
      texts: ['a', 'hang', 'b'],
      batchSize: 1,
      retriesMax: 1,
      timeoutMs: 2000,
    })
    expect(calls).toEqual(['a', 'hang', 'hang', 'b'])
    expect(await givenUp(client)).toMatchObject([{ KinesisBatchInfo: { batchSize: 1 } }])
  })

  it('takes one call at a time from several lanes, and none is lost or counted as failed', async () => {
    const { url, calls } = await emulator()
    const texts = Array.from({ length: 60 }, (_, i) => `t${i}`)
    const { client } = await run({
      url,
      texts,
      keys: 20,
      batchSize: 3,
      parallelizationFactor: 10,
      retriesMax: 0,
    })
    expect(calls.join(' ').split(' ').toSorted()).toEqual(texts.toSorted())
    expect(await givenUp(client)).toEqual([])
  })
})
