// Deliveries with something between stream and objects, from a broker in this process: partitions, Parquet, and a function by its url.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDelivery, describeDelivery } from '../../src/definitions/index.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'

let world: DeliveryWorld
beforeAll(async () => {
  world = await DeliveryWorld.open()
  await world.app()
})
afterAll(() => world[Symbol.asyncDispose]())

const direct = (path: string) => ({
  destination: { type: 'directory', path } as const,
  buffer: { bytes: 2 ** 20, intervalMs: 100 },
})

async function put(stream: string, texts: readonly string[]): Promise<void> {
  await world.client.createStream(stream)
  await world.client.putMany(
    stream,
    texts.map((data) => ({ partitionKey: data, data })),
  )
}

const errorsOf = async (lake: string) =>
  [...(await world.files(lake))]
    .filter(([path]) => path.startsWith('errors/'))
    .flatMap(([, text]) => text.split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as { rawData: string; lastErrorCode?: string; errorCode?: string })

it('a delivery in Parquet by partition: each record is a row of its folder, and what does not fit is in the errors', async () => {
  const lake = join(world.directory, 'parquet')
  const records = Array.from({ length: 200 }, (_, n) => `{"n":${n},"country":"${n % 2 === 0 ? 'DE' : 'FR'}"}`)
  await put('visits', [...records, '{"n":"x","country":"DE"}', '{"n":1}', 'no JSON'])
  await createDelivery(world.client, 'parquet', {
    source: { stream: 'visits' },
    ...direct(lake),
    format: { type: 'parquet', compression: 'snappy', columns: [{ name: 'n', type: 'BIGINT' }] },
    partitioning: { queries: { country: '.country' } },
    prefix: 'country=!{partitionKeyFromQuery:country}/',
    errorPrefix: 'errors/!{firehose:error-output-type}/',
  })
  const rows = async () => {
    const found: string[] = []
    for (const path of (await world.files(lake)).keys()) {
      if (!path.endsWith('.parquet')) continue
      const bytes = await readFile(join(lake, path))
      const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
      const folder = path.split('/')[0]!
      for (const row of await parquetReadObjects({ file })) found.push(`${folder} ${String(row['n'])}`)
    }
    return found.sort()
  }
  await expect.poll(rows).toEqual(records.map((_, n) => `country=${n % 2 === 0 ? 'DE' : 'FR'} ${n}`).sort())
  const errors = async () =>
    (await errorsOf(lake))
      .map(
        ({ rawData, errorCode, lastErrorCode }) =>
          `${Buffer.from(rawData, 'base64').toString()} ${errorCode ?? lastErrorCode}`,
      )
      .sort()
  await expect
    .poll(errors)
    .toEqual([
      'no JSON DynamicPartitioning.MetadataExtractionFailed',
      '{"n":"x","country":"DE"} DataFormatConversion.ParseError',
      '{"n":1} DynamicPartitioning.MetadataExtractionFailed',
    ])
})

it('a delivery with a function: what it returns is delivered, and while it is not there nothing is given up', async () => {
  const lake = join(world.directory, 'functions')
  let isThere = false
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (!isThere) {
        response.writeHead(503).end('not yet')
        return
      }
      const { records } = JSON.parse(Buffer.concat(chunks).toString()) as {
        records: { recordId: string; data: string }[]
      }
      const answers = records.map(({ recordId, data }) => {
        const text = Buffer.from(data, 'base64').toString()
        return { recordId, result: 'Ok', data: Buffer.from(text.toUpperCase()).toString('base64') }
      })
      response.end(JSON.stringify({ records: answers }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await put('shouts', ['a', 'b', 'c'])
  await createDelivery(world.client, 'functions', {
    source: { stream: 'shouts' },
    ...direct(lake),
    transform: { function: `http://127.0.0.1:${port}/shout`, bufferBytes: 1024, bufferIntervalMs: 0 },
  })
  await expect
    .poll(async () => (await describeDelivery(world.client, 'functions')).progress[0]?.trouble?.message)
    .toContain('status 503: not yet')
  expect(await world.lines(lake)).toEqual([])
  isThere = true
  await expect.poll(() => world.lines(lake)).toEqual(['A', 'B', 'C'])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
