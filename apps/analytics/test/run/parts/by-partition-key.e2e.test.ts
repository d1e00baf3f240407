// A query that several processes share by the partition key: each part is carried out by one of them, and reads its own records.
import { queryKinds, queryUnits, type QueryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import type { QueryProgress } from '../../../src/run/place/query-place.ts'
import type { QueryHost } from '../../../src/run/query-hosts.ts'
import { at, click, queryApp, rowsIn, type QueryApp } from '../../support/query-app.ts'

const sharing = { parts: 4 }
const views = `INSERT INTO views SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) WHERE page <> 'tick' GROUP BY window_start, window_end, page`
const pages = Array.from({ length: 12 }, (_, i) => `page ${i}`)
const units = queryUnits('q', { sharing }).map(({ name }) => name)

async function appWith(shards: number): Promise<QueryApp> {
  const app = await queryApp()
  await app.client.createStream('clicks', { shards })
  await app.client.createStream('views')
  return app
}

/** Puts a click of each page within a minute, and a row of its end into each part. */
async function putMinute(app: QueryApp, minute: number): Promise<void> {
  await app.client.putMany(
    'clicks',
    pages.map((page) => click(60 * minute + 1, page)),
  )
  await app.client.putMany(
    'clicks',
    Array.from({ length: 16 }, (_, i) => ({
      ...click(60 * minute + 60, 'tick'),
      explicitHashKey: BigInt(i) << 124n,
    })),
  )
}

const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).toSorted()

async function awaitMinutes(app: QueryApp, minutes: number): Promise<void> {
  const expected = Array.from({ length: minutes }, (_, minute) =>
    pages.map((page) => ({ window_start: at(60 * minute), page, views: 1 })),
  ).flat()
  await expect.poll(async () => sorted(await rowsIn(app.client, 'views'))).toEqual(sorted(expected))
}

/** Which units each process says that it carries out. */
async function shared(app: QueryApp): Promise<ReadonlyMap<string, readonly string[]>> {
  const hosts = new Map<string, readonly string[]>()
  for await (const { name, value } of app.client.documents<QueryHost>(queryKinds.hosts).list())
    hosts.set(name, value.queries)
  return hosts
}

async function namesOf(app: QueryApp, kind: string): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { name } of app.client.documents(kind).list()) names.push(name)
  return names
}

it.each([4, 1, 3])(
  'two processes share its parts, and one goes on where the other leaves (%i shards)',
  async (shards) => {
    await using app = await appWith(shards)
    await app.create('q', views, { sharing, time: { outOfOrderMs: 0, idleMs: 3_600_000 } })
    // By their names, each has two of the parts.
    const first = await app.start({ own: 'one' })
    await app.start({ own: 'two' })
    const taken = async () => [...(await shared(app)).values()].map((names) => names.length)
    await expect.poll(async () => (await taken()).reduce((sum, count) => sum + count, 0)).toBe(4)
    await expect.poll(async () => (await taken()).includes(0)).toBe(false)
    await putMinute(app, 0)
    await awaitMinutes(app, 1)
    const open = (await app.client.listShards('clicks').page()).items
    await app.client.splitShard('clicks', open[0]!.shardId)
    await putMinute(app, 1)
    await awaitMinutes(app, 2)
    await first.close()
    await putMinute(app, 2)
    await awaitMinutes(app, 3)
    expect((await shared(app)).get('two')?.toSorted()).toEqual(units)
    for (const unit of units)
      await expect.poll(() => app.report(unit)).toMatchObject({ state: 'running', version: 1 })
    expect(app.warnings).toEqual([])
  },
)

it('reads each record in one part', async () => {
  await using app = await appWith(3)
  await app.create('q', views, { sharing, time: { outOfOrderMs: 0, idleMs: 3_600_000 } })
  await app.start()
  await putMinute(app, 0)
  await awaitMinutes(app, 1)
  await expect
    .poll(async () => {
      const reports = await Promise.all(units.map((unit) => app.report(unit)))
      return reports.reduce((sum, report) => sum + (report?.rowsRead ?? 0), 0)
    })
    .toBe(pages.length + 16)
})

it('a part whose hash keys have no records says so, and holds nothing', async () => {
  await using app = await appWith(1)
  await app.create('q', views, { sharing, time: { outOfOrderMs: 0, idleMs: 300 } })
  await app.start()
  const only = { explicitHashKey: 0n }
  await app.client.putMany('clicks', [
    { ...click(1, 'a'), ...only },
    { ...click(61, 'b'), ...only },
  ])
  await expect.poll(() => rowsIn(app.client, 'views')).toEqual([{ window_start: at(0), page: 'a', views: 1 }])
  await expect
    .poll(() => app.report('q@3'))
    .toMatchObject({
      state: 'running',
      rowsRead: 0,
      rowsHeld: 0,
      reason: expect.stringContaining('No record') as string,
    })
})

it('a version that replaces another goes on in each part, and a deleted query leaves nothing', async () => {
  await using app = await appWith(2)
  await app.create('q', views, { sharing, time: { outOfOrderMs: 0, idleMs: 3_600_000 } })
  await app.start({ own: 'one' })
  await app.start({ own: 'two' })
  await putMinute(app, 0)
  await awaitMinutes(app, 1)
  const definitions = app.client.documents<QueryDefinition>(queryKinds.queries)
  const change = async (changes: Partial<QueryDefinition>) =>
    definitions.update('q', (before) => ({ ...before!, ...changes }))
  await change({ version: 2, begins: false, sql: views.replace('WHERE page', 'WHERE true AND page') })
  await putMinute(app, 1)
  await awaitMinutes(app, 2)
  const progress = app.client.documents<QueryProgress>(queryKinds.progress)
  for (const unit of units)
    await expect.poll(async () => (await progress.get(unit))?.value.definition.version).toBe(2)
  await change({ state: 'paused' })
  for (const unit of units) await expect.poll(async () => (await progress.get(unit))?.value.owner).toBe(null)
  await change({ state: 'deleting' })
  await expect.poll(() => definitions.get('q')).toBe(undefined)
  for (const kind of [queryKinds.progress, queryKinds.reports]) expect(await namesOf(app, kind)).toEqual([])
})
