// Queries that count late rows, on a broker: results come again, once, through deaths of the app and newer versions.
import { randomUUID } from 'node:crypto'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { randomOf } from '../../../../../test/support/random.ts'
import { startMortal, type Death } from '../../support/one-death.ts'
import { at, click, queryApp, rowsIn, type QueryApp } from '../../support/query-app.ts'

let app: QueryApp
beforeAll(async () => {
  app = await queryApp()
})
afterAll(() => app[Symbol.asyncDispose]())

interface Names {
  readonly id: string
  readonly clicks: string
  readonly views: string
  readonly late: string
}

/** A query over a stream of its own, which counts rows that are up to two minutes late. */
async function queryOf(latenessMs = 120_000): Promise<Names> {
  const id = randomUUID().slice(0, 8)
  const names = { id, clicks: `clicks_${id}`, views: `views_${id}`, late: `late_${id}` }
  for (const stream of [names.clicks, names.views, names.late]) await app.client.createStream(stream)
  await app.create(id, sqlOf(names), {
    columns: { [names.clicks]: { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' } },
    time: { outOfOrderMs: 0, idleMs: 3_600_000, latenessMs },
    lateTo: names.late,
  })
  return names
}

const sqlOf = ({ clicks, views }: Names) =>
  `INSERT INTO ${views} SELECT window_start, page, count(*) AS views, sum(ms) AS ms FROM TUMBLE(TABLE ${clicks}, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

const result = (second: number, page: string, views: number, ms: number) => ({
  window_start: at(second),
  page,
  views,
  ms,
})

/** Waits until a stream has so many rows, which come in the order of their steps. */
async function written(stream: string, count: number): Promise<void> {
  await expect.poll(() => rowsIn(app.client, stream)).toHaveLength(count)
}

it('gives only what has changed again, and what is later than that to the stream of late rows', async () => {
  const { id, clicks, views, late } = await queryOf()
  const copy = await app.start({ own: id })
  await app.client.putMany(clicks, [click(1, 'a'), click(2, 'b'), click(61, 'a'), click(130, 'a')])
  await written(views, 3)
  await app.client.put(clicks, click(3, 'a', 5))
  await written(views, 4)
  await app.client.put(clicks, click(62, 'c'))
  await written(views, 5)
  // No window ends; rows of the first one still count.
  await app.client.putMany(clicks, [click(175, 'a'), click(59, 'a', 7)])
  await written(views, 6)
  expect(await rowsIn(app.client, views)).toEqual([
    result(0, 'a', 1, 1),
    result(0, 'b', 1, 1),
    result(60, 'a', 1, 1),
    result(0, 'a', 2, 6),
    result(60, 'c', 1, 1),
    result(0, 'a', 3, 13),
  ])
  await app.client.put(clicks, click(181, 'a'))
  await written(views, 7)
  await app.client.put(clicks, click(58, 'a'))
  await written(late, 1)
  expect(await rowsIn(app.client, late)).toMatchObject([{ page: 'a', ts: at(58).replace('Z', '.000Z') }])
  await expect
    .poll(() => app.report(id))
    .toMatchObject({ rowsLate: 1, rowsCountedLate: 3, windowsOpen: 1, rowsHeld: 5 })
  await copy.close()
})

it('a newer version does not give windows again of which it has not all rows', async () => {
  const names = await queryOf(0)
  const { id, clicks, views, late } = names
  const copy = await app.start({ own: id })
  await app.client.putMany(clicks, [click(1, 'a'), click(61, 'a')])
  await written(views, 1)
  await app.client.documents<QueryDefinition>(queryKinds.queries).update(id, (query) => ({
    ...query!,
    version: 2,
    begins: false,
    time: { ...query!.time, latenessMs: 3_600_000 },
  }))
  await expect.poll(() => app.report(id)).toMatchObject({ version: 2 })
  await app.client.put(clicks, click(2, 'a'))
  await written(late, 1)
  await app.client.put(clicks, click(121, 'a'))
  await written(views, 2)
  await app.client.put(clicks, click(62, 'a'))
  await written(views, 3)
  // It knows so when it begins again.
  await copy.close()
  const next = await app.start({ own: id })
  await app.client.putMany(clicks, [click(3, 'a'), click(63, 'a')])
  await written(views, 4)
  await written(late, 2)
  expect(await rowsIn(app.client, views)).toEqual([
    result(0, 'a', 1, 1),
    result(60, 'a', 1, 1),
    result(60, 'a', 2, 2),
    result(60, 'a', 3, 3),
  ])
  await next.close()
})

/** Late rows change results; the first copy dies once, and another goes on. Returns how often the first one kept its progress. */
async function runWith(death: Death | undefined): Promise<number> {
  const { id, clicks, views, late } = await queryOf()
  const copy = await startMortal(app, { own: id, clicks, death })
  const put = (...rows: readonly (readonly [number, string, number])[]) =>
    app.client.putMany(
      clicks,
      rows.map(([second, page, ms]) => click(second, page, ms)),
    )
  await put([1, 'a', 1], [2, 'b', 2], [61, 'a', 3], [121, 'a', 4])
  await written(views, 3)
  await put([3, 'a', 5])
  await written(views, 4)
  await put([62, 'c', 6])
  await written(views, 5)
  await put([241, 'a', 7])
  await written(views, 6)
  await put([122, 'b', 8])
  await written(views, 7)
  await put([63, 'a', 9])
  await written(late, 1)
  await put([123, 'b', 10])
  await written(views, 8)
  await copy.end()
  const told = JSON.stringify(death)
  expect({
    told,
    views: await rowsIn(app.client, views),
    late: await rowsIn(app.client, late),
  }).toMatchObject({
    told,
    views: [
      result(0, 'a', 1, 1),
      result(0, 'b', 1, 2),
      result(60, 'a', 1, 3),
      result(0, 'a', 2, 6),
      result(60, 'c', 1, 6),
      result(120, 'a', 1, 4),
      result(120, 'b', 1, 8),
      result(120, 'b', 2, 18),
    ],
    late: [{ ms: 9 }],
  })
  return copy.puts()
}

it('each change of a result is written once, at whichever point the app dies', async () => {
  const puts = await runWith(undefined)
  expect(puts).toBeGreaterThan(7)
  const deaths = Array.from({ length: puts }, (_, i) =>
    (['before', 'later'] as const).map((when): Death => ({ put: i + 1, when })),
  ).flat()
  const left = deaths[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (const death of left) await runWith(death)
  }
  await Promise.all([lane(), lane(), lane(), lane()])
})

const LATENESS = 60

/** Rows in the order in which they are put: each is in order, late by less than counts, or later: by when it is read, such a one may count. */
async function runRandom(seed: number): Promise<void> {
  const random = randomOf(seed)
  const { id, clicks, views, late } = await queryOf(LATENESS * 1000)
  let latest = 200
  const rows = Array.from({ length: 100 }, (_, ms) => {
    const lot = random.next()
    if (lot < 0.6) latest += random.below(12)
    const behind = lot < 0.6 ? 0 : lot < 0.9 ? random.below(LATENESS) : 180 + random.below(60)
    return { second: latest - behind, page: random.pick(['a', 'b', 'c']), ms, mayBeLate: behind >= LATENESS }
  })
  let dying = new AbortController()
  let copy = await app.start({ own: id, death: dying.signal })
  for (let from = 0; from < rows.length;) {
    const part = rows.slice(from, (from += 1 + random.below(10)))
    await app.client.putMany(
      clicks,
      part.map(({ second, page, ms }) => click(second, page, ms)),
    )
    const lot = random.next()
    if (lot > 0.3) continue
    if (lot > 0.1) dying.abort()
    await copy.close()
    dying = new AbortController()
    copy = await app.start({ own: id, death: dying.signal })
  }
  await app.client.put(clicks, click(latest + 3600, 'tick'))
  const isOver = async () => {
    const dropped = new Set((await rowsIn(app.client, late)).map(({ ms }) => ms))
    const expected = new Map<string, unknown>()
    for (const { second, page, ms } of rows.filter((row) => !dropped.has(row.ms))) {
      const start = Math.floor(second / 60) * 60
      const key = `${at(start)} ${page}`
      const before = expected.get(key) as ReturnType<typeof result> | undefined
      expected.set(key, result(start, page, (before?.views ?? 0) + 1, (before?.ms ?? 0) + ms))
    }
    const last = new Map<string, unknown>()
    for (const row of await rowsIn(app.client, views))
      last.set(`${String(row['window_start'])} ${String(row['page'])}`, row)
    expect(Object.fromEntries(last)).toEqual(Object.fromEntries(expected))
    expect(rows.filter(({ ms, mayBeLate }) => dropped.has(ms) && !mayBeLate)).toEqual([])
  }
  await expect.poll(isOver).toBeUndefined()
  await copy.close()
}

it.each([1, 2, 28, 53])('the last results are those of all rows that are not too late (seed %i)', runRandom)
