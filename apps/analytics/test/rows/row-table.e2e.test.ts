// Records as rows: what each column has, what is refused and why, and nothing that is lost between the two.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { StreamRecord } from 'millrace'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Engine, type EngineSession } from '../../src/engine/index.ts'
import { recordColumns, RowTable, type RowTableShape } from '../../src/rows/index.ts'

let directory: string
let engine: Engine
let session: EngineSession
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rows-'))
  engine = await Engine.open({ memory: 2 ** 29, threads: 2, spoolDir: join(directory, 'spool') })
  session = await engine.session()
})
afterAll(async () => {
  await engine.close()
  await rm(directory, { recursive: true, force: true })
})

let count = 0
function recordOf(data: string | Uint8Array, more: Partial<StreamRecord> = {}): StreamRecord {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  return {
    shardId: 'shard-0',
    sequenceNumber: count++,
    partitionKey: 'k',
    data: bytes,
    bytes,
    arrivalTime: new Date(1_700_000_000_123),
    timestamp: new Date(0),
    headers: {},
    explicitHashKey: undefined,
    ...more,
  }
}

async function tableOf(columns: Readonly<Record<string, string>>, time?: string): Promise<RowTable> {
  const shape: RowTableShape = {
    held: 'clicks_held',
    relation: 'clicks',
    columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
    time,
  }
  return RowTable.create(session, shape, join(directory, 'rows.csv'))
}

async function loaded(table: RowTable, records: readonly StreamRecord[]) {
  for (const record of records) table.add(record, 0)
  const { count: rows, refused } = await table.load()
  await table.keep()
  return { rows, refused, all: await session.rows('SELECT * FROM clicks') }
}

it('a row has the columns of its record, and the fields of its payload by their types', async () => {
  const own = Object.fromEntries(Object.entries(recordColumns).map(([name, { type }]) => [name, type]))
  const table = await tableOf({ page: 'VARCHAR', ms: 'BIGINT', inner: 'JSON', ...own })
  const payload = '{"page": "/a", "ms": 12, "inner": {"x": [1]}, "other": true}'
  const { all, refused } = await loaded(table, [
    recordOf(payload, {
      sequenceNumber: 7,
      shardId: 'shard-3',
      partitionKey: 'a"\u001fü\n',
      headers: { text: Buffer.from('ü'), bytes: Buffer.from([0xff]) },
    }),
  ])
  expect(refused).toEqual([])
  expect(all).toEqual([
    {
      page: '/a',
      ms: 12,
      inner: { x: [1] },
      arrival_time: '2023-11-14T22:13:20.123Z',
      partition_key: 'a"\u001fü\n',
      sequence_number: 7,
      shard_id: 'shard-3',
      headers: { text: 'ü', bytes: '/w==' },
      data: expect.anything() as string,
    },
  ])
  expect(await session.rows('SELECT decode(data) AS text FROM clicks')).toEqual([{ text: payload }])
})

it.each([
  ['a text', 'hello'],
  ['a number', '5'],
  ['an array', '[1]'],
  ['nothing', ''],
  ['half an object', '{"ms":'],
  ['an object with something behind', '{"ms":1} x'],
  ['an object with another field of a row', '{"ms":1}\u001f{"ms":2}'],
  ['a text with a line feed in it', '{"page":"a\nb"}'],
  ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d])],
])('%s is refused, and the rows beside it are taken', async (_, data) => {
  const table = await tableOf({ ms: 'BIGINT', page: 'VARCHAR' })
  const bad = recordOf(data)
  const { rows, refused, all } = await loaded(table, [recordOf('{"ms":1}'), bad, recordOf('{"ms":2}')])
  expect(rows).toBe(2)
  expect(all.map(({ ms }) => ms)).toEqual([1, 2])
  expect(refused).toEqual([
    {
      shard: 0,
      sequenceNumber: bad.sequenceNumber,
      reason: expect.stringMatching(/JSON object|UTF-8/) as string,
    },
  ])
})

it('a field of another type is refused with its column; one that is missing or null is not', async () => {
  const table = await tableOf({ 'we"ird k': 'BIGINT', at: 'TIMESTAMP' })
  const { all, refused } = await loaded(table, [
    recordOf('{"we\\"ird k": "many"}'),
    recordOf('{"we\\"ird k": 5, "at": "2026-01-02T05:04:05+02:00"}'),
    recordOf('{"we\\"ird k": null}'),
    recordOf('{}'),
    recordOf('{"at": "tomorrow"}'),
  ])
  expect(all).toEqual([
    { 'we"ird k': 5, at: '2026-01-02T03:04:05Z' },
    { 'we"ird k': null, at: null },
    { 'we"ird k': null, at: null },
  ])
  expect(refused.map(({ column }) => column)).toEqual(['we"ird k', 'at'])
})

it('without fields of the payload, every record is a row, whatever it holds', async () => {
  const table = await tableOf({ partition_key: 'VARCHAR' })
  const { rows, refused } = await loaded(table, [recordOf('no json\u001f\n'), recordOf('')])
  expect({ rows, refused }).toEqual({ rows: 2, refused: [] })
})

it('a record of 10 MiB is a row', async () => {
  const table = await tableOf({ text: 'VARCHAR' })
  const text = 'x'.repeat(10 * 2 ** 20 - 20)
  await loaded(table, [recordOf(JSON.stringify({ text })), recordOf('{"text":"y"}')])
  expect(await session.rows('SELECT length(text) AS length FROM clicks')).toEqual([
    { length: text.length },
    { length: 1 },
  ])
})

it('keep takes those rows of a load for which its condition is true; time is that of the expression', async () => {
  const table = await tableOf({ ts: 'VARCHAR' }, 'ts')
  for (const ts of ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00.5Z'])
    table.add(recordOf(`{"ts":"${ts}"}`), 0)
  await table.load()
  await table.keep(`millrace_time > TIMESTAMP '2026-01-01 12:00:00'`)
  expect(await session.rows('SELECT millrace_time AS time FROM clicks_held')).toEqual([
    { time: '2026-01-02T00:00:00.5Z' },
  ])
})

it('each record is a row or is refused, whatever its bytes are', async () => {
  const payload = fc.oneof(
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({ ms: fc.jsonValue(), page: fc.jsonValue() })
      .map((value) => Buffer.from(JSON.stringify(value))),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.uint8Array(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(payload, { maxLength: 20 }), async (payloads) => {
      const table = await tableOf({ ms: 'BIGINT', page: 'VARCHAR', partition_key: 'VARCHAR' })
      const records = payloads.map((bytes) => recordOf(bytes))
      for (const record of records) table.add(record, 0)
      const { count: rows, refused } = await table.load()
      const kept = await session.rows(`SELECT millrace_sequence AS sequence FROM ${table.fresh}`)
      const places = [
        ...kept.map(({ sequence }) => Number(sequence)),
        ...refused.map((row) => row.sequenceNumber),
      ]
      expect(places.sort((a, b) => a - b)).toEqual(records.map(({ sequenceNumber }) => sequenceNumber))
      expect(rows).toBe(kept.length)
    }),
    { numRuns: 60 },
  )
})
