// Deliveries with a middle: JSON records filed apart by a field, records without it in error documents, and those replayed when the
// delivery knows better; as lines in gzip, and as Parquet.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  createDelivery,
  describeDelivery,
  requestRetry,
  retryOf,
  updateDelivery,
} from '../../src/definitions/index.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'

let world: DeliveryWorld
beforeAll(async () => {
  world = await DeliveryWorld.open()
  await world.app()
})
afterAll(() => world[Symbol.asyncDispose]())

const countries = ['DE', 'FR', 'IT']

async function putVisits(stream: string, count: number): Promise<void> {
  await world.client.createStream(stream)
  const records = Array.from({ length: count }, (_, n) => ({
    partitionKey: String(n),
    data: JSON.stringify({ n, country: countries[n % 3] }),
  }))
  await world.client.putMany(stream, records)
}

it('a delivery by a field: each record is in the files of its value, compressed, and one without it in an error document', async () => {
  const { client } = world
  const lake = join(world.directory, 'by-field')
  await putVisits('visits', 30)
  await client.put('visits', { partitionKey: 'x', data: '{"n":30}' })
  await createDelivery(client, 'visits', {
    source: { stream: 'visits' },
    destination: { type: 'directory', path: lake },
    partitioning: { queries: { country: '.country' } },
    buffer: { bytes: 2 ** 20, intervalMs: 100 },
    compression: 'gzip',
  })
  await expect
    .poll(async () => (await describeDelivery(client, 'visits')).progress[0]?.delivered)
    .toMatchObject({ records: 30, failed: 1 })
  const found: number[] = []
  for (const path of (await world.files(lake)).keys()) {
    if (path.startsWith('errors/')) continue
    const country = /^country=(\w\w)\/\d{4}\/.*\.gz$/.exec(path)?.[1]
    const text = gunzipSync(await readFile(join(lake, path))).toString()
    for (const line of text.trim().split('\n')) {
      const visit = JSON.parse(line) as { n: number; country: string }
      expect(visit.country).toBe(country)
      found.push(visit.n)
    }
  }
  expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n))
  // The delivery learns what to do with it, and does it.
  await updateDelivery(client, 'visits', { partitioning: { queries: { country: '.country // "none"' } } })
  await expect.poll(async () => (await describeDelivery(client, 'visits')).verdict?.version).toBe(2)
  await requestRetry(client, 'visits', undefined, { now: () => 0, id: () => 'one' })
  await expect
    .poll(() => retryOf(client, 'visits'))
    .toMatchObject({ state: 'done', documents: 1, records: 1 })
  const paths = [...(await world.files(lake)).keys()]
  expect(paths.filter((path) => path.startsWith('errors/'))).toEqual([])
  expect(paths.filter((path) => path.startsWith('country=none/'))).toHaveLength(1)
})

it('a delivery in Parquet: files are Parquet, apart by the field', async () => {
  const { client } = world
  const lake = join(world.directory, 'parquet')
  await putVisits('pages', 9)
  await createDelivery(client, 'pages', {
    source: { stream: 'pages' },
    destination: { type: 'directory', path: lake },
    partitioning: { queries: { country: '.country' } },
    buffer: { bytes: 2 ** 20, intervalMs: 100 },
    format: { type: 'parquet', compression: 'snappy' },
  })
  await expect
    .poll(async () => (await describeDelivery(client, 'pages')).progress[0]?.delivered.records)
    .toBe(9)
  const paths = [...(await world.files(lake)).keys()]
  for (const country of countries)
    expect(paths.some((path) => path.startsWith(`country=${country}/`))).toBe(true)
  for (const path of paths) {
    expect(path).toMatch(/\.parquet$/)
    const bytes = await readFile(join(lake, path))
    expect(bytes.subarray(0, 4).toString()).toBe('PAR1')
    expect(bytes.subarray(-4).toString()).toBe('PAR1')
  }
})
