// A query over the results of another, of which nobody says what they are: of each type, with NULLs, the values are those that were written.
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { createQuery, explainSql, streamSchema } from '../../src/definitions/index.ts'
import { click, queryApp, rowsIn } from '../support/query-app.ts'

/** Values, and the types that they are read as where these are others. */
const values: Readonly<Record<string, readonly [sql: string, type: string]>> = {
  tiny: ['1::TINYINT', 'TINYINT'],
  big: ['9007199254740993', 'BIGINT'],
  huge: ['170141183460469231731687303715884105727::HUGEINT', 'HUGEINT'],
  price: ['12.50::DECIMAL(9,2)', 'DECIMAL(9,2)'],
  exact: ['123456789012345678901.5::DECIMAL(38,1)', 'DECIMAL(38,1)'],
  real: ['1.5::DOUBLE', 'DOUBLE'],
  endless: [`'-inf'::DOUBLE`, 'DOUBLE'],
  is: ['true', 'BOOLEAN'],
  text: [`'it''s "a"'`, 'VARCHAR'],
  bytes: [`'x'::BLOB`, 'VARCHAR'],
  day: [`DATE '2026-01-02'`, 'DATE'],
  hour: [`TIME '01:02:03.5'`, 'TIME'],
  moment: [`TIMESTAMP '2026-01-02 03:04:05.123456'`, 'TIMESTAMP'],
  nanos: [`TIMESTAMP_NS '2026-01-02 03:04:05.123456'`, 'TIMESTAMP'],
  zoned: [`TIMESTAMPTZ '2026-01-02 03:04:05+02'`, 'TIMESTAMP WITH TIME ZONE'],
  span: [`INTERVAL '1 day 2 hours'`, 'STRUCT("months" INTEGER, "days" INTEGER, "micros" BIGINT)'],
  id: [`'123e4567-e89b-12d3-a456-426614174000'::UUID`, 'UUID'],
  anything: [`'{"a": [1, null]}'::JSON`, 'JSON'],
  list: [`[1, NULL]`, 'INTEGER[]'],
  three: ['[ms, 2, 3]::INTEGER[3]', 'INTEGER[3]'],
  nested: [
    `{'a': 1, 'the b': [{'c': TIMESTAMP '2026-01-02 03:04:05', 'd': 1.25::DECIMAL(4,2)}]}`,
    'STRUCT("a" INTEGER, "the b" STRUCT("c" TIMESTAMP, "d" DECIMAL(4,2))[])',
  ],
  pairs: [`MAP {'k': 1, 'l': NULL}`, 'STRUCT("key" VARCHAR, "value" INTEGER)[]'],
  kind: [`'a'::ENUM('a', 'it''s')`, `ENUM('a', 'it''s')`],
}

it('reads results of each type as they are registered, and writes the same again', async () => {
  await using app = await queryApp()
  const { client } = app
  await client.createStream('clicks')
  await client.putMany('clicks', [click(1, 'a', 1), click(2, 'b', 2)])
  const door = { client, now: Date.now, uuid: randomUUID }
  // DuckDB has no CASE of arrays.
  const items = Object.entries(values).map(([name, [sql]]) =>
    name === 'three' ? `${sql} AS ${name}` : `CASE WHEN ms = 1 THEN ${sql} END AS ${name}`,
  )
  await createQuery(door, 'typed', { sql: `INSERT INTO typed SELECT ms, ${items.join(', ')} FROM clicks` })
  const { definition } = await createQuery(door, 'copied', {
    sql: 'INSERT INTO copies SELECT * EXCLUDE (arrival_time, partition_key, sequence_number, shard_id, headers, data) FROM typed',
  })
  const types = Object.entries(values).map(([name, [, type]]) => [name, type])
  expect(definition.columns).toEqual({ typed: { ms: 'BIGINT', ...Object.fromEntries(types) } })
  await app.start()
  await expect.poll(() => rowsIn(client, 'copies'), { timeout: 20_000 }).toHaveLength(2)
  const [written, copies] = [await rowsIn(client, 'typed'), await rowsIn(client, 'copies')]
  const exact = (row: Record<string, unknown>) =>
    JSON.parse(JSON.stringify(row).replace('"micros":"7200000000"', '"micros":7200000000')) as unknown
  expect(copies).toEqual(written.map(exact))
  expect(Object.values(written[1]!).filter((value) => value !== null)).toEqual([2, [2, 2, 3]])
  expect((await app.report('copied'))?.rowsRefused ?? 0).toBe(0)
  const { jsonSchema } = (await streamSchema(client, 'typed'))!
  for (const row of written) expect(misfits(row, jsonSchema)).toEqual([])
  expect(misfits({ ...written[0], day: 5, list: ['x'] }, jsonSchema)).toEqual(['day', 'list.0'])
  // What is copied is no text or list of another type by now.
  expect(
    (await explainSql(client, 'INSERT INTO x SELECT nested.a AS a FROM copies')).statements[0]!.columns,
  ).toEqual([{ name: 'a', type: 'INTEGER' }])
})

it('refuses records of somebody else that are not what is registered, and takes the others', async () => {
  await using app = await queryApp()
  const { client } = app
  await client.createStream('clicks')
  const door = { client, now: Date.now, uuid: randomUUID }
  await createQuery(door, 'rows', {
    sql: 'INSERT INTO results SELECT page, ms FROM clicks',
    columns: { clicks: { page: 'VARCHAR', ms: 'BIGINT' } },
  })
  await createQuery(door, 'next', { sql: 'INSERT INTO again SELECT page, ms FROM results', errorsTo: 'bad' })
  await app.start()
  const record = (data: unknown) => ({ partitionKey: 'k', data: JSON.stringify(data) })
  await client.putMany('results', [record({ page: 'x', ms: 'much' }), record({ page: 'y', more: true })])
  await client.put('clicks', click(1, 'a', 7))
  const again = async () =>
    (await rowsIn(client, 'again')).toSorted((a, b) => Number(a['ms']) - Number(b['ms']))
  await expect.poll(again, { timeout: 20_000 }).toEqual([
    { page: 'y', ms: null },
    { page: 'a', ms: 7 },
  ])
  expect(await rowsIn(client, 'bad')).toMatchObject([{ stream: 'results', column: 'ms' }])
})

interface Schema {
  readonly type?: readonly string[] | string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minItems?: number
  readonly maxItems?: number
}

/** Returns where a value is not as a schema says, as far as schemas of results go. */
function misfits(value: unknown, of: unknown, path = ''): readonly string[] {
  const {
    type,
    properties = {},
    required = [],
    items,
    enum: choices,
    pattern,
    minItems = 0,
    maxItems = Infinity,
  } = of as Schema
  const kind =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'array'
        : Number.isInteger(value)
          ? 'integer'
          : typeof value
  const kinds = type === undefined ? [kind] : [type].flat()
  const isOfType = kinds.includes(kind) || (kind === 'integer' && kinds.includes('number'))
  const isChosen = choices === undefined || choices.includes(value)
  const isOfPattern =
    pattern === undefined || typeof value !== 'string' || new RegExp(pattern, 'u').test(value)
  if (!isOfType || !isChosen || !isOfPattern) return [path]
  const within = (name: string | number) => (path === '' ? String(name) : `${path}.${name}`)
  if (Array.isArray(value))
    return value.length < minItems || value.length > maxItems
      ? [path]
      : value.flatMap((each, at) => (items === undefined ? [] : misfits(each, items, within(at))))
  if (kind !== 'object') return []
  const object = value as Record<string, unknown>
  return [
    ...required.filter((name) => !Object.hasOwn(object, name)).map(within),
    ...Object.entries(properties).flatMap(([name, schema]) =>
      Object.hasOwn(object, name) ? misfits(object[name], schema, within(name)) : [],
    ),
  ]
}
