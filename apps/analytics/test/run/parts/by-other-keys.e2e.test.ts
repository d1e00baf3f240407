// A query that several processes share by other keys than the partition key: records come to its parts by way of a stream between, as they were.
import type { Reading, StreamRecord } from 'millrace'
import { queryKinds, queryUnits, type QueryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import type { QueryProgress } from '../../../src/run/place/query-place.ts'
import { at, click, queryApp, rowsIn, type QueryApp } from '../../support/query-app.ts'

const sharing = { parts: 2, keys: { clicks: ['page'] } }
const held = { outOfOrderMs: 0, idleMs: 3_600_000 }
const views = `INSERT INTO views SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) WHERE page <> 'tick' GROUP BY window_start, window_end, page`
const pages = Array.from({ length: 8 }, (_, i) => `page ${i}`)

async function appWith(...streams: readonly string[]): Promise<QueryApp> {
  const app = await queryApp()
  await app.client.createStream('clicks', { shards: 2 })
  for (const stream of streams) await app.client.createStream(stream)
  return app
}

/** Puts three clicks of each page within a minute, under keys of their own, and rows of its end all over the stream. */
async function putMinute(app: QueryApp, minute: number): Promise<void> {
  const clicks = pages.flatMap((page) => [1, 2, 3].map((second) => click(60 * minute + second, page)))
  await app.client.putMany(
    'clicks',
    clicks.map((record, i) => ({ ...record, partitionKey: `user ${i % 7}` })),
  )
  await putTicks(app, 60 * minute + 60)
}

async function putTicks(app: QueryApp, second: number): Promise<void> {
  const ticks = Array.from({ length: 8 }, (_, i) => ({
    ...click(second, 'tick'),
    explicitHashKey: BigInt(i) << 125n,
  }))
  await app.client.putMany('clicks', ticks)
}

const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).toSorted()

async function awaitMinutes(app: QueryApp, minutes: number): Promise<void> {
  const expected = Array.from({ length: minutes }, (_, minute) =>
    pages.map((page) => ({ window_start: at(60 * minute), page, views: 3 })),
  ).flat()
  await expect.poll(async () => sorted(await rowsIn(app.client, 'views'))).toEqual(sorted(expected))
}

async function recordsOf(reading: Reading<Uint8Array>): Promise<readonly StreamRecord[]> {
  const records: StreamRecord[] = []
  for await (const record of reading) records.push(record)
  return records
}

async function openShards(app: QueryApp, stream: string): Promise<readonly string[]> {
  const open: string[] = []
  for await (const { shardId, state } of app.client.listShards(stream))
    if (state === 'OPEN') open.push(shardId)
  return open
}

it('processes share what spreads and the parts, go on for one that leaves, and through splits and merges of both streams', async () => {
  await using app = await appWith('views')
  await app.create('q', views, { sharing, time: held })
  const first = await app.start({ own: 'one' })
  await app.start({ own: 'two' })
  await putMinute(app, 0)
  await awaitMinutes(app, 1)
  await app.client.splitShard('q.parts', (await openShards(app, 'q.parts'))[0]!)
  await app.client.splitShard('clicks', (await openShards(app, 'clicks'))[0]!)
  await putMinute(app, 1)
  await awaitMinutes(app, 2)
  await app.client.updateShardCount('q.parts', 1)
  await putMinute(app, 2)
  await awaitMinutes(app, 3)
  await first.close()
  await putMinute(app, 3)
  await awaitMinutes(app, 4)
  await app.client.updateShardCount('q.parts', 4)
  await putMinute(app, 4)
  await awaitMinutes(app, 5)
  expect(app.warnings).toEqual([])
})

it('rows are of the records as they were, and so are those that come late or are no rows', async () => {
  await using app = await appWith('seen', 'late', 'errors')
  const sql = `INSERT INTO seen SELECT page, arrival_time, partition_key AS key, shard_id, sequence_number, headers->>'who' AS who,
    count(*) OVER (PARTITION BY page ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS nth FROM clicks WHERE page <> 'tick'`
  await app.create('q', sql, { sharing, time: held, lateTo: 'late', errorsTo: 'errors' })
  await app.start()
  const headers = { who: 'ada', 'millrace-mark': 'mine' }
  await app.client.put('clicks', { ...click(1, 'a'), partitionKey: 'user 1', headers })
  await app.client.put('clicks', { ...click(2, 'a'), partitionKey: 'user 2', explicitHashKey: '5' })
  await putTicks(app, 61)
  await expect.poll(async () => (await rowsIn(app.client, 'seen')).length).toBe(2)
  const stored: unknown[] = []
  for await (const record of app.client.read('clicks')) {
    const { page } = JSON.parse(Buffer.from(record.bytes).toString()) as { page: string }
    if (page === 'tick') continue
    const { partitionKey, shardId, sequenceNumber, arrivalTime, headers: own } = record
    const [key, sequence] = [partitionKey, { shard_id: shardId, sequence_number: sequenceNumber }]
    const who = own['who'] === undefined ? null : Buffer.from(own['who']).toString()
    stored.push({
      page,
      arrival_time: arrivalTime.getTime(),
      key,
      ...sequence,
      who,
      nth: key === 'user 1' ? 1 : 2,
    })
  }
  const seen = (await rowsIn(app.client, 'seen')).map((row) => ({
    ...row,
    arrival_time: Date.parse(String(row['arrival_time'])),
    sequence_number: Number(row['sequence_number']),
  }))
  expect(sorted(seen)).toEqual(sorted(stored))
  await app.client.putMany('clicks', [
    { ...click(3, 'late'), partitionKey: 'user 3', headers, explicitHashKey: '7' },
    { partitionKey: 'user 4', data: 'no json' },
    { partitionKey: 'user 5', data: JSON.stringify({ ts: 'never', page: 'a', ms: 1 }) },
  ])
  await expect.poll(async () => (await rowsIn(app.client, 'errors')).length).toBe(2)
  const refused = await rowsIn(app.client, 'errors')
  expect(new Set(refused.map((row) => row['partition_key']))).toEqual(new Set(['user 4', 'user 5']))
  for (const row of refused) {
    const [record] = await recordsOf(
      app.client.read('clicks', {
        shard: String(row['shard_id']),
        from: { atSequenceNumber: Number(row['sequence_number']) },
      }),
    )
    expect(record).toMatchObject({ partitionKey: row['partition_key'] })
    expect(row).toMatchObject({ stream: 'clicks' })
  }
  await expect.poll(async () => (await rowsIn(app.client, 'late')).length).toBe(1)
  const [late] = await recordsOf(app.client.read('late'))
  expect(late).toMatchObject({ partitionKey: 'user 3', explicitHashKey: '7' })
  expect(Object.entries(late!.headers).map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual(
    Object.entries(headers),
  )
})

it('what spreads does not hold the watermark while nothing comes to it', async () => {
  await using app = await appWith('views')
  await app.create('q', views, { sharing, time: { outOfOrderMs: 0, idleMs: 300 } })
  await app.start()
  const only = { explicitHashKey: 0n }
  await app.client.putMany('clicks', [
    { ...click(1, 'a'), ...only },
    { ...click(61, 'b'), ...only },
  ])
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ window_start: at(0), page: 'a', views: 1 }])
})

it('windows of arrival end by the clock of the broker', async () => {
  await using app = await appWith('views')
  const sql = `INSERT INTO views SELECT page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(arrival_time), INTERVAL '1' SECOND) GROUP BY window_start, window_end, page`
  await app.create('q', sql, { sharing })
  await app.start()
  await app.client.put('clicks', { ...click(1, 'a'), partitionKey: 'user' })
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ page: 'a', views: 1 }])
})

it('rows of two streams that are joined come together', async () => {
  await using app = await appWith('sales', 'bought')
  const sql = `INSERT INTO bought SELECT c.page, s.amount FROM clicks c JOIN sales s ON s.item = c.page AND s.ts BETWEEN c.ts AND c.ts + INTERVAL '1' MINUTE WHERE c.page <> 'tick'`
  await app.create('q', sql, {
    sharing: { parts: 3, keys: { clicks: ['page'], sales: ['item'] } },
    columns: {
      clicks: { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' },
      sales: { ts: 'TIMESTAMP', item: 'VARCHAR', amount: 'BIGINT' },
    },
    time: { outOfOrderMs: 0, idleMs: 300 },
  })
  await app.start()
  const sale = (second: number, item: string, amount: number) => ({
    partitionKey: `sale ${amount}`,
    data: JSON.stringify({ ts: at(second), item, amount }),
  })
  await app.client.putMany('clicks', [...pages.map((page) => click(10, page)), click(500, 'tick')])
  await app.client.putMany('sales', [
    ...pages.map((page, i) => sale(20, page, i)),
    sale(300, pages[0]!, 99),
    sale(500, 'tick', 100),
  ])
  await expect
    .poll(async () => sorted(await rowsIn(app.client, 'bought')))
    .toEqual(sorted(pages.map((page, amount) => ({ page, amount }))))
})

it('one that begins anew by way of a new stream takes nothing of the old one, and a deleted query leaves nothing', async () => {
  await using app = await appWith('views', 'again')
  await app.create('q', views, { sharing, time: held })
  await app.start({ own: 'one' })
  await app.start({ own: 'two' })
  await putMinute(app, 0)
  await awaitMinutes(app, 1)
  const definitions = app.client.documents<QueryDefinition>(queryKinds.queries)
  const progress = app.client.documents<QueryProgress>(queryKinds.progress)
  await app.client.deleteStream('q.parts')
  const { id } = await app.client.createStream('q.parts', { shards: 3 })
  const spread = { stream: 'q.parts', streamId: id, keys: { clicks: ['page'] } }
  const { value: next } = await definitions.update('q', (before) => ({
    ...before!,
    version: 2,
    begins: true,
    sql: views.replace('views', 'again'),
    sharing: { parts: 3, spread },
  }))
  const first = pages.map((page) => ({ window_start: at(0), page, views: 3 }))
  // Each part reads three shards of thirds: ticks of eighths are in all of them.
  await expect.poll(async () => sorted(await rowsIn(app.client, 'again'))).toEqual(sorted(first))
  expect((await rowsIn(app.client, 'views')).length).toBe(first.length)
  for (const { name } of queryUnits('q', next))
    await expect.poll(async () => (await progress.get(name))?.value.definition.version).toBe(2)
  await definitions.update('q', (before) => ({ ...before!, state: 'deleting' }))
  await expect.poll(() => definitions.get('q')).toBe(undefined)
  for (const kind of [queryKinds.progress, queryKinds.reports])
    expect((await app.client.documents(kind).list({ prefix: 'q' }).page()).items).toEqual([])
  await expect(app.client.describeStream('q.parts')).rejects.toMatchObject({ code: 'streamNotFound' })
})

it('a unit that has no records of the only shard holds nobody up while others have many', async () => {
  await using app = await queryApp()
  for (const stream of ['clicks', 'views']) await app.client.createStream(stream)
  await app.create('q', views, { sharing, time: { outOfOrderMs: 0, idleMs: 500 } })
  await app.start()
  let second = 0
  const putAndCount = async (): Promise<number> => {
    second += 10
    await app.client.put('clicks', { ...click(second, 'a'), explicitHashKey: 0n })
    return (await rowsIn(app.client, 'views')).length
  }
  await expect.poll(putAndCount).toBeGreaterThan(0)
})
