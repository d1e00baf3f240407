// Mappings on a broker: records become calls, answers become records, failures become documents, and everything goes on where it was: after a
// restart, a pause, a change, a split of the stream, and with several copies of the app.
import { expect, it } from 'vitest'
import { parseKinesisSequenceNumber } from 'millrace/protocol'
import {
  deleteMapping,
  describeMapping,
  getMapping,
  mappingGroup,
  setMappingEnabled,
  skipRecords,
  updateMapping,
} from '../../src/definitions/index.ts'
import {
  dataOf,
  numbersOf,
  putNumbers as put,
  smallApp,
  storedIn,
  type SmallApp,
} from '../support/small-app.ts'

const door = (app: SmallApp): { client: SmallApp['client']; now: () => number } => ({
  client: app.client,
  now: Date.now,
})

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

it('what a function answers with is in the output stream once, in the order of its keys, and the group has caught up', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks', { shards: 2 })
  await put(app, 'clicks', 0, 300)
  const uuid = await app.create('double', ({ Records }) => Records.map((record) => dataOf(record)), {
    source: { stream: 'clicks' },
    to: { stream: 'doubled' },
    batchSize: 7,
  })
  await app.start()
  await put(app, 'clicks', 300, 200)
  await expect.poll(async () => numbersOf(await storedIn(app.client, 'doubled')).length).toBe(500)
  const stored = await storedIn(app.client, 'doubled')
  expect(numbersOf(stored)).toEqual(upTo(500))
  for (const texts of stored.values())
    expect(texts.map(Number)).toEqual(texts.map(Number).toSorted((a, b) => a - b))
  await expect.poll(async () => (await describeMapping(app.client, uuid)).group?.totals.recordsBehind).toBe(0)
  await expect
    .poll(async () => (await describeMapping(app.client, uuid)).report)
    .toMatchObject({ state: 'enabled', lastResult: 'OK' })
})

it('filters keep records out, which count as processed', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const seen: string[] = []
  const uuid = await app.create('some', ({ Records }) => void seen.push(...Records.map(dataOf)), {
    source: { stream: 'clicks' },
    filters: ['{"data":{"n":[{"numeric":[">",3]}]}}'],
  })
  await app.start()
  await app.client.putMany(
    'clicks',
    upTo(6).map((n) => ({ partitionKey: 'k', data: JSON.stringify({ n }) })),
  )
  await app.client.put('clicks', { partitionKey: 'k', data: 'no JSON' })
  await expect.poll(async () => (await describeMapping(app.client, uuid)).group?.totals.recordsBehind).toBe(0)
  expect(seen).toEqual(['{"n":4}', '{"n":5}'])
  const countersOf = async (): Promise<unknown> =>
    Object.values((await describeMapping(app.client, uuid)).report?.copies ?? {}).map(
      ({ counters }) => counters,
    )
  await expect.poll(countersOf).toMatchObject([
    {
      polledEventCount: 7,
      filteredOutEventCount: 5,
      invokedEventCount: 2,
      failedInvokeEventCount: 0,
      droppedEventCount: 0,
      iteratorAgeMs: expect.any(Number) as number,
    },
  ])
})

it('a batch that is given up is told to the failure destination as Lambda tells it, and the shard goes on', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  await put(app, 'clicks', 0, 3, 1)
  const seen: string[] = []
  await app.create(
    'fails',
    ({ Records }) => {
      const texts = Records.map(dataOf)
      if (texts.includes('1')) throw new TypeError('no ones')
      seen.push(...texts)
    },
    {
      source: { stream: 'clicks' },
      retriesMax: 1,
      bisectsOnError: true,
      onFailure: { type: 'stream', stream: 'failed' },
    },
  )
  await app.start()
  await expect.poll(() => seen).toEqual(['0', '2'])
  await expect.poll(async () => (await storedIn(app.client, 'failed')).size).toBe(1)
  const [documents] = (await storedIn(app.client, 'failed')).values()
  const document = JSON.parse(documents![0]!) as { KinesisBatchInfo: { startSequenceNumber: string } }
  expect(document).toEqual({
    requestContext: {
      requestId: expect.any(String) as string,
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:fails',
      condition: 'RetryAttemptsExhausted',
      approximateInvokeCount: 4,
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    KinesisBatchInfo: {
      shardId: 'shardId-000000000000',
      startSequenceNumber: document.KinesisBatchInfo.startSequenceNumber,
      endSequenceNumber: document.KinesisBatchInfo.startSequenceNumber,
      approximateArrivalOfFirstRecord: expect.any(String) as string,
      approximateArrivalOfLastRecord: expect.any(String) as string,
      batchSize: 1,
      streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/clicks',
    },
  })
  expect(parseKinesisSequenceNumber(document.KinesisBatchInfo.startSequenceNumber)).toMatchObject({
    shardIndex: 0,
  })
})

it('a poison record blocks its shard, is shown with its reason, survives a restart, and is skipped by command', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  await put(app, 'clicks', 0, 5, 1)
  const seen: string[] = []
  const uuid = await app.create(
    'poisoned',
    ({ Records }) => {
      const texts = Records.map(dataOf)
      if (texts.includes('2')) throw new Error('poison')
      seen.push(...texts)
    },
    { source: { stream: 'clicks' }, batchSize: 2 },
  )
  const first = await app.start()
  const standstill = async (): Promise<unknown> =>
    Object.values((await describeMapping(app.client, uuid)).shards)[0]?.standstills[0]
  await expect.poll(standstill).toMatchObject({ reason: 'retrying', detail: 'Error: poison', lane: 0 })
  await expect
    .poll(async () => (await describeMapping(app.client, uuid)).report?.reason)
    .toMatch(/shardId-000000000000: retrying .*poison/)
  await first.close()
  const before = (await standstill()) as { attempts: number; from: number; to: number }
  await app.start()
  await expect
    .poll(async () => ((await standstill()) as typeof before).attempts)
    .toBeGreaterThan(before.attempts)
  expect(seen).toEqual(['0', '1'])
  await skipRecords(door(app), uuid, {
    shardId: 'shardId-000000000000',
    from: before.from,
    to: before.from + 1,
  })
  await expect.poll(() => seen).toEqual(['0', '1', '3', '4'])
  await expect.poll(standstill).toBeUndefined()
})

it('a mapping that is stopped keeps its place, and one that is changed goes on by its new rules', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const sizes: number[] = []
  const seen: string[] = []
  const uuid = await app.create(
    'paused',
    ({ Records }) => {
      sizes.push(Records.length)
      seen.push(...Records.map(dataOf))
    },
    { source: { stream: 'clicks' } },
  )
  await app.start()
  await put(app, 'clicks', 0, 10)
  await expect.poll(() => seen.length).toBe(10)
  await setMappingEnabled(door(app), uuid, false)
  await expect.poll(async () => (await describeMapping(app.client, uuid)).report?.state).toBe('disabled')
  await put(app, 'clicks', 10, 10)
  await updateMapping(door(app), uuid, { batchSize: 1 })
  expect(seen).toHaveLength(10)
  sizes.length = 0
  await setMappingEnabled(door(app), uuid, true)
  await expect.poll(() => seen.map(Number).toSorted((a, b) => a - b)).toEqual(upTo(20))
  expect(new Set(sizes)).toEqual(new Set([1]))
})

it('a stream that is split under way, and copies of the app that come and go: every record once in the output', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  await app.create(
    'copy',
    ({ Records }) => ({ records: Records.map((record) => ({ data: dataOf(record) })) }),
    {
      source: { stream: 'clicks' },
      to: { stream: 'copied' },
      batchSize: 10,
      parallelizationFactor: 3,
    },
  )
  const first = await app.start()
  for (let from = 0; from < 1000; from += 100) {
    await put(app, 'clicks', from, 100, 10)
    if (from === 200) await app.client.splitShard('clicks', '0')
    if (from === 400) await app.start()
    if (from === 600) await first.close()
  }
  await expect
    .poll(async () => numbersOf(await storedIn(app.client, 'copied')).length)
    .toBeGreaterThanOrEqual(1000)
  const stored = await storedIn(app.client, 'copied')
  expect(numbersOf(stored)).toEqual(upTo(1000))
  for (const texts of stored.values())
    expect(texts.map(Number)).toEqual(texts.map(Number).toSorted((a, b) => a - b))
})

it('a mapping whose function is gone is refused with the reason, and goes on when it is back; a deleted one leaves nothing', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const seen: string[] = []
  const uuid = await app.create('gone', ({ Records }) => void seen.push(...Records.map(dataOf)), {
    source: { stream: 'clicks' },
  })
  const definition = (await app.client.documents('functions').get('gone'))!.value
  await app.client.documents('functions').delete('gone')
  await app.start()
  await put(app, 'clicks', 0, 1)
  await expect
    .poll(async () => (await describeMapping(app.client, uuid)).report)
    .toMatchObject({
      state: 'refused',
      reason: 'There is no function gone.',
    })
  expect(seen).toEqual([])
  await app.client.documents('functions').put('gone', definition)
  await expect.poll(() => seen).toEqual(['0'])
  await deleteMapping(door(app), uuid)
  await expect
    .poll(() => getMapping(app.client, uuid).catch(({ code }: { code: string }) => code))
    .toBe('missing')
  await expect(app.client.describeGroup(mappingGroup(uuid))).rejects.toMatchObject({ code: 'groupNotFound' })
})

it('an HTTP destination that refuses stops the checkpoint with its reason, and not the function', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  app.postStatus = 503
  const seen: string[] = []
  const uuid = await app.create(
    'posts',
    ({ Records }) => {
      const texts = Records.map(dataOf)
      if (texts.includes('0')) throw new Error('no')
      seen.push(...texts)
    },
    {
      source: { stream: 'clicks' },
      batchSize: 1,
      retriesMax: 0,
      onFailure: { type: 'http', url: 'http://alerts.test/' },
    },
  )
  await app.start()
  await put(app, 'clicks', 0, 3, 1)
  await expect.poll(() => seen).toEqual(['1', '2'])
  const shard = async (): Promise<unknown> =>
    Object.values((await describeMapping(app.client, uuid)).shards)[0]?.standstills
  await expect
    .poll(shard)
    .toMatchObject([
      { reason: 'failureDestination', detail: 'http://alerts.test/ answered with the status 503.' },
    ])
  expect((await describeMapping(app.client, uuid)).group?.totals.recordsBehind).toBe(3)
  app.postStatus = 204
  await expect.poll(async () => (await describeMapping(app.client, uuid)).group?.totals.recordsBehind).toBe(0)
  expect(app.posted.at(-1)).toMatchObject({ body: { KinesisBatchInfo: { batchSize: 1 } } })
})

it('a registered consumer reads, and its ARN is in the events', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks')
  const arns: string[] = []
  await app.create(
    'pushed',
    ({ Records }) => void arns.push(...Records.map(({ eventSourceARN }) => eventSourceARN)),
    {
      source: { stream: 'clicks', consumer: 'pushed' },
    },
  )
  await app.start()
  await put(app, 'clicks', 0, 1)
  await expect
    .poll(() => arns)
    .toEqual([
      expect.stringMatching(/^arn:aws:kinesis:us-east-1:000000000000:stream\/clicks\/consumer\/pushed:\d+$/),
    ])
})

it('a mapping from LATEST begins where the stream ended when it was made, whether an app runs or not', async () => {
  await using app = await smallApp()
  await app.client.createStream('clicks', { shards: 2 })
  await put(app, 'clicks', 0, 10)
  const seen: string[] = []
  await app.create('later', ({ Records }) => void seen.push(...Records.map(dataOf)), {
    source: { stream: 'clicks', from: 'LATEST' },
  })
  await put(app, 'clicks', 10, 10)
  await app.client.splitShard('clicks', '0')
  await put(app, 'clicks', 20, 10)
  await app.start()
  await expect.poll(() => seen.length).toBeGreaterThanOrEqual(20)
  expect(seen.map(Number).toSorted((a, b) => a - b)).toEqual(upTo(30).slice(10))
})
