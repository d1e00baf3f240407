// What queries say of their results: registered with the stream, taken for its columns, and changed with the query.
import { expect, it } from 'vitest'
import { json } from 'millrace'
import {
  createQuery,
  deleteQuery,
  explainSql,
  replaceQuery,
  setStreamSchema,
  streamSchema,
} from '../../src/definitions/index.ts'
import { counted, queryBroker } from './query-broker.ts'

const door = queryBroker()

const columnsOf = async (stream: string) => (await streamSchema(door.client, stream))?.columns

const viewsColumns = [
  { name: 'window_start', type: 'TIMESTAMP' },
  { name: 'page', type: 'VARCHAR' },
  { name: 'views', type: 'BIGINT' },
]

it('registers what a query gives with each of its targets, as types and as a JSON Schema', async () => {
  await createQuery(door, 'counting', { sql: counted('counts') })
  const { id } = await door.client.describeStream('counts')
  expect(await streamSchema(door.client, 'counts')).toEqual({
    streamId: id,
    columns: viewsColumns,
    writers: { 'query/counting': viewsColumns },
    jsonSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        window_start: { type: ['string', 'null'], format: 'date-time' },
        page: { type: ['string', 'null'] },
        views: { type: ['integer', 'string', 'null'], pattern: '^-?[0-9]+$' },
      },
      required: ['window_start', 'page', 'views'],
    },
  })
})

it('takes these columns for a stream that has no records yet', async () => {
  const { definition } = await createQuery(door, 'reading', {
    sql: `INSERT INTO most WITH c AS (SELECT window_start AS ts, page, views FROM counts) SELECT page, max(views) AS most FROM TUMBLE(TABLE c, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP BY window_start, window_end, page`,
  })
  expect(definition.columns).toEqual({
    counts: { window_start: 'TIMESTAMP', page: 'VARCHAR', views: 'BIGINT' },
  })
  await expect(explainSql(door.client, 'INSERT INTO x SELECT pge FROM counts')).rejects.toMatchObject({
    message: expect.stringContaining(
      'counts has the columns window_start, page, views, arrival_time',
    ) as string,
  })
})

it('has columns that are given in their place', async () => {
  const { definition } = await createQuery(door, 'given', {
    sql: 'INSERT INTO given_results SELECT views FROM counts',
    columns: { counts: { views: 'DOUBLE' } },
  })
  expect(definition.columns).toEqual({ counts: { views: 'DOUBLE' } })
})

it('changes them with the query, and takes them back where it does not write any more', async () => {
  await createQuery(door, 'moving', { sql: counted('first_target') })
  await replaceQuery(door, 'moving', {
    sql: 'INSERT INTO first_target SELECT ms, page AS p, partition_key FROM clicks',
  })
  expect(await columnsOf('first_target')).toEqual([
    { name: 'ms', type: 'BIGINT' },
    { name: 'p', type: 'VARCHAR' },
  ])
  await replaceQuery(door, 'moving', { sql: counted('second_target') })
  expect([await columnsOf('first_target'), await columnsOf('second_target')]).toEqual([
    undefined,
    viewsColumns,
  ])
  await deleteQuery(door, 'moving')
  expect(await columnsOf('second_target')).toBeUndefined()
})

it('puts together what several write to a stream: a query, its statements, a program', async () => {
  const both = `INSERT INTO together SELECT page, ms FROM clicks; INSERT INTO together SELECT page, CAST(ms AS VARCHAR) AS ms, ts FROM clicks`
  await createQuery(door, 'both', { sql: both })
  await setStreamSchema(door.client, 'together', {
    writer: 'importer',
    columns: [
      { name: 'page', type: 'VARCHAR' },
      { name: 'ms', type: 'BIGINT' },
    ],
  })
  expect(await streamSchema(door.client, 'together')).toMatchObject({
    columns: [
      { name: 'page', type: 'VARCHAR' },
      { name: 'ms', type: 'JSON' },
      { name: 'ts', type: 'TIMESTAMP' },
    ],
    jsonSchema: {
      properties: {
        ms: { anyOf: [{ type: ['integer', 'string', 'null'] }, { type: ['string', 'null'] }] },
      },
      required: ['page', 'ms'],
    },
  })
  await deleteQuery(door, 'both')
  expect(await columnsOf('together')).toEqual([
    { name: 'page', type: 'VARCHAR' },
    { name: 'ms', type: 'BIGINT' },
  ])
  await setStreamSchema(door.client, 'together', { writer: 'importer', columns: [] })
  expect(await columnsOf('together')).toBeUndefined()
})

it('says nothing of another stream that has the name by now', async () => {
  await door.client.createStream('renewed')
  const columns = [{ name: 'a', type: 'VARCHAR' }]
  await setStreamSchema(door.client, 'renewed', { writer: 'importer', columns })
  await door.client.deleteStream('renewed')
  await door.client.createStream('renewed')
  await door.client.put('renewed', { partitionKey: 'k', data: { b: 1 } }, { codec: json() })
  const { inputs } = await explainSql(door.client, 'INSERT INTO x SELECT * FROM renewed')
  expect(inputs[0]!.columns[0]).toEqual({ name: 'b', type: 'BIGINT' })
  await setStreamSchema(door.client, 'renewed', { writer: 'other', columns })
  expect((await streamSchema(door.client, 'renewed'))?.writers).toEqual({ other: columns })
})

it('runs nothing that a type of somebody else says', async () => {
  await door.client.createStream('imported')
  const columns = [
    { name: 'a', type: `VARCHAR AS x) t; COPY (SELECT 1) TO '/tmp/x'; --` },
    { name: 'b"', type: `STRUCT("c"" d" INTEGER)` },
    { name: 'e', type: `ENUM('it''s', 'f')` },
    { name: 'arrival_time', type: 'VARCHAR' },
  ]
  await setStreamSchema(door.client, 'imported', { writer: 'importer', columns })
  const { inputs } = await explainSql(door.client, `INSERT INTO x SELECT a, "b""", e FROM imported`)
  expect(inputs[0]!.columns).toEqual([
    { name: 'a', type: 'JSON' },
    { name: 'b"', type: 'STRUCT("c"" d" INTEGER)' },
    { name: 'e', type: `ENUM('it''s', 'f')` },
  ])
})

it('takes documents that are no schemas for none, whoever wrote them', async () => {
  await door.client.createStream('odd')
  const { id } = await door.client.describeStream('odd')
  const documents = door.client.documents<unknown>('stream-schemas')
  for (const [at, value] of [
    {},
    { streamId: id },
    { streamId: id, columns: [], writers: null },
    { streamId: id, columns: [{ name: 1 }], writers: {} },
    { streamId: id, columns: [], writers: { a: [null] } },
  ].entries()) {
    await documents.put('odd', value)
    expect(await streamSchema(door.client, 'odd')).toBeUndefined()
    await createQuery(door, `odd-${at}`, { sql: counted('beside_odd') })
    await deleteQuery(door, `odd-${at}`)
  }
  await setStreamSchema(door.client, 'odd', { writer: 'me', columns: [{ name: 'a', type: 'BIGINT' }] })
  expect(await columnsOf('odd')).toEqual([{ name: 'a', type: 'BIGINT' }])
})
