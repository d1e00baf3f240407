// What operators and hostile handlers do to mappings that run: streams that are made again, changes while a lane is blocked, endless errors.
import type { EventSourceMapping } from 'millrace/protocol'
import { describe, expect, it } from 'vitest'
import { describeMapping, skipRecords, updateMapping } from '../../src/definitions/index.ts'
import {
  dataOf,
  numbersOf,
  putNumbers as put,
  smallApp,
  storedIn,
  type SmallApp,
  type TestFunction,
} from '../support/small-app.ts'

const door = (app: SmallApp): { client: SmallApp['client']; now: () => number } => ({
  client: app.client,
  now: Date.now,
})

const standstills = async (app: SmallApp, uuid: string): Promise<readonly string[]> =>
  Object.values((await describeMapping(app.client, uuid)).shards).flatMap((shard) =>
    shard.standstills.map(({ reason, detail }) => `${reason} ${detail}`),
  )

const echo: TestFunction = ({ Records }) => Records.map((record) => dataOf(record))

async function deleteStream({ client }: SmallApp, stream: string): Promise<void> {
  await client.deleteStream(stream)
  const isThere = (): Promise<boolean> =>
    client.describeStream(stream).then(
      () => true,
      () => false,
    )
  await expect.poll(isThere).toBe(false)
}

describe('errors without end', () => {
  it('a function whose error is a megabyte long is shown as it stands still, in few words', async () => {
    await using app = await smallApp()
    await app.client.createStream('clicks')
    const uuid = await app.create(
      'shouts',
      () => {
        throw new Error('\u{1F600}'.repeat(250_000))
      },
      { source: { stream: 'clicks' } },
    )
    await put(app, 'clicks', 0, 1)
    await app.start()
    await expect.poll(() => standstills(app, uuid)).toHaveLength(1)
    const [text] = await standstills(app, uuid)
    expect(text!.length).toBeLessThan(3000)
  })
})

describe('streams that are made again', () => {
  it('records of the new stream are not passed over because those of the old one were', async () => {
    await using app = await smallApp()
    await app.client.createStream('clicks')
    const seen: string[] = []
    const uuid = await app.create('reads', ({ Records }) => void seen.push(...Records.map(dataOf)), {
      source: { stream: 'clicks' },
    })
    await skipRecords(door(app), uuid, { shardId: 'shardId-000000000000', from: 0, to: 3 })
    await put(app, 'clicks', 0, 4, 1)
    await app.start()
    await expect.poll(() => seen).toEqual(['3'])
    await deleteStream(app, 'clicks')
    await app.client.createStream('clicks')
    await put(app, 'clicks', 10, 4, 1)
    await expect.poll(() => seen).toEqual(['3', '10', '11', '12', '13'])
  })

  it('while there is none, that is the reason, and nothing is shown to stand still at records of the old one', async () => {
    await using app = await smallApp()
    await app.client.createStream('clicks')
    const fail: TestFunction = () => {
      throw new Error('never')
    }
    const uuid = await app.create('fails', fail, { source: { stream: 'clicks' } })
    await put(app, 'clicks', 0, 1)
    await app.start()
    await expect.poll(() => standstills(app, uuid)).toEqual(['retrying Error: never'])
    const reason = async (): Promise<string | undefined> =>
      (await describeMapping(app.client, uuid)).report?.reason
    await expect.poll(reason).toMatch(/never$/)
    await deleteStream(app, 'clicks')
    await expect.poll(reason).toBe('There is no stream clicks.')
    await app.client.createStream('clicks')
    expect(await standstills(app, uuid)).toEqual([])
    await expect.poll(reason).toBe(undefined)
  })

  it('output goes into the new stream', async () => {
    await using app = await smallApp()
    await app.client.createStream('clicks')
    const uuid = await app.create('echoes', echo, { source: { stream: 'clicks' }, to: { stream: 'out' } })
    await app.start()
    await put(app, 'clicks', 0, 3)
    await expect.poll(async () => numbersOf(await storedIn(app.client, 'out'))).toEqual([0, 1, 2])
    await deleteStream(app, 'out')
    await put(app, 'clicks', 3, 3)
    await expect.poll(() => standstills(app, uuid)).toHaveLength(1)
    await app.client.createStream('out')
    await expect.poll(async () => numbersOf(await storedIn(app.client, 'out'))).toEqual([3, 4, 5])
    await put(app, 'clicks', 6, 1)
    await expect.poll(async () => numbersOf(await storedIn(app.client, 'out'))).toEqual([3, 4, 5, 6])
  })

  it('output that cannot be stored goes into another stream once the mapping names one', async () => {
    await using app = await smallApp()
    await app.client.createStream('clicks')
    const uuid = await app.create('echoes', echo, { source: { stream: 'clicks' }, to: { stream: 'out' } })
    await app.start()
    await put(app, 'clicks', 0, 1)
    await expect.poll(async () => numbersOf(await storedIn(app.client, 'out'))).toEqual([0])
    await deleteStream(app, 'out')
    await put(app, 'clicks', 1, 3)
    await expect.poll(() => standstills(app, uuid)).toHaveLength(1)
    await updateMapping(door(app), uuid, { to: { stream: 'other' } })
    await expect.poll(async () => numbersOf(await storedIn(app.client, 'other'))).toEqual([1, 2, 3])
  })
})

it('a mapping that is being made is not run before it is made, and removed where that is given up', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const seen: string[] = []
  const see: TestFunction = ({ Records }) => void seen.push(...Records.map(dataOf))
  const uuid = await app.create('sees', see, { source: { stream: 'clicks', from: 'TRIM_HORIZON' } })
  const documents = app.client.documents<EventSourceMapping>('event-source-mappings')
  const { value } = (await documents.get(uuid))!
  await documents.put(uuid, { ...value, version: 0 })
  await documents.put('given-up', { ...value, version: 0 })
  await put(app, 'clicks', 0, 1)
  await app.start()
  await documents.put(uuid, value)
  await expect.poll(() => seen).toEqual(['0'])
  expect(await documents.get('given-up')).toBeDefined()
  app.aheadMs = 3_600_000
  await expect.poll(() => documents.get('given-up')).toBeUndefined()
  expect(seen).toEqual(['0'])
})

it('more lanes, while one is blocked: what the others have stored is not stored again', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  let isBlocked = true
  const uuid = await app.create(
    'echoes',
    ({ Records }) => {
      if (isBlocked && Records.some((record) => dataOf(record) === '0')) throw new Error('not yet')
      return Records.map((record) => dataOf(record))
    },
    { source: { stream: 'clicks' }, to: { stream: 'out' }, parallelizationFactor: 4, batchSize: 5 },
  )
  await put(app, 'clicks', 0, 200)
  await app.start()
  await expect.poll(async () => numbersOf(await storedIn(app.client, 'out')).length).toBeGreaterThan(100)
  await updateMapping(door(app), uuid, { parallelizationFactor: 3 })
  isBlocked = false
  await expect.poll(async () => new Set(numbersOf(await storedIn(app.client, 'out'))).size).toBe(200)
  await expect.poll(async () => (await describeMapping(app.client, uuid)).group?.totals.recordsBehind).toBe(0)
  expect(numbersOf(await storedIn(app.client, 'out'))).toEqual(Array.from({ length: 200 }, (_, i) => i))
})

it('of two copies of the app, one that stands still is shown while the other goes on, and is forgotten when it ends', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks', { shards: 2 })
  const seen = new Set<string>()
  const uuid = await app.create(
    'sees',
    ({ Records }) => {
      for (const record of Records) seen.add(record.eventID.split(':')[0]!)
      if (Records.some((record) => dataOf(record) === 'poison')) throw new Error('poisoned')
    },
    { source: { stream: 'clicks' }, batchSize: 1 },
  )
  const copies = [await app.start(), await app.start()]
  const report = async () => (await describeMapping(app.client, uuid)).report
  const counted = async () =>
    Object.values((await report())?.copies ?? {}).map(({ counters }) => counters.invokedEventCount > 0)
  // The first may have had both shards for a while.
  const countedOfMore = async () => {
    await put(app, 'clicks', 0, 20, 20)
    return counted()
  }
  await expect.poll(countedOfMore, { interval: 500 }).toEqual([true, true])
  expect(seen.size).toBe(2)
  await app.client.put('clicks', { partitionKey: 'key 0', data: 'poison' })
  await expect.poll(report).toMatchObject({
    state: 'enabled',
    version: 1,
    reason: expect.stringMatching(/^shardId-\d+: retrying .*poisoned$/) as string,
  })
  // The other one has news meanwhile.
  await put(app, 'clicks', 1, 3, 4)
  expect((await report())?.reason).toContain('poisoned')
  await copies[0]!.close()
  await expect.poll(async () => Object.keys((await report())?.copies ?? {})).toHaveLength(1)
  await copies[1]!.close()
  expect(await report()).toMatchObject({ state: 'enabled', copies: {} })
})
