// The next version of a query beside it: it begins where the query stands, both are compared, and it takes its place.
import { randomUUID } from 'node:crypto'
import { MillraceError, type Client } from 'millrace'
import { queryKinds } from 'millrace/protocol'
import { expect, it } from 'vitest'
import {
  createQuery,
  deleteQuery,
  diffQuery,
  getQuery,
  promoteQuery,
  replaceBeside,
  replaceQuery,
  setQueryState,
  streamSchema,
  type QueryDoor,
} from '../../../src/definitions/index.ts'
import type { QueryProgress } from '../../../src/run/place/query-place.ts'
import { at, click, clickColumns, queryApp, rowsIn, type QueryApp } from '../../support/query-app.ts'

const views = (select: string, seconds = 60) =>
  `INSERT INTO views SELECT window_start, ${select} FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '${seconds}' SECOND) GROUP BY window_start, window_end, page`

const settings = {
  columns: { clicks: clickColumns },
  time: { outOfOrderMs: 0, idleMs: 60_000 },
}

const doorOf = (client: Client): QueryDoor => ({ client, now: Date.now, uuid: randomUUID })

/** An app with a query that has written the first minute, and has rows of the second one. */
async function appWithViews(): Promise<{ app: QueryApp; door: QueryDoor }> {
  const app = await queryApp()
  const door = doorOf(app.client)
  await app.client.createStream('clicks')
  await createQuery(door, 'q', { ...settings, sql: views('page, count(*) AS n, sum(ms) AS total') })
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a', 5), click(2, 'b', 7), click(61, 'a', 1)])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(2)
  await reaches(app, 'q', 61)
  return { app, door }
}

/** Waits until the place of a query is kept with a watermark. */
async function reaches(app: QueryApp, name: string, second: number): Promise<void> {
  const progress = app.client.documents<QueryProgress>(queryKinds.progress)
  await expect
    .poll(async () => {
      const value = (await progress.get(name))?.value
      return value?.prepared === undefined ? value?.place?.watermark : undefined
    })
    .toBe(Date.parse(at(second)) * 1000)
}

const streams = async (client: Client) => {
  const names: string[] = []
  for await (const { name } of client.listStreams()) names.push(name)
  return names
}

it('begins where the query stands, is compared with it, and goes on in its place with each result once', async () => {
  const { app, door } = await appWithViews()
  await using _ = app
  const made = await replaceBeside(door, 'q', {
    sql: views('page, count(*) AS n, sum(ms) * 2 AS total, max(ms) AS most'),
  })
  expect(made).toMatchObject({
    name: 'q.next',
    madeStreams: ['views.next'],
    results: [{ target: 'views.next' }],
  })
  expect(made.definition).toMatchObject({ version: 2, state: 'running', beside: { name: 'q', version: 1 } })
  await app.client.putMany('clicks', [click(62, 'a', 2), click(63, 'b', 9), click(121, 'c', 4)])
  for (const name of ['q', 'q.next']) await reaches(app, name, 121)
  expect(await rowsIn(app.client, 'views.next')).toEqual([
    { window_start: at(60), page: 'a', n: 2, total: 6, most: 2 },
    { window_start: at(60), page: 'b', n: 1, total: 18, most: 9 },
  ])
  expect(await diffQuery(door, 'q', { rows: 1 })).toEqual({
    name: 'q',
    beside: 'q.next',
    onlyOld: [],
    onlyNew: [],
    targets: [
      {
        target: 'views',
        beside: 'views.next',
        keys: ['window_start', 'page'],
        after: Date.parse(at(61)),
        until: Date.parse(at(121)),
        isSettled: true,
        columnsOnlyOld: [],
        columnsOnlyNew: ['most'],
        count: { old: 2, new: 2, onlyOld: 0, onlyNew: 0, changed: 2, unreadable: 0 },
        onlyOld: [],
        onlyNew: [],
        changed: [
          { key: { window_start: at(60), page: 'a' }, old: { n: 2, total: 3 }, new: { n: 2, total: 6 } },
        ],
      },
    ],
  })
  const promoted = await promoteQuery(door, 'q')
  expect(promoted.definition).toMatchObject({ version: 2, begins: false, state: 'running' })
  expect(promoted.definition).not.toHaveProperty('outputs')
  await app.client.putMany('clicks', [click(122, 'c', 3), click(181, 'a', 1)])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(5)
  expect(await rowsIn(app.client, 'views')).toEqual([
    { window_start: at(0), page: 'a', n: 1, total: 5 },
    { window_start: at(0), page: 'b', n: 1, total: 7 },
    { window_start: at(60), page: 'a', n: 2, total: 3 },
    { window_start: at(60), page: 'b', n: 1, total: 9 },
    { window_start: at(120), page: 'c', n: 2, total: 14, most: 4 },
  ])
  expect(await streams(app.client)).toEqual(['clicks', 'views'])
  // A call that was interrupted after all was done may be made again.
  expect((await promoteQuery(door, 'q')).definition.version).toBe(2)
})

it('keeps the rows of its longer windows, which it has read from an earlier time, in the place of the query', async () => {
  const { app, door } = await appWithViews()
  await using _ = app
  await replaceBeside(door, 'q', { sql: views('page, count(*) AS n', 300), from: 'TRIM_HORIZON' })
  await reaches(app, 'q.next', 61)
  await promoteQuery(door, 'q')
  await app.client.putMany('clicks', [click(299, 'a'), click(301, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views')).toHaveLength(4)
  expect((await rowsIn(app.client, 'views')).slice(2)).toEqual([
    { window_start: at(0), page: 'a', n: 3 },
    { window_start: at(0), page: 'b', n: 1 },
  ])
})

it('says what only one of both has written, and leaves out windows that one of them has had a part of', async () => {
  const { app, door } = await appWithViews()
  await using _ = app
  const only = views('page, count(*) AS n').replace('GROUP BY', `WHERE page <> 'a' GROUP BY`)
  await replaceBeside(door, 'q', { sql: only, from: 'TRIM_HORIZON' })
  await app.client.putMany('clicks', [click(62, 'b'), click(121, 'a'), click(122, 'b'), click(181, 'a')])
  // The rows that it leaves out hold no watermark back.
  for (const name of ['q', 'q.next']) await reaches(app, name, 181)
  const { targets } = await diffQuery(door, 'q')
  expect(targets).toMatchObject([
    {
      keys: ['window_start', 'page'],
      after: Date.parse(at(120)) - 1,
      count: { old: 4, new: 2, onlyOld: 2, onlyNew: 0, changed: 0 },
      onlyOld: [60, 120].map((second) => ({ window_start: at(second), page: 'a', n: 1 })),
      columnsOnlyOld: ['total'],
    },
  ])
})

it('compares the last of the results that rows which came late have changed', async () => {
  await using app = await queryApp()
  const door = doorOf(app.client)
  await app.client.createStream('clicks')
  const time = { outOfOrderMs: 0, idleMs: 60_000, latenessMs: 3_600_000 }
  await createQuery(door, 'q', { ...settings, time, sql: views('page, count(*) AS n') })
  await app.start()
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await reaches(app, 'q', 61)
  await replaceBeside(door, 'q', { sql: views('page, count(*) AS n') })
  await app.client.putMany('clicks', [click(62, 'a'), click(121, 'a')])
  for (const name of ['q', 'q.next']) await reaches(app, name, 121)
  // One of both has it twice, as if both late rows had come together in the other.
  await app.client.putMany('clicks', [click(63, 'a')])
  for (const stream of ['views', 'views.next'])
    await expect.poll(async () => (await rowsIn(app.client, stream)).at(-1)).toMatchObject({ n: 3 })
  await app.client.put('views.next', {
    partitionKey: 'a',
    data: JSON.stringify({ window_start: at(60), page: 'a', n: 3 }),
  })
  expect((await diffQuery(door, 'q')).targets).toMatchObject([
    { count: { old: 1, new: 1, onlyOld: 0, onlyNew: 0, changed: 0 } },
  ])
})

it('compares results without time, once both stand at one place', async () => {
  const app = await queryApp()
  await using _ = app
  const door = doorOf(app.client)
  await app.client.createStream('clicks')
  const rows = (value: string) => `INSERT INTO slow SELECT page, ${value} AS ms FROM clicks`
  await createQuery(door, 'r', { ...settings, sql: rows('ms') })
  await app.start()
  await app.client.put('clicks', click(0, 'before', 1))
  await expect.poll(() => rowsIn(app.client, 'slow')).toHaveLength(1)
  await expect
    .poll(async () => {
      const progress = app.client.documents<QueryProgress>(queryKinds.progress)
      const { place, prepared } = (await progress.get('r'))!.value
      return prepared === undefined && place?.positions['clicks']?.shards
    })
    .toEqual({ 'shardId-000000000000': 1 })
  await replaceBeside(door, 'r', { sql: rows('least(ms, 5)') })
  await app.client.putMany('clicks', [click(1, 'a', 4), click(2, 'b', 50), click(2, 'b', 3)])
  await expect.poll(() => rowsIn(app.client, 'slow')).toHaveLength(4)
  await expect.poll(() => rowsIn(app.client, 'slow.next')).toHaveLength(3)
  await expect
    .poll(() => diffQuery(door, 'r'), { timeout: 20_000 })
    .toMatchObject({
      targets: [
        {
          isSettled: true,
          count: { old: 3, new: 3, onlyOld: 0, onlyNew: 0, changed: 1 },
          changed: [{ key: { page: 'b' }, old: { ms: 50 }, new: { ms: 5 } }],
        },
      ],
    })
})

it('is given up by deleting it, with its streams', async () => {
  const { app, door } = await appWithViews()
  await using _ = app
  await replaceBeside(door, 'q', { lateTo: 'late' })
  expect(await streams(app.client)).toEqual(['clicks', 'late.next', 'views', 'views.next'])
  await deleteQuery(door, 'q.next')
  expect(await streams(app.client)).toEqual(['clicks', 'views'])
  expect((await getQuery(app.client, 'q')).definition.version).toBe(1)
  await expect(promoteQuery(door, 'q')).rejects.toMatchObject({ code: 'notFound' })
})

it('refuses what cannot be tried, and what can no longer take the place', async () => {
  await using app = await queryApp()
  const door = doorOf(app.client)
  await app.client.createStream('clicks')
  const sql = views('page, count(*) AS n')
  await createQuery(door, 'q', { ...settings, sql })
  await expect(replaceBeside(door, 'none', { sql })).rejects.toMatchObject({ code: 'notFound' })
  await expect(replaceBeside(door, 'q', { sql: 'SELECT 1' })).rejects.toMatchObject({ code: 'invalid' })
  await app.client.createStream('views.next')
  await expect(replaceBeside(door, 'q', { sql })).rejects.toThrow('There is a stream views.next already')
  await app.client.deleteStream('views.next')
  await replaceBeside(door, 'q', { sql })
  await expect(replaceBeside(door, 'q', { sql })).rejects.toThrow('There is a query q.next already')
  await expect(replaceBeside(door, 'q.next', { sql })).rejects.toThrow('itself tried')
  await expect(replaceQuery(door, 'q.next', { sql })).rejects.toThrow('is not changed')
  await replaceQuery(door, 'q', { time: { idleMs: 5000 } })
  await expect(promoteQuery(door, 'q')).rejects.toThrow(
    'q is no longer the version 1 beside which q.next is tried',
  )
  await createQuery(door, 'own.next', { ...settings, sql: sql.replace('views', 'other') })
  await createQuery(door, 'own', { ...settings, sql: sql.replace('views', 'other') })
  await expect(promoteQuery(door, 'own')).rejects.toThrow('a query of its own')
})

it('promotes once, wherever it is interrupted', async () => {
  await using app = await queryApp()
  const door = doorOf(app.client)
  await app.client.createStream('clicks')
  let isOver = false
  for (let change = 0; !isOver; change++) {
    for (const when of ['before', 'after'] as const) {
      const name = `q${change}-${when}`
      await createQuery(door, name, { ...settings, sql: views('page, count(*) AS n') })
      await setQueryState(door, name, 'paused')
      await replaceBeside(door, name, { sql: views('page, count(*) AS n, max(ms) AS m') })
      const dying = { ...door, client: dyingAt(app.client, change, when) }
      isOver = await promoteQuery(dying, name).then(
        () => true,
        (error: unknown) => {
          expect(String(error)).toContain('died')
          return false
        },
      )
      const { definition } = await promoteQuery(door, name)
      expect(definition).toMatchObject({
        version: 2,
        sql: views('page, count(*) AS n, max(ms) AS m'),
        state: 'paused',
      })
      expect((await getQuery(app.client, name)).definition).toEqual(definition)
      const schema = await streamSchema(app.client, 'views')
      expect(schema?.writers[`query/${name}`]?.map((column) => column.name)).toEqual([
        'window_start',
        'page',
        'n',
        'm',
      ])
      await expect(getQuery(app.client, `${name}.next`)).rejects.toMatchObject({ code: 'notFound' })
      expect(await app.client.documents(queryKinds.progress).get(`${name}.next`)).toBeUndefined()
      expect(await streams(app.client)).toEqual(['clicks', 'views'])
    }
  }
})

/** A client that dies at its n-th change. */
function dyingAt(client: Client, change: number, when: 'before' | 'after'): Client {
  let left = change
  const changing = async <T>(call: () => Promise<T>): Promise<T> => {
    if (left-- !== 0) return call()
    if (when === 'after') await call()
    throw new MillraceError('closed', 'died')
  }
  const of = <T extends object>(target: T, names: readonly string[]): T =>
    new Proxy(target, {
      get: (from, name) => {
        const value: unknown = Reflect.get(from, name)
        if (typeof value !== 'function') return value
        if (name === 'documents')
          return (kind: string) => of(client.documents(kind), ['put', 'update', 'delete'])
        const call = (...args: unknown[]): unknown => value.apply(from, args) as unknown
        return names.includes(String(name))
          ? (...args: unknown[]) => changing(() => call(...args) as Promise<unknown>)
          : call
      },
    })
  return of(client, ['deleteStream', 'createStream'])
}
