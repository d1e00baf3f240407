// Deliveries to a bucket and to an HTTP endpoint, both of this process, that fail as the test tells them to.
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDelivery, describeDelivery } from '../../src/definitions/index.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'
import { answerJson, FakeEndpoint, take } from '../support/http/fake-endpoint.ts'
import { FakeS3 } from '../support/s3/fake-s3.ts'

let world: DeliveryWorld
let s3: FakeS3

beforeEach(async () => {
  world = await DeliveryWorld.open()
  s3 = await FakeS3.start()
  await world.client.createStream('clicks')
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
  await s3[Symbol.asyncDispose]()
})

const textsOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `record-${String(from + i).padStart(4, '0')}`)

const put = (texts: readonly string[]) =>
  world.client.putMany(
    'clicks',
    texts.map((data) => ({ partitionKey: data, data })),
  )

const bucket = () =>
  ({
    type: 's3',
    bucket: 'lake',
    endpoint: s3.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  }) as const

/** Lines of the objects under a prefix, in their order. */
function linesUnder(prefix: string): string[] {
  const found = [...s3.objects].filter(([name]) => name.startsWith(`lake/${prefix}`))
  return found
    .flatMap(([name, { bytes }]) => (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n'))
    .filter((line) => line !== '')
    .sort((a, b) => (a < b ? -1 : 1))
}

const buffer = { bytes: 1024, intervalMs: 100 }

describe('a delivery to S3', () => {
  it('stores each record in one object, through answers that are lost and servers that are too busy', async () => {
    let requests = 0
    s3.misdeed = () =>
      [undefined, 'lose answer', { status: 503, code: 'SlowDown' }, 'cut'][requests++ % 4] as never
    await world.app()
    const destination = bucket()
    await createDelivery(world.client, 'lake', {
      source: { stream: 'clicks' },
      destination,
      buffer,
      prefix: 'in/',
      compression: 'gzip',
    })
    await put(textsOf(0, 300))
    await expect.poll(() => linesUnder('in/')).toEqual(textsOf(0, 300))
    const { progress } = await describeDelivery(world.client, 'lake')
    expect(progress.length).toBeGreaterThan(0)
  })

  it('waits for a bucket that is not there, says so, and loses nothing', async () => {
    s3.buckets.clear()
    const app = await world.app()
    await createDelivery(world.client, 'lake', {
      source: { stream: 'clicks' },
      destination: bucket(),
      buffer,
      prefix: 'in/',
    })
    await put(textsOf(0, 50))
    await expect
      .poll(async () => (await describeDelivery(world.client, 'lake')).progress[0]?.trouble?.message ?? '')
      .toMatch(/has no bucket lake: create it/)
    // Another copy of the app begins where this one was.
    await app.close()
    s3.buckets.add('lake')
    await world.app()
    await expect.poll(() => linesUnder('in/')).toEqual(textsOf(0, 50))
  })
})

describe('a delivery to an HTTP endpoint', () => {
  it('sends each record in its order, and what the endpoint does not take to the backup', async () => {
    await using endpoint = await FakeEndpoint.start()
    const taken: string[] = []
    endpoint.answer = (request, response) => {
      if (request.records.includes('record-0150'))
        return answerJson(response, 413, { errorMessage: 'poison' })
      taken.push(...request.records)
      return take(request, response)
    }
    await world.app()
    await createDelivery(world.client, 'hook', {
      source: { stream: 'clicks' },
      destination: { type: 'http', url: endpoint.url, contentEncoding: 'gzip', retryMs: 60_000 },
      buffer,
      errorPrefix: 'failed/!{firehose:error-output-type}/',
      backup: { to: bucket(), prefix: 'raw/', mode: 'failed' },
    })
    await put(textsOf(0, 300))
    const failed = () =>
      linesUnder('failed/http-endpoint-failed/').map((line) => {
        const { rawData } = JSON.parse(line) as { readonly rawData: string }
        return Buffer.from(rawData, 'base64').toString()
      })
    await expect.poll(() => [...taken, ...failed()].sort((a, b) => (a < b ? -1 : 1))).toEqual(textsOf(0, 300))
    expect(failed()).toContain('record-0150')
    expect(new Set(endpoint.requests.map(({ requestId }) => requestId)).size).toBe(endpoint.requests.length)
  })
})
