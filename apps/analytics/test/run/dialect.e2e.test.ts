// The table of the dialect by the app itself, on a broker: records go into streams, and what is written out comes out of others. Questions
// that go by when records come are left to the planner's tests, as the broker says when that is.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isByArrival, shownRows, type CaseRecord } from '../support/dialect/case.ts'
import { dialectCases } from '../support/dialect/cases.ts'
import { createCase, putRecords } from '../support/dialect/on-broker.ts'
import { queryApp, rowsIn } from '../support/query-app.ts'

it.each(dialectCases.filter((one) => !isByArrival(one)))('$name', async (one) => {
  const directory = await mkdtemp(join(tmpdir(), 'queries-dialect-'))
  await using app = await queryApp()
  for (const [name, text] of Object.entries(one.files ?? {})) await writeFile(join(directory, name), text)
  await putRecords(app, one)
  const sql = one.sql.replaceAll('{files}', directory)
  await createCase(app, { ...one, sql }, { targets: Object.keys(one.expected) })
  await app.start()
  for (const [target, rows] of Object.entries(one.expected))
    await expect
      .poll(async () => shownRows((await rowsIn(app.client, target)) as readonly CaseRecord[]))
      .toEqual(shownRows(rows))
  expect(app.warnings).toEqual([])
  await rm(directory, { recursive: true, force: true })
})
