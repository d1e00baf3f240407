// What the rest of the app relies on at DuckDB.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Engine, type EngineFault } from '../../src/engine/index.ts'

const spoolDir = join(tmpdir(), `analytics-engine-${process.pid}`)
const open = () => Engine.open({ memory: 2 ** 28, threads: 1, spoolDir })

it('gives rows as JSON values, and loses nothing of large numbers', async () => {
  await using engine = await open()
  using session = await engine.session()
  expect(
    await session.rows(
      `SELECT 1 AS small, 9007199254740993 AS large, 0.1::DECIMAL(4, 2) AS exact, TIMESTAMP '2026-01-02 03:04:05' AS at, NULL AS nothing, [1, 2] AS list, 3::BIGINT AS count, '\\xFF'::BLOB AS bytes, '{"a": [1]}'::JSON AS inner`,
    ),
  ).toEqual([
    {
      small: 1,
      large: '9007199254740993',
      exact: '0.10',
      at: '2026-01-02T03:04:05Z',
      nothing: null,
      list: [1, 2],
      count: 3,
      bytes: '/w==',
      inner: { a: [1] },
    },
  ])
})

it.each([
  ['SELEC 1', 'parse'],
  ['SELECT nothing FROM nowhere', 'bind'],
  [`SELECT 'x'::INTEGER`, 'convert'],
] as const)('says by a code what is wrong with %s: %s', async (sql, code) => {
  await using engine = await open()
  using session = await engine.session()
  await expect(session.rows(sql)).rejects.toMatchObject({ code } satisfies Partial<EngineFault>)
})

it('interrupts a statement', async () => {
  await using engine = await open()
  using session = await engine.session()
  const rows = session.rows('SELECT count(*) FROM range(1000000) a, range(1000000) b')
  const stopping = setInterval(() => session.interrupt(), 10)
  await expect(rows).rejects.toMatchObject({ code: 'interrupted' })
  clearInterval(stopping)
})

it('loads no code from elsewhere', async () => {
  await using engine = await open()
  using session = await engine.session()
  await expect(session.rows(`SELECT * FROM read_parquet('https://example.org/x.parquet')`)).rejects.toThrow(
    /httpfs/,
  )
})
