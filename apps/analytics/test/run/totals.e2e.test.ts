// What a query has done since it began is counted with its place: once, whichever process did it and how it ended.
import { randomUUID } from 'node:crypto'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { expect, it } from 'vitest'
import type { QueryProgress } from '../../src/run/place/query-place.ts'
import { click, queryApp, rowsIn } from '../support/query-app.ts'

const views = `INSERT INTO views SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

it('totals go on through deaths, stops and versions, and begin anew with a version that begins anew', async () => {
  await using app = await queryApp()
  for (const stream of ['clicks', 'views']) await app.client.createStream(stream)
  await app.create('q', views)
  const own = randomUUID()
  const dying = new AbortController()
  // It dies when results are stored of which its document does not know.
  const onProgress = (when: 'before' | 'after', { prepared, place }: QueryProgress): void => {
    if (when !== 'before' || prepared !== undefined || place?.totals === undefined) return
    if (place.totals.rowsWritten === 0) return
    dying.abort()
    throw new Error('It has died.')
  }
  const bad = { partitionKey: 'x', data: '[]' }
  await app.client.putMany('clicks', [click(1, 'a'), click(2, 'b'), bad, click(61, 'a')])
  const first = await app.start({ own, death: dying.signal, onProgress })
  await expect.poll(() => dying.signal.aborted).toBe(true)
  await first.close()
  const second = await app.start({ own })
  await expect
    .poll(() => app.report('q'))
    .toMatchObject({ state: 'running', rowsRead: 4, rowsRefused: 1, rowsWritten: 2, rowsLate: 0 })
  expect((await app.report('q'))?.lastResultAt).toBeTypeOf('number')
  await app.client.put('clicks', click(3, 'late'))
  await expect.poll(() => app.report('q')).toMatchObject({ rowsRead: 5, rowsLate: 1 })
  await second.close()
  const third = await app.start({ own })
  const replace = (begins: boolean) =>
    app.client
      .documents<QueryDefinition>(queryKinds.queries)
      .update('q', (query) => ({ ...query!, version: query!.version + 1, begins }))
  await replace(false)
  await expect
    .poll(() => app.report('q'), { timeout: 10_000 })
    .toMatchObject({ version: 2, rowsRead: 5, rowsLate: 1, rowsRefused: 1, rowsWritten: 2 })
  expect(await rowsIn(app.client, 'views')).toHaveLength(2)
  await replace(true)
  await expect
    .poll(() => app.report('q'), { timeout: 10_000 })
    .toMatchObject({ version: 3, rowsRead: 5, rowsRefused: 1, rowsWritten: 2 })
  await third.close()
})
