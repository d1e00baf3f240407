// Rows that do not fit into the memory of the app, where its disk has no room for them either.
import { expect, it } from 'vitest'
import { at, click, queryApp, rowsIn, type QueryApp } from '../support/query-app.ts'

/** Less than an app can be given: DuckDB reads JSON in pieces of 32 MiB. */
const MEMORY = 96 * 2 ** 20
const ROWS = 150_000
/** Characters of each row, so that all rows are more than the memory. */
const LENGTH = 800

const sizes = `INSERT INTO sizes SELECT window_start, count(*) AS views, sum(length(page)) AS length FROM TUMBLE(TABLE large, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end`
const small = `INSERT INTO views SELECT window_start, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end`
const columns = { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' }
const result = { window_start: at(0), views: ROWS, length: ROWS * LENGTH }

/** An app whose query `large` holds all rows of the first minute. */
async function appWithRows(): Promise<QueryApp> {
  const app = await queryApp()
  for (const stream of ['large', 'clicks', 'sizes', 'views']) await app.client.createStream(stream)
  await app.create('large', sizes, { columns: { large: columns } })
  for (let from = 0; from < ROWS; from += 2000)
    await app.client.putMany(
      'large',
      Array.from({ length: 2000 }, (_, i) => {
        const page = Buffer.from(String((from + i) * 7919).padEnd(LENGTH / 2, 'x')).toString('hex')
        return { ...click(1, page), partitionKey: String(from + i) }
      }),
    )
  return app
}

const slow = { timeout: 300_000 }

it('a query for whose rows the disk has no room says so, others go on, and it loses nothing', async () => {
  await using app = await appWithRows()
  await app.create('small', small)
  await app.client.put('large', click(61, 'end'))
  const full = await app.start({ own: 'a', memory: MEMORY, spill: '1MiB' })
  await expect.poll(() => app.report('large'), slow).toMatchObject({ state: 'failing' })
  expect((await app.report('large'))?.reason).toContain('analytics-spool-dir')
  await app.client.putMany('clicks', [click(1, 'a'), click(61, 'a')])
  await expect.poll(() => rowsIn(app.client, 'views'), slow).toEqual([{ window_start: at(0), views: 1 }])
  expect(await rowsIn(app.client, 'sizes')).toEqual([])
  await full.close()
  await app.start({ own: 'a', memory: MEMORY })
  await expect.poll(() => rowsIn(app.client, 'sizes'), slow).toEqual([result])
}, 900_000)
