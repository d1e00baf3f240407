// Queries that run for ever, on a broker: windows end, rows come late, several copies of the app share the queries.
import { randomUUID } from 'node:crypto'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import { createQuery, deleteQuery, explainQuery, replaceQuery } from '../../src/definitions/index.ts'
import type { QueryProgress } from '../../src/run/place/query-place.ts'
import { at, click, clickColumns, queryApp, rowsIn, type QueryApp } from '../support/query-app.ts'

const views = `INSERT INTO views SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

async function appWith(...streams: readonly string[]): Promise<QueryApp> {
  const app = await queryApp()
  for (const stream of streams) await app.client.createStream(stream)
  return app
}

it('a window is written when a row has come after its end', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(2, 'b'), click(3, 'a')])
  await app.client.put('clicks', click(61, 'a'))
  await expect
    .poll(() => rowsIn(app.client, 'views'))
    .toEqual([
      { window_start: at(0), page: 'a', views: 2 },
      { window_start: at(0), page: 'b', views: 1 },
    ])
  await expect
    .poll(() => app.report('q'))
    .toMatchObject({ state: 'running', rowsRead: 4, rowsWritten: 2, rowsHeld: 1, windowsOpen: 1 })
  expect((await app.report('q'))!.watermark).toBe(Date.parse(at(61)))
})

it('windows of arrival end by the clock of the broker, also where nothing more comes', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create(
    'q',
    `INSERT INTO views SELECT page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(arrival_time), INTERVAL '1' SECOND) GROUP BY window_start, window_end, page`,
  )
  await app.start()
  await app.client.put('clicks', click(1, 'a'))
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ page: 'a', views: 1 }])
  // A shard that was split has been read to its end; its children have had one record between them.
  await app.client.splitShard('clicks', 'shardId-000000000000')
  await app.client.put('clicks', click(1, 'b'))
  await expect
    .poll(() => rowsIn(app.client, 'views'))
    .toEqual([
      { page: 'a', views: 1 },
      { page: 'b', views: 1 },
    ])
})

it('a shard to which nothing comes does not hold the others for ever', async () => {
  await using app = await queryApp()
  await app.client.createStream('clicks', { shards: 2 })
  await app.client.createStream('views')
  await app.create('q', views, { time: { outOfOrderMs: 0, idleMs: 300 } })
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ window_start: at(0), page: 'a', views: 1 }])
})

it('rows that come too late and records that are no rows go to their streams, as they were and with the reason', async () => {
  await using app = await appWith('clicks', 'views', 'late', 'errors')
  await app.create('q', views, { lateTo: 'late', errorsTo: 'errors' })
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
  await app.client.putMany('clicks', [
    click(2, 'late'),
    { partitionKey: 'x', data: 'no json' },
    { partitionKey: 'y', data: JSON.stringify({ ts: 'never', page: 'a', ms: 1 }) },
    { partitionKey: 'z', data: JSON.stringify({ page: 'timeless', ms: 1 }) },
    click(121, 'a'),
  ])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(2)
  expect(await rowsIn(app.client, 'late')).toEqual([{ ts: at(2).replace('Z', '.000Z'), page: 'late', ms: 1 }])
  expect(await rowsIn(app.client, 'errors')).toMatchObject([
    {
      stream: 'clicks',
      reason: 'The payload is no JSON object.',
      data: Buffer.from('no json').toString('base64'),
    },
    { column: 'ts', reason: 'The value of ts is not of its type.' },
    { reason: 'The row has no time of the years 1 to 9999.' },
  ])
  await expect.poll(() => app.report('q')).toMatchObject({ rowsLate: 1, rowsRefused: 3 })
})

it('results of each row alone stand in the order of their keys', async () => {
  await using app = await queryApp()
  await app.client.createStream('clicks', { shards: 3 })
  await app.client.createStream('slow')
  await app.create('q', `INSERT INTO slow SELECT page AS partition_key, ms FROM clicks WHERE ms >= 10`)
  await app.start()
  for (let from = 0; from < 300; from += 50)
    await app.client.putMany(
      'clicks',
      Array.from({ length: 50 }, (_, i) => click(0, `page-${i % 7}`, from + i)),
    )
  await expect.poll(() => rowsIn(app.client, 'slow')).toHaveLength(290)
  const byKey = new Map<string, number[]>()
  for await (const { partitionKey, bytes } of app.client.read('slow')) {
    const { ms } = JSON.parse(Buffer.from(bytes).toString()) as { ms: number }
    byKey.set(partitionKey, [...(byKey.get(partitionKey) ?? []), ms])
  }
  for (const values of byKey.values()) expect(values).toEqual(values.toSorted((a, b) => a - b))
})

it('what stopped in good order goes on in another copy, and what a copy has left at its end in another, without a gap', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  const first = await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a'), click(62, 'b')])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
  await first.close()
  await app.client.put('clicks', click(119, 'a'))
  await app.start()
  await app.client.put('clicks', click(121, 'a'))
  await expect
    .poll(() => rowsIn(app.client, 'views'))
    .toEqual([
      { window_start: at(0), page: 'a', views: 1 },
      { window_start: at(60), page: 'a', views: 2 },
      { window_start: at(60), page: 'b', views: 1 },
    ])
})

it('several copies share the queries, and each query has one', async () => {
  await using app = await appWith('clicks', ...Array.from({ length: 6 }, (_, i) => `out${i}`))
  await app.start()
  await app.start()
  for (let i = 0; i < 6; i++) await app.create(`q${i}`, `INSERT INTO out${i} SELECT page, ms FROM clicks`)
  await app.client.putMany(
    'clicks',
    Array.from({ length: 20 }, (_, i) => click(i, 'a', i)),
  )
  for (let i = 0; i < 6; i++) {
    await expect.poll(() => rowsIn(app.client, `out${i}`)).toHaveLength(20)
  }
  expect(app.warnings).toEqual([])
})

it('a query that is paused stands still and goes on, one that is deleted is gone', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
  const queries = app.client.documents<QueryDefinition>(queryKinds.queries)
  await queries.update('q', (query) => ({ ...query!, state: 'paused' }))
  const progress = app.client.documents<{ owner: string | null }>(queryKinds.progress)
  await expect.poll(async () => (await progress.get('q'))?.value.owner).toBe(null)
  await app.client.putMany('clicks', [click(62, 'a'), click(121, 'a')])
  await queries.update('q', (query) => ({ ...query!, state: 'running' }))
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(2)
  await queries.update('q', (query) => ({ ...query!, state: 'deleting' }))
  await expect.poll(() => queries.get('q')).toBe(undefined)
  expect(await progress.get('q')).toBe(undefined)
})

it('a newer version goes on where the one before stopped, with the rows of its open windows', async () => {
  await using app = await appWith('clicks', 'views', 'sums')
  await app.create('q', views)
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a', 5), click(61, 'a', 7), click(62, 'a', 8)])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
  await app.client.documents<QueryDefinition>(queryKinds.queries).update('q', (query) => ({
    ...query!,
    version: 2,
    begins: false,
    sql: views.replace('INTO views', 'INTO sums').replace('count(*) AS views', 'sum(ms) AS total'),
  }))
  await app.client.put('clicks', click(121, 'a'))
  await expect
    .poll(() => rowsIn(app.client, 'sums'))
    .toEqual([{ window_start: at(60), page: 'a', total: 15 }])
  expect(await rowsIn(app.client, 'views')).toHaveLength(1)
})

it('a target that is not there is waited for, with the reason', async () => {
  await using app = await appWith('clicks')
  await app.create('q', views)
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'waiting' })
  expect((await app.report('q'))!.reason).toContain('views')
  await app.client.createStream('views')
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
})

it('a query that cannot be carried out says why, and is tried again', async () => {
  await using app = await appWith('views')
  await app.create('q', views)
  await app.start()
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'failing' })
  expect((await app.report('q'))!.reason).toContain('clicks')
  await app.client.createStream('clicks')
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
})

it('a target that was deleted is waited for, and the query gets out of it by another target, or by its end', async () => {
  await using app = await appWith('clicks')
  const door = { client: app.client, now: Date.now, uuid: randomUUID }
  const rows = (target: string) => `INSERT INTO ${target} SELECT page, ms FROM clicks`
  const columns = { clicks: clickColumns }
  await createQuery(door, 'q', { sql: `${rows('gone')}; ${rows('kept')}`, columns })
  await createQuery(door, 'dead', { sql: rows('buried'), columns })
  await app.start()
  await app.client.put('clicks', click(1, 'a', 1))
  for (const target of ['gone', 'kept', 'buried'])
    await expect.poll(() => rowsIn(app.client, target)).toHaveLength(1)
  await app.client.deleteStream('gone')
  await app.client.deleteStream('buried')
  await app.client.put('clicks', click(2, 'a', 2))
  await expect
    .poll(async () => (await explainQuery(door, 'q')).reason)
    .toMatch(
      /^The results for gone cannot be stored: .*no stream called gone.* Make it again, or replace the query by one that writes elsewhere\.$/,
    )
  await replaceQuery(door, 'q', { sql: `${rows('other')}; ${rows('kept')}` })
  await app.client.put('clicks', click(3, 'a', 3))
  await expect.poll(() => rowsIn(app.client, 'other')).toEqual([{ page: 'a', ms: 3 }])
  // What was prepared for both is written to the one that is there.
  await expect.poll(() => rowsIn(app.client, 'kept')).toEqual([1, 2, 3].map((ms) => ({ page: 'a', ms })))
  await deleteQuery(door, 'dead')
  expect(await app.report('dead')).toBeUndefined()
})

it('what is prepared and cannot be kept is not written, however often it is tried', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  let refused = 0
  let isRefusing = true
  const onProgress = (when: 'before' | 'after', { prepared }: QueryProgress): void => {
    if (when === 'after' || prepared === undefined || !isRefusing) return
    refused++
    throw new Error('It cannot be kept.')
  }
  await app.start({ onProgress })
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'b')])
  await expect.poll(() => refused).toBeGreaterThan(2)
  expect(await rowsIn(app.client, 'views')).toEqual([])
  isRefusing = false
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ window_start: at(0), page: 'a', views: 1 }])
})
