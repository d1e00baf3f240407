// A query in parts from its making to its end, as the command line does it: two copies of the app carry out its units.
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { MillraceError } from 'millrace'
import { queryKinds } from 'millrace/protocol'
import { createQuery, deleteQuery, describeQuery, replaceQuery } from '../../../src/definitions/index.ts'
import { at, click, clickColumns, queryApp, rowsIn } from '../../support/query-app.ts'

const views = `INSERT INTO views SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

const pages = ['/a', '/b', '/c', '/d', '/e']

it.each([
  ['other keys', views, 4],
  [
    'the partition key',
    views
      .replaceAll(/\bpage\b/g, 'partition_key')
      .replace(
        'SELECT window_start, partition_key',
        'SELECT window_start, partition_key, partition_key AS page',
      ),
    2,
  ],
] as const)('is made, replaced and deleted: shared by %s', { timeout: 120_000 }, async (_, sql, units) => {
  await using app = await queryApp()
  const { client } = app
  await client.createStream('clicks', { shards: 2 })
  await app.start()
  await app.start()
  const door = { client, now: Date.now, uuid: randomUUID }
  const input = { sql, parts: 2, columns: { clicks: clickColumns }, time: { outOfOrderMs: 0, idleMs: 1000 } }
  await createQuery(door, 'q', input)
  const minute = (number: number) =>
    pages.flatMap((page, n) => Array.from({ length: n + 1 }, (_each, i) => click(60 * number + i, page)))
  const counts = (number: number) =>
    pages.map((page, n) => ({ window_start: at(60 * number), page, views: n + 1 }))
  const found = async () => {
    const rows = await rowsIn(client, 'views')
    return rows.map((row) => JSON.stringify(row)).toSorted()
  }
  const shown = (...numbers: readonly number[]) =>
    numbers
      .flatMap(counts)
      .map((row) => JSON.stringify(row))
      .toSorted()
  await client.putMany('clicks', [...minute(0), ...minute(1), ...minute(2)])
  await expect.poll(found, { timeout: 30_000 }).toEqual(shown(0, 1))
  await expect
    .poll(async () => (await describeQuery(door, 'q')).report, { timeout: 30_000 })
    .toMatchObject({ rowsRead: 45, rowsWritten: 10, rowsHeld: 15, state: 'running' })
  expect((await describeQuery(door, 'q')).units).toHaveLength(units)
  await replaceQuery(door, 'q', { parts: 3, from: 'TRIM_HORIZON' })
  await client.putMany('clicks', minute(3))
  await expect.poll(found, { timeout: 30_000 }).toEqual([...shown(0, 0, 1, 1), ...shown(2)].toSorted())
  await replaceQuery(door, 'q', { description: 'goes on' })
  await client.putMany('clicks', minute(4))
  await expect.poll(found, { timeout: 30_000 }).toEqual([...shown(0, 0, 1, 1), ...shown(2, 3)].toSorted())
  await deleteQuery(door, 'q')
  const gone = client.describeStream('q.parts')
  await expect(gone.catch((error: unknown) => MillraceError.is(error, 'streamNotFound'))).resolves.toBe(true)
  const left = async () => {
    const names: string[] = []
    for (const kind of [queryKinds.queries, queryKinds.reports, queryKinds.progress])
      for await (const { name } of client.documents(kind).list()) names.push(`${kind}/${name}`)
    return names
  }
  expect(await left()).toEqual([])
})
