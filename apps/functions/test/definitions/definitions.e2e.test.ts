// Functions and mappings as documents of a broker: made, changed, stopped, skipped in and deleted, as the command line and the Lambda API do it.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect, type Client } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import {
  createFunction,
  createMapping,
  deleteFunction,
  deleteMapping,
  describeFunction,
  getMapping,
  listFunctions,
  listMappings,
  mappingGroup,
  setMappingEnabled,
  skipRecords,
  updateFunction,
  updateMapping,
} from '../../src/definitions/index.ts'

let broker: Broker
let client: Client
let uuids = 0
const door = {
  get client() {
    return client
  },
  now: () => 1_700_000_000_000,
  uuid: () => `00000000-0000-4000-8000-${String(uuids++).padStart(12, '0')}`,
}
const target = { type: 'module', path: '/srv/enrich.mjs', handler: 'handler' } as const

beforeAll(async () => {
  broker = await createBroker({ listen: false, config: { segmentSize: '1MiB' } })
  client = await connect(broker.url, { dial: broker.dial })
  await client.createStream('clicks')
})

afterAll(async () => {
  await client.close()
  await broker.close()
})

it('a function is made once, changed with its version, and listed', async () => {
  await createFunction(door, 'listed', { target, environment: { A: '1' } })
  await expect(createFunction(door, 'listed', { target })).rejects.toMatchObject({ code: 'exists' })
  await updateFunction(door, 'listed', { timeoutMs: 5000 })
  await expect(updateFunction(door, 'other', { timeoutMs: 5000 })).rejects.toMatchObject({ code: 'missing' })
  expect((await listFunctions(client)).find(({ name }) => name === 'listed')?.definition).toMatchObject({
    target,
    timeoutMs: 5000,
    environment: { A: '1' },
    version: 2,
  })
})

it('a mapping needs its function and its stream, makes the stream of its output, and is made once', async () => {
  await expect(
    createMapping(door, { function: 'mapped', source: { stream: 'clicks' } }),
  ).rejects.toMatchObject({ code: 'missing' })
  await createFunction(door, 'mapped', { target })
  await expect(createMapping(door, { function: 'mapped', source: { stream: 'none' } })).rejects.toMatchObject(
    { code: 'missing', place: 'source.stream' },
  )
  await createMapping(door, { function: 'mapped', source: { stream: 'made' } }, { createsSource: true })
  const { uuid } = await createMapping(door, {
    function: 'mapped',
    source: { stream: 'clicks' },
    to: { stream: 'enriched' },
    batchSize: 500,
  })
  expect((await client.describeStream('enriched')).openShardCount).toBe(1)
  await expect(
    createMapping(door, { function: 'mapped', source: { stream: 'clicks' } }),
  ).rejects.toMatchObject({ code: 'exists' })
  expect((await getMapping(client, uuid)).mapping).toMatchObject({
    batchSize: 500,
    state: 'enabled',
    version: 1,
  })
  expect(await listMappings(client, { function: 'mapped' })).toHaveLength(2)
})

it('of mappings that several doors make at once one is made, and nothing is left of the others', async () => {
  await createFunction(door, 'raced', { target })
  const input = { function: 'raced', source: { stream: 'clicks', from: 'LATEST' } } as const
  const others = await Promise.all([1, 2, 3].map(() => connect(broker.url, { dial: broker.dial })))
  const doors = others.map((other) => ({ client: other, now: door.now, uuid: door.uuid }))
  const results = await Promise.allSettled(doors.map((each) => createMapping(each, input)))
  await Promise.all(others.map((other) => other.close()))
  const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const refused = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  expect(made).toMatchObject([{ mapping: { version: 1, state: 'enabled' } }])
  expect(refused).toMatchObject([{ code: 'exists' }, { code: 'exists' }])
  expect(await listMappings(client, { function: 'raced' })).toEqual(made)
})

it('a mapping is changed, stopped, resumed and told what to skip', async () => {
  await createFunction(door, 'changed', { target })
  const { uuid } = await createMapping(door, {
    function: 'changed',
    source: { stream: 'clicks', from: 'LATEST' },
  })
  await setMappingEnabled(door, uuid, false)
  await updateMapping(door, uuid, { batchSize: 7 })
  await skipRecords(door, uuid, { shardId: 'shard-0', from: 3, to: 5 })
  await expect(
    skipRecords(door, uuid, { shardId: 'shardId-000000000000', from: 3, to: 3 }),
  ).rejects.toMatchObject({ place: 'to' })
  await expect(updateMapping(door, uuid, { batchSize: 0 })).rejects.toMatchObject({ place: 'batchSize' })
  expect((await updateMapping(door, uuid, { retriesMax: 2 })).mapping).toMatchObject({
    state: 'disabled',
    batchSize: 7,
    retriesMax: 2,
    version: 5,
    source: { stream: 'clicks', from: 'LATEST' },
    skips: [
      {
        streamId: expect.any(Number) as number,
        shardId: 'shardId-000000000000',
        from: 3,
        to: 5,
        at: door.now(),
      },
    ],
  })
  expect((await describeFunction(client, 'changed')).mappings).toMatchObject([
    { uuid, report: undefined, group: { isPaused: false, memberCount: 0 } },
  ])
})

it('a mapping is not turned to a function that reads the stream already, as none is made', async () => {
  for (const name of ['reading', 'turned', 'free']) await createFunction(door, name, { target })
  const source = { stream: 'clicks', from: 'LATEST' } as const
  const first = await createMapping(door, { function: 'reading', source })
  const { uuid } = await createMapping(door, { function: 'turned', source })
  await expect(updateMapping(door, uuid, { function: 'reading' })).rejects.toMatchObject({
    code: 'exists',
    message: expect.stringContaining(first.uuid) as string,
  })
  expect((await getMapping(client, uuid)).mapping).toMatchObject({ function: 'turned', version: 1 })
  expect((await updateMapping(door, uuid, { function: 'turned' })).mapping.version).toBe(2)
  expect((await updateMapping(door, uuid, { function: 'free' })).mapping.function).toBe('free')
})

it('a deleted mapping leaves nothing, and one that is being read is marked', async () => {
  await createFunction(door, 'ended', { target })
  const { uuid } = await createMapping(door, { function: 'ended', source: { stream: 'clicks' } })
  await client.documents('event-source-progress').put(`${uuid}/1/0`, { epoch: 1 })
  const group = client.group({ name: mappingGroup(uuid), stream: 'clicks', checkpoint: 'manual' })
  const running = group.run(() => {})
  await expect.poll(() => client.describeGroup(mappingGroup(uuid)).catch(() => undefined)).toBeDefined()
  await expect(deleteFunction(door, 'ended')).rejects.toMatchObject({ code: 'inUse' })
  expect((await deleteMapping(door, uuid)).mapping.state).toBe('deleting')
  expect((await getMapping(client, uuid)).mapping.state).toBe('deleting')
  await expect(setMappingEnabled(door, uuid, true)).rejects.toMatchObject({ code: 'missing' })
  await group.stop()
  await running
  await deleteFunction(door, 'ended', { withMappings: true })
  await expect(getMapping(client, uuid)).rejects.toMatchObject({ code: 'missing' })
  await expect(client.describeGroup(mappingGroup(uuid))).rejects.toMatchObject({ code: 'groupNotFound' })
  expect(await client.documents('event-source-progress').get(`${uuid}/1/0`)).toBeUndefined()
})
