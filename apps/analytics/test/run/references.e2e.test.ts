// Queries that join files from elsewhere, on a broker.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Questions } from '../../src/adhoc/index.ts'
import { createQuery, explainQuery } from '../../src/definitions/index.ts'
import { fileServer } from '../support/file-server.ts'
import { click, clickColumns, queryApp, rowsIn } from '../support/query-app.ts'

const columns = { clicks: clickColumns }

it('joins a file by HTTP, follows its changes, and goes on with its copy where it is gone', async () => {
  await using server = await fileServer()
  await using app = await queryApp()
  const door = { client: app.client, now: Date.now, uuid: randomUUID }
  await app.client.createStream('clicks')
  server.files.set('/pages.csv', 'page,title\na,First\n')
  const file = `${server.url}/pages.csv`
  await createQuery(door, 'q', {
    sql: `INSERT INTO titled SELECT c.page, p.title FROM clicks c JOIN '${file}' p ON p.page = c.page`,
    columns,
  })
  server.status = 500
  await app.start({ reference: { refreshMs: 50 } })
  const reason = async () => (await explainQuery(door, 'q').catch(() => undefined))?.reason
  await expect
    .poll(() => app.report('q'))
    .toMatchObject({
      state: 'waiting',
      reason: `The file ${file} cannot be fetched: its server answers 500 Internal Server Error.`,
    })
  server.status = undefined
  await app.client.put('clicks', click(1, 'a'))
  await expect.poll(() => rowsIn(app.client, 'titled')).toEqual([{ page: 'a', title: 'First' }])
  server.files.set('/pages.csv', 'page,title\na,Second\n')
  // Until the copy has come, rows meet the one before.
  await expect
    .poll(async () => {
      await app.client.put('clicks', click(2, 'a'))
      return (await rowsIn(app.client, 'titled')).at(-1)
    })
    .toEqual({ page: 'a', title: 'Second' })
  await expect.poll(reason).toBeUndefined()
  server.status = 503
  await expect
    .poll(async () => (await app.report('q'))?.reason)
    .toContain(
      'cannot be fetched: its server answers 503 Service Unavailable. The copy that was fetched before',
    )
  const before = (await rowsIn(app.client, 'titled')).length
  await app.client.put('clicks', click(3, 'a'))
  await expect.poll(() => rowsIn(app.client, 'titled')).toHaveLength(before + 1)
})

it('joins the row of a file that held at the time of a row', async () => {
  await using server = await fileServer()
  await using app = await queryApp()
  await app.client.createStream('clicks')
  await app.client.createStream('rated')
  server.files.set(
    '/rates.csv',
    'page,valid_from,rate\na,2026-01-01T00:00:00Z,1\na,2026-01-01T00:00:10Z,2\nb,2026-01-01T00:00:05Z,5\n',
  )
  await app.create(
    'q',
    `INSERT INTO rated SELECT o.page, o.ms * r.rate AS value FROM clicks o ASOF LEFT JOIN '${server.url}/rates.csv' r ON o.page = r.page AND o.ts >= r.valid_from`,
  )
  await app.start()
  await app.client.putMany('clicks', [
    click(1, 'a', 3),
    click(10, 'a', 3),
    click(1, 'b', 4),
    click(6, 'b', 4),
  ])
  await expect
    .poll(() => rowsIn(app.client, 'rated'))
    .toEqual([
      { page: 'a', value: 3 },
      { page: 'a', value: 6 },
      { page: 'b', value: null },
      { page: 'b', value: 20 },
    ])
})

it('answers single questions with such files too, and says what is wrong with a name', async () => {
  await using server = await fileServer()
  await using app = await queryApp()
  await app.client.createStream('clicks')
  await app.client.putMany('clicks', [click(1, 'a', 3), click(2, 'b', 4)])
  server.files.set('/pages.csv', 'page,title\na,First\n')
  server.files.set('/plain?of=pages', 'page,title\nb,Other\n')
  const directory = await mkdtemp(join(tmpdir(), 'references-sql-'))
  await using questions = await Questions.open({ client: app.client, memory: 2 ** 28, directory })
  const asked = async (sql: string): Promise<unknown[]> => {
    const rows: unknown[] = []
    for await (const some of (await questions.ask(sql)).rows()) rows.push(...some)
    return rows
  }
  const join_ = (file: string) => `SELECT p.title, c.ms FROM clicks c JOIN ${file} p USING (page)`
  expect(await asked(join_(`'${server.url}/pages.csv'`))).toEqual([{ title: 'First', ms: 3 }])
  expect(await asked(join_(`read_csv(['${server.url}/plain?of=pages'])`))).toEqual([
    { title: 'Other', ms: 4 },
  ])
  await expect(asked(join_(`'${server.url}/plain?of=pages'`))).rejects.toThrow("write read_csv('…')")
  await expect(asked(join_(`'https://me:secret@host/pages.csv'`))).rejects.toThrow(
    'The address of pages.csv has credentials',
  )
  await expect(asked(join_(`'s3://lake/*.csv'`))).rejects.toThrow(
    's3://lake/*.csv is a pattern: name one file.',
  )
  await expect(asked(join_(`'${server.url}/none.csv'`))).rejects.toThrow('its server answers 404')
  server.files.set('/pages.parquet', 'PAR1 and then nothing')
  const broken = asked(join_(`'${server.url}/pages.parquet'`))
  await expect(broken).rejects.toMatchObject({ name: 'EngineFault' })
  await expect(broken).rejects.toThrow(`${server.url}/pages.parquet`)
  await rm(directory, { recursive: true, force: true })
})
