// Deliveries and functions as targets, by their definitions: which stream they stand for, and when it is another one.
import { deliveryKinds, functionKinds } from 'millrace/protocol'
import { expect, it } from 'vitest'
import {
  createQuery,
  explainQuery,
  explainSql,
  promoteQuery,
  replaceBeside,
  replaceQuery,
} from '../../src/definitions/index.ts'
import { queryBroker } from './query-broker.ts'

const door = queryBroker()

const putMapping = (id: string, stream: string) =>
  door.client
    .documents(functionKinds.mappings)
    .put(id, { function: 'shout', version: 1, state: 'enabled', source: { stream } })

const sql = 'INSERT INTO function.shout SELECT page FROM clicks'

it('a function that is called with the records of several streams is no target, and those are named', async () => {
  await putMapping('first', 'kept')
  await createQuery(door, 'q', { sql })
  expect((await explainQuery(door, 'q')).sql?.statements).toMatchObject([
    { target: 'kept', app: { kind: 'function', name: 'shout' } },
  ])
  await putMapping('second', 'silent')
  await expect(explainSql(door.client, sql)).rejects.toThrow(
    'The function shout is called with the records of kept and silent: write INSERT INTO one of them.',
  )
  expect((await explainQuery(door, 'q')).reason).toContain('is called with the records of kept and silent')
})

it('explain says that the stream is another one since, until the query is replaced by itself', async () => {
  await door.client.documents(functionKinds.mappings).delete('first')
  expect((await explainQuery(door, 'q')).reason).toBe(
    'The function shout reads silent now, and results go to kept: replace the query by itself (query replace --file …).',
  )
  await replaceQuery(door, 'q', { sql })
  expect((await explainQuery(door, 'q')).sql?.statements[0]?.target).toBe('silent')
  expect((await explainQuery(door, 'q')).reason).not.toContain('reads silent now')
})

it('a delivery is tried beside by a stream of its own, and gets the results when that is promoted', async () => {
  const source = { stream: 'archive.delivery', isOwn: true }
  await door.client.createStream('archive.delivery')
  await door.client.documents(deliveryKinds.definitions).put('archive', { state: 'running', source })
  const archived = 'INSERT INTO delivery.archive SELECT page FROM clicks'
  await createQuery(door, 'archiving', { sql: archived })
  const { madeStreams, definition } = await replaceBeside(door, 'archiving', {
    sql: archived.replace('page', 'page, ms'),
  })
  expect(madeStreams).toEqual(['archive.delivery.next'])
  expect(definition.outputs).toEqual({ 'delivery:archive': 'archive.delivery.next' })
  expect((await promoteQuery(door, 'archiving')).definition.outputs).toEqual({
    'delivery:archive': 'archive.delivery',
  })
  expect(await door.streamNames()).not.toContain('archive.delivery.next')
})
