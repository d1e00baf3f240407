// Columns that are found in a sample.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Engine } from '../../src/engine/index.ts'
import { foundColumns } from '../../src/rows/index.ts'

it('finds the fields of objects with their types, and passes over what is none', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'columns-'))
  await using engine = await Engine.open({ memory: 2 ** 28, threads: 1, spoolDir: directory })
  using session = await engine.session()
  const texts = [
    '{"page":"/a","ms":1,"part":0.5,"inner":{"x":1},"list":[1],"isNew":true,"day":"2026-01-02","at":"2026-01-02T03:04:05Z","data":"hidden"}',
    'no json',
    '[1]',
    '{"ms":2,\n"later":null,"at":"2026-01-02T03:04:05.678+02:00"}',
    '{}',
  ]
  const columns = await foundColumns(
    session,
    texts.map((text) => Buffer.from(text)),
    join(directory, 'sample'),
  )
  expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
    page: 'VARCHAR',
    ms: 'BIGINT',
    part: 'DOUBLE',
    inner: 'JSON',
    list: 'JSON',
    isNew: 'BOOLEAN',
    day: 'DATE',
    at: 'TIMESTAMP',
    later: 'JSON',
  })
  expect(await foundColumns(session, [Buffer.from('5')], join(directory, 'sample'))).toEqual([])
  expect(await readdir(directory)).toEqual([])
  await rm(directory, { recursive: true })
})
