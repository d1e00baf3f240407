// The app dies at each point at which it keeps what it has done, and in between; the stream is split meanwhile. Each result is written once.
import { randomUUID } from 'node:crypto'
import { queryKinds } from 'millrace/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startMortal, type Death } from '../support/one-death.ts'
import { at, click, queryApp, rowsIn, type QueryApp, type TestSharing } from '../support/query-app.ts'

let app: QueryApp
beforeAll(async () => {
  app = await queryApp()
})
afterAll(() => app[Symbol.asyncDispose]())

/** At how many points it dies, at most. */
const POINTS_MAX = 12

/** How the query is shared that reads this stream. */
type Sharing = (clicks: string) => TestSharing

interface Outcome {
  /** How often the first copy kept its progress. */
  readonly puts: number
  readonly views: readonly unknown[]
  readonly sessions: readonly unknown[]
  readonly slow: readonly unknown[]
  readonly late: readonly unknown[]
}

/** Runs three statements over the same clicks; the first copy dies once, and another goes on. */
async function runWith(death: Death | undefined, sharing: Sharing | undefined): Promise<Outcome> {
  const id = randomUUID().slice(0, 8)
  const names = ['clicks', 'views', 'sessions', 'slow', 'late'].map((name) => `${name}_${id}`) as [
    string,
    string,
    string,
    string,
    string,
  ]
  const [clicks, views, sessions, slow, late] = names
  await app.client.createStream(clicks, { shards: 2 })
  for (const name of names.slice(1)) await app.client.createStream(name)
  const sql = `
    INSERT INTO ${views} SELECT window_start, page, count(*) AS views, sum(ms) AS ms
      FROM TUMBLE(TABLE ${clicks}, DESCRIPTOR(ts), INTERVAL '1' MINUTE) WHERE page <> 'tick' GROUP BY window_start, window_end, page;
    INSERT INTO ${sessions} SELECT window_start, page, count(*) AS views
      FROM SESSION(TABLE ${clicks} PARTITION BY page, DESCRIPTOR(ts), INTERVAL '5' SECOND) WHERE page <> 'tick' GROUP BY window_start, window_end, page;
    INSERT INTO ${slow} SELECT page, ms FROM ${clicks} WHERE ms > 100`
  const columns = { [clicks]: { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' } }
  const time = { outOfOrderMs: 0, idleMs: 3_600_000 }
  await app.create(id, sql, { columns, time, lateTo: late, ...(sharing && { sharing: sharing(clicks) }) })
  const copy = await startMortal(app, { own: id, clicks, death })
  // The time of a tick comes to every shard, after the rows.
  const put = async (tick: number, ...rows: readonly (readonly [number, string, number])[]) => {
    await app.client.putMany(
      clicks,
      rows.map(([second, page, ms]) => click(second, page, ms)),
    )
    await app.client.putMany(
      clicks,
      Array.from({ length: 8 }, (_, i) => ({
        ...click(tick, 'tick', 0),
        explicitHashKey: BigInt(i) << 125n,
      })),
    )
  }
  const written = async (stream: string, count: number): Promise<void> =>
    await expect
      .poll(() => rowsIn(app.client, stream), { message: JSON.stringify(death) })
      .toHaveLength(count)
  await put(62, [1, 'a', 1], [2, 'b', 200], [3, 'a', 3], [10, 'c', 300], [62, 'a', 5])
  await written(views, 3)
  await written(sessions, 3)
  await app.client.splitShard(clicks, 'shardId-000000000000')
  await put(125, [4, 'a', 500], [64, 'b', 6], [125, 'c', 7])
  await written(views, 5)
  await put(190, [30, 'c', 8], [126, 'c', 9], [190, 'd', 10])
  await written(views, 6)
  await put(400, [400, 'e', 11])
  await written(views, 7)
  await written(slow, 3)
  await written(sessions, 7)
  // Other copies would go on with it.
  await copy.end(() => app.client.documents(queryKinds.queries).delete(id))
  const [viewRows, sessionRows, slowRows, lateRows] = await Promise.all(
    [views, sessions, slow, late].map((name) => rowsIn(app.client, name)),
  )
  return { puts: copy.puts(), views: viewRows!, sessions: sessionRows!, slow: slowRows!, late: lateRows! }
}

const expected = {
  views: [
    { window_start: at(0), page: 'a', views: 2, ms: 4 },
    { window_start: at(0), page: 'b', views: 1, ms: 200 },
    { window_start: at(0), page: 'c', views: 1, ms: 300 },
    { window_start: at(60), page: 'a', views: 1, ms: 5 },
    { window_start: at(60), page: 'b', views: 1, ms: 6 },
    { window_start: at(120), page: 'c', views: 2, ms: 16 },
    { window_start: at(180), page: 'd', views: 1, ms: 10 },
  ],
  sessions: [
    { window_start: at(1), page: 'a', views: 2 },
    { window_start: at(2), page: 'b', views: 1 },
    { window_start: at(10), page: 'c', views: 1 },
    { window_start: at(62), page: 'a', views: 1 },
    { window_start: at(64), page: 'b', views: 1 },
    { window_start: at(125), page: 'c', views: 2 },
    { window_start: at(190), page: 'd', views: 1 },
  ],
}

async function check(death: Death | undefined, sharing?: Sharing): Promise<number> {
  const { puts, slow, late, views, sessions } = await runWith(death, sharing)
  const told = JSON.stringify(death)
  const rowsOf = {
    late: late.map((row) => (row as { page: string }).page).toSorted(),
    slow: slow.map((row) => (row as { ms: number }).ms).toSorted((a, b) => a - b),
    // Of parts, each writes its own in order.
    ...(sharing === undefined ? { views, sessions } : { views: inOrder(views), sessions: inOrder(sessions) }),
  }
  expect({ told, ...rowsOf }).toEqual({
    told,
    ...expected,
    late: ['a', 'c'],
    slow: [200, 300, 500],
  })
  return puts
}

const inOrder = (rows: readonly unknown[]) =>
  rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

it.each([
  ['in one process', undefined],
  ['in three parts', () => ({ parts: 3 })],
  ['in two parts by other keys', (clicks: string) => ({ parts: 2, keys: { [clicks]: ['page'] } })],
])('%s: each result is written once, at whichever point the app dies', async (_how, sharing) => {
  const puts = await check(undefined, sharing)
  expect(puts).toBeGreaterThan(5)
  // Parts keep their progress more often: they die at some of these points.
  const step = Math.ceil(puts / POINTS_MAX)
  const deaths = Array.from({ length: Math.ceil(puts / step) }, (_, i) =>
    (['before', 'later'] as const).map((when): Death => ({ put: i * step + 1, when })),
  ).flat()
  const left = deaths[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (const death of left) await check(death, sharing)
  }
  await Promise.all([lane(), lane(), lane(), lane()])
})
