// Deliveries to a directory, from a broker in this process: made, carried out, changed, paused and deleted.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deliveryKinds } from 'millrace/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  createDelivery,
  describeDelivery,
  listDeliveries,
  markDeleting,
  setDeliveryState,
  updateDelivery,
} from '../../src/definitions/index.ts'
import { DeliveryWorld } from '../support/delivery-world.ts'

let world: DeliveryWorld
beforeAll(async () => {
  world = await DeliveryWorld.open()
  await world.app()
})
afterAll(() => world[Symbol.asyncDispose]())

const textsOf = (from: number, to: number, of = 'record') =>
  Array.from({ length: to - from }, (_, i) => `${of}-${String(from + i).padStart(4, '0')}`)

async function put(stream: string, texts: readonly string[]): Promise<void> {
  await world.client.putMany(
    stream,
    texts.map((data) => ({ partitionKey: data, data })),
  )
}

const direct = (path: string) => ({
  destination: { type: 'directory', path } as const,
  buffer: { bytes: 1024, intervalMs: 100 },
})

it('a delivery: every record is in exactly one object, which is named after its range', async () => {
  const lake = join(world.directory, 'first')
  await world.client.createStream('clicks')
  await put('clicks', textsOf(0, 200))
  await createDelivery(world.client, 'first', { source: { stream: 'clicks' }, ...direct(lake) })
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 200))
  await put('clicks', textsOf(200, 300))
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 300))
  const paths = [...(await world.files(lake)).keys()]
  expect(paths.length).toBeGreaterThan(1)
  for (const path of paths)
    expect(path).toMatch(/^\d{4}\/\d\d\/\d\d\/\d\d\/first-1-\d{4}(-\d\d){5}-\d+-0-\d+-\d+$/)
  await expect
    .poll(async () => (await describeDelivery(world.client, 'first')).progress[0])
    .toMatchObject({ position: 300, writing: 0, delivered: { records: 300, failed: 0 } })
  const { verdict, group } = await describeDelivery(world.client, 'first')
  expect(verdict).toMatchObject({ version: 1, verdict: 'accepted' })
  await expect
    .poll(async () => (await describeDelivery(world.client, 'first')).group?.totals.recordsBehind)
    .toBe(0)
  expect(group?.streams).toEqual(['clicks'])
})

it('a delivery that is changed: what came before has the old version in its names, what comes later the new one', async () => {
  const lake = join(world.directory, 'changed')
  await world.client.createStream('changes')
  await put('changes', textsOf(0, 50))
  await createDelivery(world.client, 'changed', { source: { stream: 'changes' }, ...direct(lake) })
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 50))
  await updateDelivery(world.client, 'changed', { prefix: 'later/', buffer: { intervalMs: 0 } })
  await put('changes', textsOf(50, 80))
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 80))
  const later = [...(await world.files(lake)).keys()].filter((path) => path.startsWith('later/'))
  expect(later.length).toBeGreaterThan(0)
  for (const path of later) expect(path).toContain('/changed-2-')
})

it('a delivery that is paused: what waits is written, nothing more is read, and it goes on when it is resumed', async () => {
  const lake = join(world.directory, 'paused')
  await world.client.createStream('pauses')
  await put('pauses', textsOf(0, 10))
  await createDelivery(world.client, 'paused', {
    source: { stream: 'pauses' },
    ...direct(lake),
    buffer: { bytes: 2 ** 20, intervalMs: 3_600_000 },
  })
  // An hour does not pass: the pause writes.
  await expect
    .poll(async () => (await describeDelivery(world.client, 'paused')).group?.shards[0]?.recordsPerSecond)
    .toBeDefined()
  await setDeliveryState(world.client, 'paused', 'paused')
  await expect
    .poll(async () => (await describeDelivery(world.client, 'paused')).group?.members.length)
    .toBe(0)
  await put('pauses', textsOf(10, 20))
  await setDeliveryState(world.client, 'paused', 'active')
  await updateDelivery(world.client, 'paused', { buffer: { intervalMs: 0 } })
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 20))
})

it('a delivery whose directory cannot be written: it says so, keeps all, and goes on when that is mended', async () => {
  const path = join(world.directory, 'blocked')
  await writeFile(path, 'a file stands here')
  await world.client.createStream('blocks')
  await put('blocks', textsOf(0, 10))
  await createDelivery(world.client, 'blocked', { source: { stream: 'blocks' }, ...direct(path) })
  await expect
    .poll(async () => (await describeDelivery(world.client, 'blocked')).progress[0]?.trouble?.message)
    .toContain('where a directory belongs')
  const lake = join(world.directory, 'mended')
  await mkdir(lake)
  await updateDelivery(world.client, 'blocked', { destination: { type: 'directory', path: lake } })
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 10))
  await expect
    .poll(async () => (await describeDelivery(world.client, 'blocked')).progress[0]?.trouble)
    .toBeUndefined()
})

it('a delivery from LATEST: what was there before it was made is not delivered', async () => {
  const lake = join(world.directory, 'latest')
  await world.client.createStream('late')
  await put('late', textsOf(0, 10, 'old'))
  // Arrival times count in milliseconds.
  const { updatedAt } = await arrival('late')
  await createDelivery(
    world.client,
    'latest',
    { source: { stream: 'late', from: 'LATEST' }, ...direct(lake) },
    () => updatedAt + 1,
  )
  while (Date.now() <= updatedAt + 1) await new Promise((resolve) => setImmediate(resolve))
  await put('late', textsOf(0, 10, 'new'))
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 10, 'new'))
})

async function arrival(stream: string): Promise<{ updatedAt: number }> {
  let updatedAt = 0
  for await (const record of world.client.read(stream)) updatedAt = record.arrivalTime.getTime()
  return { updatedAt }
}

it('a delivery that is deleted: its documents, its group and its own stream are gone, what is written stays', async () => {
  const lake = join(world.directory, 'deleted')
  await createDelivery(world.client, 'direct', {
    source: { stream: 'direct.delivery', isOwn: true },
    ...direct(lake),
  })
  await put('direct.delivery', textsOf(0, 10))
  await expect.poll(() => world.lines(lake)).toEqual(textsOf(0, 10))
  await markDeleting(world.client, 'direct')
  await expect
    .poll(async () => (await listDeliveries(world.client)).map(({ name }) => name))
    .not.toContain('direct')
  await expect(world.client.describeStream('direct.delivery')).rejects.toMatchObject({
    code: 'streamNotFound',
  })
  await expect(world.client.describeGroup('delivery.direct')).rejects.toMatchObject({ code: 'groupNotFound' })
  expect(await world.lines(lake)).toEqual(textsOf(0, 10))
})

it('a delivery that is deleted: a stream that only calls itself its own stays', async () => {
  const { client } = world
  const { id: streamId } = await client.createStream('precious')
  const given = { source: { stream: 'precious' }, ...direct(join(world.directory, 'claims')) }
  const { definition } = await createDelivery(client, 'claims', given)
  const source = { ...definition.source, isOwn: true, streamId }
  await client.documents(deliveryKinds.definitions).put('claims', { ...definition, source })
  await markDeleting(world.client, 'claims')
  await expect
    .poll(async () => (await listDeliveries(world.client)).map(({ name }) => name))
    .not.toContain('claims')
  expect((await world.client.describeStream('precious')).name).toBe('precious')
})

it('a delivery that is deleted: a stream that has the name of its own by now stays', async () => {
  const { client } = world
  const source = { stream: 'short.delivery', isOwn: true }
  await createDelivery(client, 'short', { source, ...direct(join(world.directory, 'short')) })
  await client.deleteStream('short.delivery')
  const { id } = await client.createStream('short.delivery')
  await markDeleting(client, 'short')
  await expect.poll(async () => (await listDeliveries(client)).map(({ name }) => name)).not.toContain('short')
  expect((await client.describeStream('short.delivery')).id).toBe(id)
})
