// Rows that windows hold and that do not fit into the memory of the app.
import { randomBytes } from 'node:crypto'
import type { RecordInput } from 'millrace'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import { at, click, queryApp, rowsIn } from '../support/query-app.ts'

const MEMORY_BYTES = 100 * 2 ** 20
const TEXT_BYTES = 2000
const pages = ['a', 'b', 'c', 'd']
const ROWS_OF_PAGE = 14_000

/** A click with a text that does not compress. */
function wide(second: number, page: string): RecordInput {
  const text = randomBytes(TEXT_BYTES / 2).toString('hex')
  return { partitionKey: page, data: JSON.stringify({ ts: at(second), page, text }) }
}

const select = (what: string) =>
  `SELECT page, ${what} FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP BY window_start, window_end, page`

it(
  'rows beyond the memory go to disk; a query that needs more than there is says so beside the others, and goes on once it needs less',
  { timeout: 900_000 },
  async () => {
    await using app = await queryApp()
    for (const stream of ['clicks', 'texts', 'counts']) await app.client.createStream(stream)
    const columns = { clicks: { ts: 'TIMESTAMP', page: 'VARCHAR', text: 'VARCHAR' } }
    await app.create('texts', `INSERT INTO texts ${select('count(DISTINCT text) AS texts')}`, { columns })
    await app.create('counts', `INSERT INTO counts ${select('count(*) AS count')}`, { columns })
    await app.start({ memory: MEMORY_BYTES })
    for (let n = 0; n < ROWS_OF_PAGE; n += 1000)
      for (const page of pages)
        await app.client.putMany(
          'clicks',
          Array.from({ length: 1000 }, (_, i) => wide((n + i) % 3600, page)),
        )
    const rows = ROWS_OF_PAGE * pages.length
    expect(rows * TEXT_BYTES).toBeGreaterThan(MEMORY_BYTES)
    const heldBy = async (query: string) => (await app.report(query))?.rowsHeld
    await expect.poll(() => heldBy('texts'), { timeout: 300_000 }).toBe(rows)
    await expect.poll(() => heldBy('counts'), { timeout: 300_000 }).toBe(rows)
    await app.client.put('clicks', click(3600, 'end'))
    await expect
      .poll(() => rowsIn(app.client, 'counts'), { timeout: 300_000 })
      .toEqual(pages.map((page) => ({ page, count: ROWS_OF_PAGE })))
    await expect.poll(() => app.report('texts'), { timeout: 300_000 }).toMatchObject({ state: 'failing' })
    expect((await app.report('texts'))?.reason).toContain('analytics-memory')
    await app.client.documents<QueryDefinition>(queryKinds.queries).update('texts', (query) => ({
      ...query!,
      version: 2,
      begins: false,
      sql: `INSERT INTO texts ${select('count(*) AS count, min(length(text)) AS least')}`,
    }))
    await expect
      .poll(() => rowsIn(app.client, 'texts'), { timeout: 300_000 })
      .toEqual(pages.map((page) => ({ page, count: ROWS_OF_PAGE, least: TEXT_BYTES })))
    await expect.poll(() => app.report('texts')).toMatchObject({ state: 'running' })
  },
)
