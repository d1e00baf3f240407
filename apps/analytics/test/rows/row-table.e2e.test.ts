// Records as rows: what each column has, what is refused and why, and nothing that is lost between the two.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { StreamRecord } from 'millrace'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Engine, type EngineSession } from '../../src/engine/index.ts'
import { recordColumns, RowTable, type RowTableOptions, type RowTableShape } from '../../src/rows/index.ts'

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

async function tableOf(
  columns: Readonly<Record<string, string>>,
  time?: string,
  options?: RowTableOptions,
): Promise<RowTable> {
  const shape: RowTableShape = {
    held: 'clicks_held',
    relation: 'clicks',
    columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
    time,
  }
  return RowTable.create(session, shape, join(directory, 'rows'), options)
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
  ['two objects', '{"ms":1}{"ms":2}'],
  ['two objects on two lines', '{"ms":1}\n{"ms":2}'],
  ['two objects, of which one says that it is a row', '{"ms":1}\n{"~row":[0,0,0],"ms":2}'],
  ['an object with a form feed behind it', '{"ms":1}\f'],
  ['an object with a comment', '{"ms":1/**/}'],
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

it('an object on several lines, and one with blanks around it, are rows', async () => {
  const table = await tableOf({ ms: 'BIGINT', page: 'VARCHAR' })
  const payloads = ['{\n  "ms": 1,\r\n  "page": "a\\nb"\n}\n', '\n {"ms":2}\r\n', '{}', ' { } ']
  const { all, refused } = await loaded(
    table,
    payloads.map((payload) => recordOf(payload)),
  )
  expect(refused).toEqual([])
  expect(all).toEqual([
    { ms: 1, page: 'a\nb' },
    { ms: 2, page: null },
    { ms: null, page: null },
    { ms: null, page: null },
  ])
})

it('of a field that is there twice, the first counts', async () => {
  const table = await tableOf({ ms: 'BIGINT' })
  const { all, refused } = await loaded(table, [recordOf('{"ms":1,"ms":2}'), recordOf('{"ms":3}')])
  expect({ all, refused }).toEqual({ all: [{ ms: 1 }, { ms: 3 }], refused: [] })
})

it('after a load with a payload that is refused, those of others are rows as before', async () => {
  const table = await tableOf({ ms: 'BIGINT' })
  await loaded(table, [recordOf('{"ms":'), recordOf('{"ms":0}')])
  for (let load = 1; load <= 20; load++) {
    const { rows, refused } = await loaded(table, [recordOf(`{"ms":${load}}`)])
    expect({ rows, refused }).toEqual({ rows: 1, refused: [] })
  }
  const { refused, all } = await loaded(table, [recordOf('{"ms":"x"}')])
  expect(refused.map(({ column }) => column)).toEqual(['ms'])
  expect(all.map(({ ms }) => ms)).toEqual(Array.from({ length: 21 }, (_, i) => i))
})

it('loadKept keeps all rows of a load, and of one that is read twice none twice', async () => {
  const table = await tableOf({ ms: 'BIGINT' }, `TIMESTAMP '2026-01-01' + ms * INTERVAL 1 SECOND`)
  for (const payload of ['{"ms":1}', '{"ms":2}\n{"ms":3}', '{"ms":4}']) table.add(recordOf(payload), 0)
  const { count: rows, refused } = await table.loadKept()
  expect({ rows, refused: refused.length }).toEqual({ rows: 2, refused: 1 })
  table.addBatch([recordOf('{"ms":5}'), recordOf('{"ms":6}')], 1)
  expect(await table.loadKept()).toEqual({ count: 2, refused: [] })
  expect(
    await session.rows('SELECT ms, millrace_shard AS shard, millrace_time AS time FROM clicks_held'),
  ).toEqual([
    { ms: 1, shard: 0, time: '2026-01-01T00:00:01Z' },
    { ms: 4, shard: 0, time: '2026-01-01T00:00:04Z' },
    { ms: 5, shard: 1, time: '2026-01-01T00:00:05Z' },
    { ms: 6, shard: 1, time: '2026-01-01T00:00:06Z' },
  ])
})

it('records of a batch have its time of arrival, and numbers that get longer', async () => {
  const table = await tableOf({ ms: 'BIGINT', arrival_time: 'TIMESTAMP' })
  const from = 95
  const batch = Array.from({ length: 10 }, (_, i) => recordOf(`{"ms":${i}}`, { sequenceNumber: from + i }))
  table.addBatch(batch, 12)
  table.addBatch([recordOf('{"ms":10}', { sequenceNumber: 2 ** 53 - 1, arrivalTime: new Date(5) })], 0)
  await table.load()
  const rows = await session.rows(
    `SELECT ms, millrace_shard AS shard, millrace_sequence::VARCHAR AS sequence, arrival_time::VARCHAR AS arrival FROM ${table.fresh}`,
  )
  const arrival = '2023-11-14 22:13:20.123'
  expect(rows).toEqual([
    ...batch.map((_, ms) => ({ ms, shard: 12, sequence: String(from + ms), arrival })),
    { ms: 10, shard: 0, sequence: String(2 ** 53 - 1), arrival: '1970-01-01 00:00:00.005' },
  ])
})

it('with isOrdered, rows are in the order of shard and sequence number, also where one payload is refused', async () => {
  const piece = fc.record({
    shard: fc.integer({ min: 0, max: 3 }),
    sequence: fc.integer({ min: 0, max: 300 }),
    payloads: fc.array(fc.constantFrom('{"ms":1}', '{"ms":2} ', '{"ms":'), { minLength: 1, maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.boolean(), async (pieces, isWhole) => {
      const table = await tableOf({ ms: 'BIGINT', partition_key: 'VARCHAR' }, undefined, { isOrdered: true })
      const wanted: { shard: number; sequence: number; key: string; ms: number }[] = []
      for (const [i, { shard, sequence, payloads }] of pieces.entries()) {
        const records = payloads
          .filter((payload) => !isWhole || payload.includes('}'))
          .map((payload, j) =>
            // Numbers of their own, in any order of pieces.
            recordOf(payload, { sequenceNumber: sequence * 100 + i * 4 + j, partitionKey: `${i}.${j}` }),
          )
        table.addBatch(records, shard)
        for (const { bytes, sequenceNumber, partitionKey: key } of records) {
          const text = Buffer.from(bytes).toString()
          if (text.includes('}')) wanted.push({ shard, sequence: sequenceNumber, key, ms: Number(text[6]) })
        }
      }
      await table.load()
      const rows = await session.rows(
        `SELECT millrace_shard AS shard, millrace_sequence AS sequence, partition_key AS key, ms FROM ${table.fresh}`,
      )
      expect(rows).toEqual(wanted.sort((a, b) => a.shard - b.shard || a.sequence - b.sequence))
    }),
    { numRuns: 60 },
  )
})

it('a row is the same whether or not a payload of its load is refused', async () => {
  const types = [
    'BIGINT',
    'DOUBLE',
    'VARCHAR',
    'BOOLEAN',
    'TIMESTAMP',
    'DATE',
    'DECIMAL(10,2)',
    'JSON',
    'BIGINT[]',
  ]
  const columns = Object.fromEntries(types.map((type, i) => [`c${i}`, type]))
  const text = fc.constantFrom(
    '',
    '5',
    '5.5',
    '1e3',
    'true',
    'x',
    '2026-01-02',
    '2026-01-02T03:04:05+02:00',
    'a\nü\u{1f600}',
  )
  const value = fc.oneof(
    text,
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(null, true, 0, -1, 1.5, 1e300, 2 ** 53, [], [1], ['1'], [null], {}, { x: 1 }),
  )
  const payload = fc
    .array(fc.tuple(fc.constantFrom(...Object.keys(columns), 'C0', 'other'), value), { maxLength: 6 })
    .map(
      (fields) =>
        `{${fields.map(([name, of]) => `${JSON.stringify(name)}:${JSON.stringify(of)}`).join(', ')}}`,
    )
  await fc.assert(
    fc.asyncProperty(fc.array(payload, { maxLength: 6 }), async (payloads) => {
      const records = payloads.map((of) => recordOf(of))
      const alone = await tableOf(columns)
      const plain = { ...(await loaded(alone, records)) }
      const beside = await tableOf(columns)
      const broken = recordOf('{"c0":}')
      const exact = await loaded(beside, [...records, broken])
      expect(exact.all).toEqual(plain.all)
      expect(exact.refused.filter((row) => row.sequenceNumber !== broken.sequenceNumber)).toEqual(
        plain.refused,
      )
      // Rows of a load alone, which is plain JSON where the record is.
      const single = []
      for (const record of records) single.push(...(await loaded(await tableOf(columns), [record])).all)
      expect(single).toEqual(plain.all)
    }),
    { numRuns: 60 },
  )
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

it.each([
  ['2026-01-02T03:04:05.123456+05:30', '2026-01-01T21:34:05.123456Z'],
  ['2026-01-02 03:04:05', '2026-01-02T03:04:05Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
  ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
  ['294247-01-09 04:00:54Z', '294247-01-09 04:00:54'],
  ['294247-01-10 04:00:54.775806Z', null],
  ['infinity', 'infinity'],
  ['-infinity', '-infinity'],
])('the text %s is the time %s', async (text, time) => {
  const table = await tableOf({ at: 'TIMESTAMP' })
  const { all, refused } = await loaded(table, [recordOf(JSON.stringify({ at: text }))])
  expect({ all, refused }).toEqual({ all: [{ at: time }], refused: [] })
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
