// What is no row, what no query can compute, and streams that go away: a query goes on with all the rest, or says why it cannot.
import { randomUUID } from 'node:crypto'
import type { RecordInput } from 'millrace'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import type { QueryProgress } from '../../src/run/place/query-place.ts'
import { at, click, queryApp, rowsIn, type QueryApp } from '../support/query-app.ts'

const views = `INSERT INTO views SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

async function appWith(...streams: readonly string[]): Promise<QueryApp> {
  const app = await queryApp()
  for (const stream of streams) await app.client.createStream(stream)
  return app
}

function record(data: unknown): RecordInput {
  return { partitionKey: 'x', data: typeof data === 'string' ? data : JSON.stringify(data) }
}

const reasonOf = async (app: QueryApp): Promise<string | undefined> => (await app.report('q'))?.reason

it('records that are no rows and columns that change their type are told, and rows beside them count', async () => {
  await using app = await appWith('clicks', 'views', 'errors')
  await app.create('q', views, { errorsTo: 'errors' })
  await app.start()
  const bad = [
    record(''),
    record('[1]'),
    record('null'),
    record('{"ts":'),
    record('{"ts":"2026-01-01T00:00:01Z","page":"cut'),
    record({ ts: { at: 1 }, page: 'a', ms: 1 }),
    record({ ts: null, page: 'a', ms: 1 }),
    record({ page: 'a' }),
    record({ ts: 'infinity', page: 'a', ms: 1 }),
  ]
  for (const each of bad) await app.client.putMany('clicks', [click(1, 'a'), each])
  await app.client.putMany('clicks', [
    // A text holds whatever JSON has, and a field that the query does not read may be anything.
    record({ ts: at(2), page: 7, ms: 1 }),
    record({ ts: at(2), page: { of: 'a' }, ms: 1 }),
    record({ ts: at(2), page: 'b', ms: 'many', more: [1, 2] }),
    click(61, 'a'),
  ])
  await expect
    .poll(() => rowsIn(app.client, 'views'))
    .toEqual([
      { window_start: at(0), page: '7', views: 1 },
      { window_start: at(0), page: 'a', views: 9 },
      { window_start: at(0), page: 'b', views: 1 },
      { window_start: at(0), page: '{"of":"a"}', views: 1 },
    ])
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'running' })
  const reasons = (await rowsIn(app.client, 'errors')).map(({ reason }) => reason)
  expect(reasons).toHaveLength(bad.length)
  expect(new Set(reasons)).toEqual(
    new Set([
      'The payload is no JSON object.',
      'The value of ts is not of its type.',
      'The row has no time of the years 1 to 9999.',
    ]),
  )
})

it('values that cannot be computed are NULL, and the rows beside them go on', async () => {
  await using app = await appWith('clicks', 'out')
  await app.create(
    'q',
    `INSERT INTO out SELECT page, 10 / ms AS ratio, 10 % ms AS rest, ms + 1 AS next, ms * ms AS square, sqrt(ms) AS root, cot(ms) AS cot, repeat(page, ms) AS text, page::INTEGER AS number FROM clicks`,
  )
  await app.start()
  await app.client.putMany('clicks', [
    click(0, 'zero', 0),
    click(0, 'most', Number.MAX_SAFE_INTEGER),
    { partitionKey: 'x', data: `{"page":"all","ms":9223372036854775807}` },
    click(0, 'less', -4),
    click(0, '2', 1),
  ])
  await expect.poll(() => rowsIn(app.client, 'out')).toHaveLength(5)
  const rows = await rowsIn(app.client, 'out')
  expect(Object.fromEntries(rows.map((row) => [row['page'], row]))).toMatchObject({
    zero: { ratio: null, rest: null, next: 1, square: 0, root: 0, cot: null, text: '', number: null },
    most: { square: null, text: null },
    all: { next: null, square: null, text: null },
    less: { ratio: -2.5, root: null },
    2: { ratio: 10, root: 1, text: '2', number: 2 },
  })
})

it('50,000 groups of a window are written in several parts, each once, also when the app dies between two of them', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  const groups = 50_000
  const pages = Array.from({ length: groups }, (_, i) => `page-${i}`)
  for (let from = 0; from < groups; from += 10_000)
    await app.client.putMany(
      'clicks',
      pages.slice(from, from + 10_000).map((page) => click(1, page)),
    )
  await app.client.put('clicks', click(61, 'end'))
  const own = randomUUID()
  const deaths = [
    { chunk: 1, when: 'after' },
    { chunk: 3, when: 'before' },
  ] as const
  for (const death of deaths) {
    const dying = new AbortController()
    const onProgress = (when: 'before' | 'after', { prepared }: QueryProgress): void => {
      if (prepared?.chunk !== death.chunk || when !== death.when) return
      dying.abort()
      throw new Error('It has died.')
    }
    const copy = await app.start({ own, death: dying.signal, onProgress })
    await expect.poll(() => dying.signal.aborted, { timeout: 30_000 }).toBe(true)
    await copy.close()
  }
  await app.start({ own })
  await expect.poll(async () => (await app.report('q'))?.rowsHeld, { timeout: 30_000 }).toBe(1)
  const rows = await rowsIn(app.client, 'views')
  expect(rows).toHaveLength(groups)
  expect(new Set(rows.map(({ page }) => page)).size).toBe(groups)
})

it('a time in the far future makes the rows after it late: they are counted, and the report says why', async () => {
  await using app = await appWith('clicks', 'views', 'late')
  await app.create('q', views, { lateTo: 'late' })
  await app.start()
  await app.client.putMany('clicks', [
    click(1, 'a'),
    record({ ts: '9999-12-31T23:59:59Z', page: 'x', ms: 1 }),
  ])
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ window_start: at(0), page: 'a', views: 1 }])
  await app.client.putMany('clicks', [click(61, 'a'), click(62, 'b')])
  await expect.poll(() => rowsIn(app.client, 'late')).toHaveLength(2)
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'running', rowsLate: 2, rowsHeld: 1 })
  await expect.poll(() => reasonOf(app)).toContain('9999-12-31T23:59:59.000Z')
})

it('a time that is beyond all calendars is none', async () => {
  await using app = await appWith('clicks', 'views', 'errors')
  await app.create('q', views, { errorsTo: 'errors' })
  await app.start()
  await app.client.putMany('clicks', [
    click(1, 'a'),
    record({ ts: '294247-01-10T04:00:54.775806Z', page: 'x', ms: 1 }),
    record({ ts: '290000-01-01 (BC)', page: 'x', ms: 1 }),
    click(61, 'a'),
  ])
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ window_start: at(0), page: 'a', views: 1 }])
  expect(await rowsIn(app.client, 'errors')).toHaveLength(2)
})

it('a stream that is made again under a query fails it with the reason, and a version that begins anew reads it', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  let saves = true
  const onProgress = (when: 'before' | 'after', { prepared, place }: QueryProgress): void => {
    // What is prepared stays so.
    if (!saves && when === 'before' && place !== undefined && prepared === undefined)
      throw new Error('It cannot be kept.')
    if (when === 'after' && prepared !== undefined) saves = false
  }
  const first = await app.start({ own: 'a', onProgress })
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
  await first.close()
  await app.client.deleteStream('clicks')
  await app.client.createStream('clicks')
  await app.start({ own: 'a' })
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'failing' })
  expect(await reasonOf(app)).toContain('made again')
  await app.client.documents<QueryDefinition>(queryKinds.queries).update('q', (query) => ({
    ...query!,
    version: 2,
    begins: true,
  }))
  await app.client.putMany('clicks', [click(1, 'b'), click(61, 'b')])
  await expect
    .poll(() => rowsIn(app.client, 'views'), { timeout: 10_000 })
    .toEqual([
      { window_start: at(0), page: 'a', views: 1 },
      { window_start: at(0), page: 'b', views: 1 },
    ])
})

it('results go on into a target that is made again', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(1)
  await app.client.deleteStream('views')
  await app.client.put('clicks', click(121, 'a'))
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'waiting' })
  expect(await reasonOf(app)).toContain('views')
  await app.client.createStream('views')
  await expect
    .poll(() => rowsIn(app.client, 'views'))
    .toEqual([{ window_start: at(60), page: 'a', views: 1 }])
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'running' })
})

it('a query that waits for a target as it is taken up says so, and can be ended', async () => {
  await using app = await appWith('clicks', 'views')
  await app.create('q', views)
  const dying = new AbortController()
  const onProgress = (when: 'before' | 'after', { prepared }: QueryProgress): void => {
    if (when === 'after' && prepared !== undefined) dying.abort()
  }
  const first = await app.start({ own: 'a', death: dying.signal, onProgress })
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => dying.signal.aborted).toBe(true)
  await first.close()
  await app.client.deleteStream('views')
  const second = await app.start({ own: 'a' })
  await expect.poll(() => app.report('q')).toMatchObject({ state: 'waiting' })
  expect(await reasonOf(app)).toContain('views')
  await second.close()
  await app.client.createStream('views')
  await app.start({ own: 'a' })
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ window_start: at(0), page: 'a', views: 1 }])
})

/** The largest HUGEINT: two of them have no sum. */
const most = 170_141_183_460_469_231_731_687_303_715_884_105_727n

function row(second: number, n: bigint | number, page = 'a'): RecordInput {
  return { partitionKey: 'x', data: `{"ts":"${at(second)}","page":"${page}","n":"${n}"}` }
}

/** Begins a copy of the app that dies once it has prepared results, and another one that goes on. */
async function startTwice(app: QueryApp): Promise<void> {
  const dying = new AbortController()
  const onProgress = (when: 'before' | 'after', { prepared }: QueryProgress): void => {
    if (when === 'after' && prepared !== undefined) dying.abort()
  }
  const first = await app.start({ own: 'a', death: dying.signal, onProgress })
  await expect.poll(() => dying.signal.aborted).toBe(true)
  await first.close()
  await app.start({ own: 'a' })
}

it('a row that a statement cannot compute is told, and those around it give their results', async () => {
  await using app = await appWith('clicks', 'orders', 'out', 'errors')
  const sql = `INSERT INTO out SELECT page, date_trunc(page, ts) AS since FROM clicks UNION ALL SELECT page, date_trunc(page, ts) AS since FROM orders`
  await app.create('q', sql, {
    errorsTo: 'errors',
    columns: { clicks: { ts: 'TIMESTAMP', page: 'VARCHAR' }, orders: { ts: 'TIMESTAMP', page: 'VARCHAR' } },
  })
  await app.client.putMany('clicks', [click(1, 'hour'), click(2, 'x'), click(3, 'day'), click(4, 'yy')])
  await app.client.putMany('orders', [click(5, 'z'), click(6, 'year')])
  await startTwice(app)
  await expect.poll(() => rowsIn(app.client, 'out')).toHaveLength(3)
  const pages = (await rowsIn(app.client, 'out')).map(({ page }) => page)
  expect(new Set(pages)).toEqual(new Set(['day', 'hour', 'year']))
  await expect.poll(() => rowsIn(app.client, 'errors')).toHaveLength(3)
  const errors = await rowsIn(app.client, 'errors')
  expect(
    new Set(errors.map(({ stream, partition_key: page }) => `${String(stream)} ${String(page)}`)),
  ).toEqual(new Set(['clicks x', 'clicks yy', 'orders z']))
  expect(errors[0]!['reason']).toContain('"')
  await app.client.put('clicks', click(7, 'minute'))
  await expect.poll(() => rowsIn(app.client, 'out')).toHaveLength(4)
})

it('a window that cannot be computed is told, and those around it give their results', async () => {
  await using app = await appWith('clicks', 'sums', 'views', 'errors')
  const sql = `INSERT INTO sums SELECT window_start, sum(n) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end; ${views}`
  await app.create('q', sql, {
    errorsTo: 'errors',
    columns: { clicks: { ts: 'TIMESTAMP', page: 'VARCHAR', n: 'HUGEINT' } },
  })
  await app.client.putMany('clicks', [
    ...[1, 61, 121, 181, 241].map((second) => row(second, 1)),
    ...[62, 182].flatMap((second) => [row(second, most), row(second, most)]),
    row(301, 1),
  ])
  await startTwice(app)
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(5)
  expect((await rowsIn(app.client, 'sums')).map(({ window_start: start }) => start)).toEqual([
    at(0),
    at(120),
    at(240),
  ])
  const told = (await rowsIn(app.client, 'errors')).map(({ target, until }) => [target, until])
  expect(told).toEqual([
    ['sums', at(120).replace('Z', '.000Z')],
    ['sums', at(240).replace('Z', '.000Z')],
  ])
  await expect.poll(() => reasonOf(app)).toContain('Results for sums up to 2026-01-01T00:04:00.000Z cannot')
  expect(await app.report('q')).toMatchObject({ state: 'running' })
})

it('a result over rows before a row that cannot be computed leaves the others as they are', async () => {
  await using app = await appWith('clicks', 'sums', 'errors')
  const sql = `INSERT INTO sums SELECT page, sum(n) OVER (ORDER BY ts RANGE INTERVAL '10' SECONDS PRECEDING) AS n FROM clicks`
  await app.create('q', sql, {
    errorsTo: 'errors',
    columns: { clicks: { ts: 'TIMESTAMP', page: 'VARCHAR', n: 'HUGEINT' } },
  })
  await app.start()
  await app.client.putMany('clicks', [
    row(0, 1, 'a'),
    row(60, most, 'b'),
    row(65, most, 'c'),
    row(90, 4, 'd'),
    row(120, 5, 'e'),
  ])
  await expect.poll(() => rowsIn(app.client, 'sums')).toHaveLength(3)
  expect((await rowsIn(app.client, 'sums')).map(({ page }) => page)).toEqual(['a', 'b', 'd'])
  await expect.poll(() => rowsIn(app.client, 'errors')).toHaveLength(1)
})

it('a window that cannot be computed again for a row that came late is told, and the others are written again', async () => {
  await using app = await appWith('clicks', 'sums', 'errors')
  const sql = `INSERT INTO sums SELECT window_start, sum(n) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end`
  await app.create('q', sql, {
    errorsTo: 'errors',
    time: { outOfOrderMs: 0, idleMs: 500, latenessMs: 3_600_000 },
    columns: { clicks: { ts: 'TIMESTAMP', n: 'HUGEINT' } },
  })
  await app.start()
  const starts = async (): Promise<readonly unknown[]> =>
    (await rowsIn(app.client, 'sums')).map(({ window_start: start }) => start)
  await app.client.putMany('clicks', [row(1, most), row(61, 1), row(121, 1), row(181, 1)])
  await expect.poll(starts).toEqual([at(0), at(60), at(120)])
  // One step or several: each window is written again at most once for each of its rows.
  await app.client.putMany('clicks', [row(2, most), row(62, 1)])
  await expect.poll(starts).toEqual([at(0), at(60), at(120), at(60)])
  await expect
    .poll(() => rowsIn(app.client, 'errors'))
    .toMatchObject([{ target: 'sums', until: '2026-01-01T00:01:00.000Z' }])
  await app.client.put('clicks', row(3, -most))
  await expect.poll(starts).toEqual([at(0), at(60), at(120), at(60)])
  await app.client.put('clicks', row(241, 1))
  await expect.poll(starts).toEqual([at(0), at(60), at(120), at(60), at(180)])
})
