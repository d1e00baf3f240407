// Queries that keep snapshots, on a broker: rows that expired in their streams meanwhile count all the same, and what is not sound is told.
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ManualTime } from '../../../../../test/support/manual-time.ts'
import type { QueryProgress } from '../../../src/run/place/query-place.ts'
import type { SnapshotState } from '../../../src/run/snapshots/query-snapshots.ts'
import { at, click, queryApp, rowsIn, type QueryApp } from '../../support/query-app.ts'

const HOUR_MS = 3_600_000
const time = new ManualTime()
let app: QueryApp
let state: SnapshotState
beforeAll(async () => {
  app = await queryApp(time)
  state = { directory: await mkdtemp(join(tmpdir(), 'snapshots-')), uuid: randomUUID, records: 1 }
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await rm(state.directory, { recursive: true, force: true })
})

interface Names {
  readonly id: string
  readonly clicks: string
  readonly views: string
  readonly sessions: string
}

/** A query over a stream of its own whose records expire after an hour. */
async function queryOf(): Promise<Names> {
  const id = randomUUID().slice(0, 8)
  const names = { id, clicks: `clicks_${id}`, views: `views_${id}`, sessions: `sessions_${id}` }
  await app.client.createStream(names.clicks, { retentionMs: HOUR_MS })
  for (const stream of [names.views, names.sessions]) await app.client.createStream(stream)
  await app.create(
    id,
    `INSERT INTO ${names.views} SELECT window_start, page, count(*) AS views, sum(ms) AS ms FROM TUMBLE(TABLE ${names.clicks}, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP BY window_start, window_end, page;
     INSERT INTO ${names.sessions} SELECT window_start, page, count(*) AS views FROM SESSION(TABLE ${names.clicks} PARTITION BY page, DESCRIPTOR(ts), INTERVAL '10' MINUTE) GROUP BY window_start, window_end, page`,
    {
      id,
      columns: { [names.clicks]: { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' } },
      time: { outOfOrderMs: 0, idleMs: 3_600_000 },
    },
  )
  return names
}

const filesOf = async ({ id }: Names) =>
  (await readdir(state.directory)).filter((name) => name.startsWith(`${id}~`)).toSorted()

/** Waits for a snapshot that has so many rows of the first input. */
async function snapshotOf(names: Names, rows: number): Promise<void> {
  await expect
    .poll(async () => {
      const note = (await filesOf(names)).find((name) => name.endsWith('~note'))
      if (note === undefined) return undefined
      const [, body] = (await readFile(join(state.directory, note), 'utf8')).split('\n')
      return (JSON.parse(body!) as { counts: number[] }).counts[0]
    })
    .toBe(rows)
}

const view = (second: number, page: string, views: number, ms = views) => ({
  window_start: at(second),
  page,
  views,
  ms,
})

/** What was told of snapshots. */
const told = () => app.warnings.filter((warning) => warning.includes('snapshot'))

/** Has a copy hold rows, with a snapshot, and die. */
async function died(names: Names): Promise<void> {
  const dying = new AbortController()
  const copy = await app.start({ own: names.id, death: dying.signal, state })
  await app.client.putMany(names.clicks, [click(1, 'a', 5), click(2, 'b'), click(700, 'a')])
  await snapshotOf(names, 3)
  dying.abort()
  await copy.close()
}

/** What there is once both windows are over. */
const expected = {
  views: [view(0, 'a', 3, 7), view(0, 'b', 1)],
  sessions: [
    { window_start: at(1), page: 'a', views: 1 },
    { window_start: at(2), page: 'b', views: 1 },
    { window_start: at(700), page: 'a', views: 2 },
  ],
}

/** Ends the windows, and returns their results. */
async function ended(
  { clicks, views, sessions }: Names,
  count = expected.views.length,
  sessionsCount = expected.sessions.length,
): Promise<typeof expected> {
  await app.client.putMany(clicks, [click(710, 'a'), click(3601, 'z')])
  await expect.poll(() => rowsIn(app.client, views)).toHaveLength(count)
  await expect.poll(async () => (await rowsIn(app.client, sessions)).length).toBe(sessionsCount)
  return {
    views: (await rowsIn(app.client, views)) as unknown as typeof expected.views,
    sessions: (await rowsIn(app.client, sessions)) as unknown as typeof expected.sessions,
  }
}

it('rows that have expired in their stream meanwhile still count, in windows and sessions', async () => {
  const names = await queryOf()
  await died(names)
  time.advance(2 * HOUR_MS)
  await expect.poll(() => rowsIn(app.client, names.clicks)).toEqual([])
  const next = await app.start({ own: names.id, state })
  expect(await ended(names)).toEqual(expected)
  await next.close()
  expect(told()).toEqual([])
})

it('rows that may expire are kept, also where nothing more comes', async () => {
  const names = await queryOf()
  const { directory, uuid } = state
  const dying = new AbortController()
  const copy = await app.start({ own: names.id, death: dying.signal, state: { directory, uuid } })
  await app.client.putMany(names.clicks, [click(1, 'a', 5), click(2, 'b'), click(700, 'a')])
  await expect.poll(() => app.report(names.id)).toMatchObject({ rowsRead: 3 })
  expect(await filesOf(names)).toEqual([])
  time.advance(HOUR_MS / 2)
  await snapshotOf(names, 3)
  dying.abort()
  await copy.close()
  time.advance(HOUR_MS)
  await expect.poll(() => rowsIn(app.client, names.clicks)).toEqual([])
  const next = await app.start({ own: names.id, state: { directory, uuid } })
  expect(await ended(names)).toEqual(expected)
  await next.close()
  expect(told()).toEqual([])
})

it('without a snapshot they are gone: another machine has none', async () => {
  const names = await queryOf()
  await died(names)
  time.advance(2 * HOUR_MS)
  await expect.poll(() => rowsIn(app.client, names.clicks)).toEqual([])
  const next = await app.start({ own: names.id })
  expect((await ended(names, 1)).views).toEqual([view(0, 'a', 1)])
  await next.close()
})

it('rows that came after the snapshot are read again, each once, and those let go since are not held', async () => {
  const names = await queryOf()
  await died(names)
  // This copy keeps no snapshot: the former one is behind its place.
  const between = await app.start({ own: names.id })
  await app.client.putMany(names.clicks, [click(3601, 'a'), click(3602, 'b')])
  await expect.poll(() => rowsIn(app.client, names.views)).toHaveLength(2)
  await between.close()
  const next = await app.start({ own: names.id, state })
  await expect.poll(() => app.report(names.id)).toMatchObject({ rowsHeld: 4 })
  await app.client.put(names.clicks, click(7201, 'z'))
  await expect.poll(() => rowsIn(app.client, names.views)).toHaveLength(4)
  expect(await rowsIn(app.client, names.views)).toEqual([
    view(0, 'a', 2, 6),
    view(0, 'b', 1),
    view(3600, 'a', 1),
    view(3600, 'b', 1),
  ])
  await next.close()
  expect(told()).toEqual([])
})

it.each([
  ['torn', async (path: string) => await writeFile(path, (await readFile(path)).subarray(1))],
  ['of other inputs', (path: string) => noteWith(path, (note) => ({ ...note, shapes: [] }))],
  ['of a later place', (path: string) => noteWith(path, (note) => ({ ...note, watermark: 1e18 }))],
] as const)(
  'a snapshot that is %s is told and removed, and rows are read from the stream',
  async (_, spoil) => {
    const names = await queryOf()
    await died(names)
    for (const file of await filesOf(names))
      if (file.endsWith('~note')) await spoil(join(state.directory, file))
    app.warnings.length = 0
    const next = await app.start({ own: names.id, state })
    await expect.poll(told).toHaveLength(1)
    expect(told()[0]).toContain(`The snapshot of the query ${names.id} cannot be used`)
    expect(await ended(names)).toEqual(expected)
    await next.close()
    app.warnings.length = 0
  },
)

/** Writes another note, as if it had been written so. */
async function noteWith(path: string, change: (note: object) => object): Promise<void> {
  const [, body] = (await readFile(path, 'utf8')).split('\n')
  const changed = JSON.stringify(change(JSON.parse(body!) as object))
  await writeFile(path, `${createHash('sha256').update(changed).digest('hex')}\n${changed}`)
}

it('a snapshot in front of the place is of no use: the place was set back', async () => {
  const names = await queryOf()
  const progress = app.client.documents<QueryProgress>(queryKinds.progress)
  const first = await app.start({ own: names.id })
  await expect.poll(async () => (await progress.get(names.id))?.value.place).toBeDefined()
  await first.close()
  const before = (await progress.get(names.id))!.value
  await died(names)
  await progress.put(names.id, { ...before, epoch: before.epoch + 10 })
  app.warnings.length = 0
  const next = await app.start({ own: names.id, state })
  // Sessions that were written after that are written once more.
  expect((await ended(names, 2, 5)).views).toEqual(expected.views)
  expect(told().join()).toContain('in front of the place')
  await next.close()
  app.warnings.length = 0
})

it('a newer version does not take the snapshot of the one before, and says nothing of it', async () => {
  const names = await queryOf()
  await died(names)
  await app.client
    .documents<QueryDefinition>(queryKinds.queries)
    .update(names.id, (query) => ({ ...query!, version: 2, begins: false }))
  const next = await app.start({ own: names.id, state })
  expect(await ended(names)).toEqual(expected)
  await next.close()
  expect(told()).toEqual([])
})
