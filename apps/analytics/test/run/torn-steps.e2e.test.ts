// A step that had begun to write and whose records expire before it is taken up again: what it has stored stays, it writes no more, and
// the report says so.
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import type { QueryProgress } from '../../src/run/place/query-place.ts'
import { at, click, queryApp, rowsIn } from '../support/query-app.ts'

const views = `INSERT INTO views SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

it('what a step has stored stays, the rest of it is not written, and results after it come', async () => {
  await using app = await queryApp()
  const { client } = app
  await client.createStream('clicks', { retentionBytes: 2 ** 20 })
  await client.createStream('views')
  await app.create('q', views)
  const pages = Array.from({ length: 12_000 }, (_, i) => `page-${i}`)
  await client.putMany(
    'clicks',
    pages.map((page) => click(1, page)),
  )
  await client.put('clicks', click(61, 'a'))
  const own = randomUUID()
  const dying = new AbortController()
  const onProgress = (when: 'before' | 'after', { prepared }: QueryProgress): void => {
    if (prepared?.chunk !== 1 || when !== 'before') return
    dying.abort()
    throw new Error('It has died.')
  }
  const first = await app.start({ own, death: dying.signal, onProgress })
  await expect.poll(() => dying.signal.aborted, { timeout: 20_000 }).toBe(true)
  await first.close()
  const stored = await rowsIn(client, 'views')
  expect(stored.length).toBeGreaterThan(0)
  expect(stored.length).toBeLessThan(pages.length)
  // The records of the step expire.
  const filler = { ts: at(62), page: 'b', ms: 1, more: 'x'.repeat(16_000) }
  for (let i = 0; i < 8; i++)
    await client.putMany(
      'clicks',
      Array.from({ length: 50 }, () => ({ partitionKey: 'b', data: JSON.stringify(filler) })),
    )
  const horizon = async (): Promise<number> => {
    for await (const { trimHorizon = 0 } of client.listShards('clicks')) return trimHorizon
    return 0
  }
  await expect.poll(horizon, { timeout: 20_000 }).toBeGreaterThan(pages.length)
  await app.start({ own })
  await expect
    .poll(async () => (await app.report('q'))?.reason, { timeout: 10_000 })
    .toContain('could not be ended')
  expect((await app.report('q'))?.reason).toContain(`${pages.length + 1} of its records expired`)
  await client.put('clicks', click(121, 'c'))
  await expect
    .poll(async () => (await rowsIn(client, 'views')).filter(({ window_start: start }) => start === at(60)))
    .toMatchObject([{ page: 'b' }])
  const after = (await rowsIn(client, 'views')).filter(({ window_start: start }) => start === at(0))
  expect(after).toEqual(stored)
})
