// The table of the dialect by the app itself, on a broker: records go into streams, and what is written out comes out of others. Questions
// that go by when records come are left to the planner's tests, as the broker says when that is.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isByArrival, shownRows, type CaseRecord, type DialectCase } from '../support/dialect/case.ts'
import { dialectCases } from '../support/dialect/cases.ts'
import { queryApp, rowsIn, type QueryApp } from '../support/query-app.ts'

const DAY_MS = 86_400_000

/** A record days behind all others ends what waits for the watermark; nothing comes of it. */
const closing = '2020-04-20T00:00:00Z'

/** Whether results wait for a watermark; others are of each row, the last one too. */
const isOfMoments = ({ sql }: DialectCase) => /descriptor|\bover\b|between|\bstep\b/i.test(sql)

async function putRecords({ client }: QueryApp, one: DialectCase): Promise<void> {
  for (const [stream, { columns, records }] of Object.entries(one.streams)) {
    await client.createStream(stream)
    const times = Object.keys(columns).filter((name) => columns[name] === 'TIMESTAMP')
    const last = Object.fromEntries(times.map((name) => [name, closing]))
    await client.putMany(
      stream,
      [...records, ...(isOfMoments(one) ? [last] : [])].map((record) => {
        const fields: CaseRecord = { ...record }
        const own = Object.entries(fields).filter(([name]) => name !== 'arrival_time')
        return { partitionKey: 'k', data: JSON.stringify(Object.fromEntries(own)) }
      }),
    )
  }
}

it.each(dialectCases.filter((one) => !isByArrival(one)))('$name', async (one) => {
  const directory = await mkdtemp(join(tmpdir(), 'queries-dialect-'))
  await using app = await queryApp()
  for (const [name, text] of Object.entries(one.files ?? {})) await writeFile(join(directory, name), text)
  await putRecords(app, one)
  for (const target of Object.keys(one.expected)) await app.client.createStream(target)
  const columns = Object.fromEntries(
    Object.entries(one.streams).map(([name, stream]) => [name, stream.columns]),
  )
  await app.create('q', one.sql.replaceAll('{files}', directory), {
    columns,
    time: { outOfOrderMs: DAY_MS, idleMs: DAY_MS },
  })
  await app.start()
  for (const [target, rows] of Object.entries(one.expected))
    await expect
      .poll(async () => shownRows((await rowsIn(app.client, target)) as readonly CaseRecord[]))
      .toEqual(shownRows(rows))
  expect(app.warnings).toEqual([])
  await rm(directory, { recursive: true, force: true })
})
