// Whatever the order of rows, and whatever happens to the stream and the app meanwhile, the results are those of all rows at once: random rows out of
// order within the bound, splits and merges, shards that fall idle, copies that stop and copies that die.
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { randomOf } from '../../../../test/support/random.ts'
import type { SnapshotState } from '../../src/run/snapshots/query-snapshots.ts'
import { at, click, queryApp, rowsIn, type QueryApp } from '../support/query-app.ts'

let app: QueryApp
beforeAll(async () => {
  app = await queryApp()
})
afterAll(() => app[Symbol.asyncDispose]())

interface Row {
  readonly second: number
  readonly page: string
  readonly ms: number
}

const OUT_OF_ORDER = 10
const GAP = 15
const STEP = 10
const SIZE = 30

/** Rows in the order in which they are put: none is further behind the latest before it than the bound. */
function rowsOf(random: { next(): number }, count: number): readonly Row[] {
  let latest = 100
  return Array.from({ length: count }, () => {
    const behind = Math.floor(random.next() * (OUT_OF_ORDER + 1))
    const leap = random.next() < 0.1 ? 40 : 0
    latest += Math.floor(random.next() * 4) + leap
    return {
      second: latest - behind,
      page: 'abcd'[Math.floor(random.next() * 4)]!,
      ms: Math.floor(random.next() * 100),
    }
  })
}

/** Windows of rows, by their start, as HOP makes them. */
function hops(rows: readonly Row[]): readonly unknown[] {
  const sums = new Map<string, { window_start: string; page: string; views: number; ms: number }>()
  for (const { second, page, ms } of rows) {
    for (let start = Math.floor(second / STEP) * STEP; start > second - SIZE; start -= STEP) {
      const key = `${start} ${page}`
      const sum = sums.get(key) ?? { window_start: at(start), page, views: 0, ms: 0 }
      sums.set(key, { ...sum, views: sum.views + 1, ms: sum.ms + ms })
    }
  }
  return [...sums.values()]
}

function sessions(rows: readonly Row[]): readonly unknown[] {
  const found: unknown[] = []
  for (const page of 'abcd') {
    const seconds = rows
      .filter((row) => row.page === page)
      .map(({ second }) => second)
      .toSorted((a, b) => a - b)
    let first = 0
    for (let i = 1; i <= seconds.length; i++) {
      if (i < seconds.length && seconds[i]! - seconds[i - 1]! <= GAP) continue
      found.push({
        window_start: at(seconds[first]!),
        window_end: at(seconds[i - 1]! + GAP),
        page,
        views: i - first,
      })
      first = i
    }
  }
  return found
}

const texts = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).toSorted()

/** The lowest hash key of each open shard. */
async function openShards(stream: string): Promise<ReadonlyMap<string, string>> {
  const open = new Map<string, string>()
  for await (const { shardId, state, hashKeyRange } of app.client.listShards(stream))
    if (state === 'OPEN') open.set(shardId, hashKeyRange.startingHashKey)
  return open
}

async function reshard(stream: string, random: { next(): number }): Promise<void> {
  const open = [...(await openShards(stream)).keys()]
  const split = () => app.client.splitShard(stream, open[Math.floor(random.next() * open.length)]!)
  if (open.length < 3) await split()
  else await app.client.mergeShards(stream, open[0]!, open[1]!).catch(split)
}

/** Hash keys at which shards and parts begin: each shard of each part holds one of them. */
async function beginsOf(stream: string, parts: number): Promise<readonly bigint[]> {
  const shards = [...(await openShards(stream)).values()].map(BigInt)
  const units = Array.from({ length: parts }, (_, part) => ((1n << 128n) / BigInt(parts)) * BigInt(part))
  return [...new Set([...shards, ...units])]
}

async function run(
  seed: number,
  parts: number,
  {
    by = 'partition key',
    state,
  }: { readonly by?: 'partition key' | 'page'; readonly state?: SnapshotState } = {},
): Promise<void> {
  const random = randomOf(seed)
  const id = randomUUID().slice(0, 8)
  const [clicks, views, visits] = [`clicks_${id}`, `views_${id}`, `visits_${id}`]
  await app.client.createStream(clicks, { shards: 2 })
  for (const name of [views, visits]) await app.client.createStream(name)
  const sql = `
    INSERT INTO ${views} SELECT window_start, page, count(*) AS views, sum(ms) AS ms
      FROM HOP(TABLE ${clicks}, DESCRIPTOR(ts), INTERVAL '${STEP}' SECOND, INTERVAL '${SIZE}' SECOND)
      WHERE page <> 'tick' GROUP BY window_start, window_end, page;
    INSERT INTO ${visits} SELECT window_start, window_end, page, count(*) AS views
      FROM SESSION(TABLE ${clicks} PARTITION BY page, DESCRIPTOR(ts), INTERVAL '${GAP}' SECOND)
      WHERE page <> 'tick' GROUP BY window_start, window_end, page`
  await app.create(id, sql, {
    columns: { [clicks]: { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' } },
    time: { outOfOrderMs: OUT_OF_ORDER * 1000, idleMs: 200 },
    ...(parts > 1 && { sharing: by === 'page' ? { parts, keys: { [clicks]: ['page'] } } : { parts } }),
  })
  const rows = rowsOf(random, 120)
  let dying = new AbortController()
  let copy = await app.start({ own: id, death: dying.signal, ...(state && { state }) })
  for (let from = 0; from < rows.length;) {
    const count = 1 + Math.floor(random.next() * 20)
    const part = rows.slice(from, from + count)
    from += count
    await app.client.putMany(
      clicks,
      part.map(({ second, page, ms }) => ({
        ...click(second, page, ms),
        ...(by === 'page' && { partitionKey: `user ${Math.floor(random.next() * 20)}` }),
      })),
    )
    const lot = random.next()
    if (lot < 0.25) await reshard(by === 'page' && lot < 0.12 ? `${id}.parts` : clicks, random)
    else if (lot < 0.5) {
      if (lot < 0.4) dying.abort()
      await copy.close()
      dying = new AbortController()
      copy = await app.start({ own: id, death: dying.signal, ...(state && { state }) })
    }
  }
  await app.client.putMany(
    clicks,
    (await beginsOf(clicks, parts)).map((explicitHashKey) => ({
      ...click(rows.at(-1)!.second + 3600, 'tick'),
      explicitHashKey,
    })),
  )
  const expected = { views: hops(rows), visits: sessions(rows) }
  await expect.poll(async () => (await rowsIn(app.client, views)).length).toBe(expected.views.length)
  await expect.poll(async () => (await rowsIn(app.client, visits)).length).toBe(expected.visits.length)
  await copy.close()
  expect(texts(await rowsIn(app.client, views))).toEqual(texts(expected.views))
  expect(texts(await rowsIn(app.client, visits))).toEqual(texts(expected.visits))
}

it.each([
  [1, 1],
  [2, 1],
  [28, 1],
  [53, 1],
  [1, 2],
  [2, 3],
  [28, 3],
  [2, 2, 'page'],
  [28, 3, 'page'],
] as const)(
  'results are those of all rows at once (seed %i, %i parts)',
  (seed: number, parts: number, by?: 'page') => run(seed, parts, by === undefined ? {} : { by }),
)

it.each([
  [3, 1],
  [4, 1],
  [29, 1],
  [54, 1],
  [5, 2],
])('the same where rows of windows come from snapshots again (seed %i, %i parts)', async (seed, parts) => {
  const directory = await mkdtemp(join(tmpdir(), 'snapshots-'))
  try {
    await run(seed, parts, { state: { directory, uuid: randomUUID, records: 1 } })
    expect(await readdir(directory)).not.toEqual([])
    expect(app.warnings.filter((warning) => warning.includes('snapshot'))).toEqual([])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
