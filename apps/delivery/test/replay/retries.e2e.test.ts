// Error documents that are replayed: each of their records is delivered once, and the documents are gone.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  createDelivery,
  requestRetry,
  retryOf,
  setDeliveryState,
  updateDelivery,
} from '../../src/definitions/index.ts'
import { errorLine } from '../../src/errors/error-document.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'

let world: DeliveryWorld
beforeAll(async () => {
  world = await DeliveryWorld.open()
  await world.app()
  await world.app()
})
afterAll(() => world[Symbol.asyncDispose]())

let ids = 0
const rim = { now: () => 0, id: () => `wish-${ids++}` }

const lineOf = (text: string) =>
  Buffer.from(
    errorLine({
      type: 'processing-failed',
      origin: {
        shardId: 'shardId-000000000000',
        sequenceNumber: 7,
        partitionKey: 'k',
        arrivedAt: Date.UTC(2026, 0, 1),
      },
      rawData: Buffer.from(text),
      attemptsMade: 4,
      code: 'Lambda.FunctionError',
      message: 'no',
      endedAt: Date.UTC(2026, 0, 1),
    }),
  ).toString()

it('a wish to retry: delivers the records of all error documents once, by one of the copies, and removes the documents', async () => {
  const { client } = world
  const lake = join(world.directory, 'retried')
  await client.createStream('clicks')
  await createDelivery(client, 'lake', {
    source: { stream: 'clicks' },
    destination: { type: 'directory', path: lake },
    buffer: { bytes: 1024, intervalMs: 0 },
  })
  const errors = join(lake, 'errors/processing-failed/2026/01/01/00')
  await mkdir(errors, { recursive: true })
  const texts = Array.from({ length: 30 }, (_, i) => `late-${String(i).padStart(2, '0')}`)
  for (let i = 0; i < 3; i++) {
    const some = texts.slice(i * 10, i * 10 + 10)
    await writeFile(
      join(errors, `lake-1-2026-01-01-00-00-00-1-0-${i * 10}-${i * 10 + 9}-abcd.jsonl`),
      some.map(lineOf).join(''),
    )
  }
  await writeFile(join(errors, 'somebody-elses.jsonl'), 'not ours')
  await requestRetry(client, 'lake', undefined, rim)
  await expect.poll(() => retryOf(client, 'lake')).toMatchObject({ state: 'done', documents: 3, records: 30 })
  expect(await world.lines(lake)).toEqual(texts)
  const left = [...(await world.files(lake)).keys()].filter((path) => path.startsWith('errors/'))
  expect(left).toEqual(['errors/processing-failed/2026/01/01/00/somebody-elses.jsonl'])
  // There is nothing left to replay.
  await requestRetry(client, 'lake', undefined, rim)
  await expect
    .poll(() => retryOf(client, 'lake'))
    .toMatchObject({ id: 'wish-1', state: 'done', documents: 0 })
  expect(await world.lines(lake)).toEqual(texts)
})

it('a wish to retry that fails: says why, keeps the document, and the next one goes on', async () => {
  const { client } = world
  const lake = join(world.directory, 'broken')
  await client.createStream('others')
  await createDelivery(client, 'broken', {
    source: { stream: 'others' },
    destination: { type: 'directory', path: lake },
    buffer: { bytes: 1024, intervalMs: 0 },
  })
  await mkdir(join(lake, 'errors'), { recursive: true })
  const path = join(lake, 'errors/broken-1-x.jsonl')
  await writeFile(path, `${lineOf('a')}half a line`)
  await requestRetry(client, 'broken', undefined, rim)
  await expect
    .poll(() => retryOf(client, 'broken'))
    .toMatchObject({ state: 'failed', reason: expect.stringContaining('line 2') })
  expect([...(await world.files(lake)).keys()]).toEqual(['errors/broken-1-x.jsonl'])
  await writeFile(path, lineOf('a') + lineOf('b'))
  await updateDelivery(client, 'broken', { prefix: 'again/' })
  await requestRetry(client, 'broken', 'errors/', rim)
  await expect
    .poll(() => retryOf(client, 'broken'))
    .toMatchObject({ state: 'done', documents: 1, records: 2 })
  expect(await world.lines(lake)).toEqual(['a', 'b'])
})

it('a wish to retry for a delivery that is paused: is refused, since nothing would come of it', async () => {
  const { client } = world
  await createDelivery(client, 'resting', {
    source: { stream: 'resting.delivery', isOwn: true },
    destination: { type: 'directory', path: join(world.directory, 'resting') },
  })
  await setDeliveryState(client, 'resting', 'paused')
  await expect(requestRetry(client, 'resting', undefined, rim)).rejects.toThrow('resting is paused')
  expect(await retryOf(client, 'resting')).toBeUndefined()
})
