// How queries stand, and why nothing comes out of them.
import { describe, expect, it } from 'vitest'
import {
  createQuery,
  describeQuery,
  explainQuery,
  explainSql,
  getQuery,
  queryResults,
  replaceQuery,
  setQueryState,
} from '../../src/definitions/index.ts'
import { reasonOf } from '../../src/definitions/standing.ts'
import { counted, queryBroker, reportWith } from './query-broker.ts'

const door = queryBroker()

describe('how a query stands', () => {
  it('is paused and resumed, and says why nothing comes out', async () => {
    await createQuery(door, 'standing', { sql: counted('standing_results') })
    const reason = async (at = door.at) =>
      (await describeQuery({ ...door, now: () => at }, 'standing')).reason
    expect(await reason()).toMatch(/^No app has begun it: run `millrace serve --with analytics`/)
    await door.serve()
    expect(await reason()).toBe('The app has not begun it yet.')
    await door.putReport('standing', { reason: 'The shard shardId-000000000000 of clicks has no rows.' })
    expect(await reason()).toBe('The shard shardId-000000000000 of clicks has no rows.')
    // It is of a former query of that name.
    await door.putReport('standing', { at: door.at - 60_000 })
    expect(await reason()).toBe('The app has not begun it yet.')
    expect((await setQueryState(door, 'standing', 'paused')).definition.state).toBe('paused')
    expect(await reason()).toBe('It is paused.')
    expect((await setQueryState(door, 'standing', 'running')).definition.state).toBe('running')
    await replaceQuery(door, 'standing', {})
    await door.putReport('standing')
    expect(await reason()).toBe('The app still carries out version 1, and has not begun version 2.')
    await door.putReport('standing', { version: 2, at: door.at + 1, reason: 'Why not.' })
    expect(await reason()).toBe('Why not.')
    await door.putReport('standing', { version: 2, at: door.at, reason: 'Why not.' })
    const silent = {
      definition: (await getQuery(door.client, 'standing')).definition,
      report: reportWith({ at: door.at, version: 2, reason: 'Why not.' }),
    }
    expect(reasonOf({ ...silent, isServed: true }, door.at + 100_000)).toBe(
      `The app has said nothing of it since ${new Date(door.at).toISOString()}. The last that it said: Why not.`,
    )
    await door.serve(false)
    expect(await reason()).toMatch(/^No app carries it out now: run/)
  })

  it('is explained by its statements, its inputs and its shards', async () => {
    await createQuery(door, 'explained', { sql: counted('explained_results') })
    const shard = { next: 3, isIdle: false, behindMs: 0 }
    await door.putReport('explained', {
      inputs: [
        {
          stream: 'clicks',
          shards: [
            { ...shard, shardId: 'a', latestEventTime: 9 },
            { ...shard, shardId: 'b', latestEventTime: 7 },
            { ...shard, shardId: 'c', latestEventTime: 5, isIdle: true },
          ],
        },
      ],
    })
    await door.serve()
    const { sql, shards, reason } = await explainQuery(door, 'explained')
    await door.serve(false)
    expect(reason).toBeUndefined()
    expect(shards.map(({ stream, shardId, holdsWatermark }) => [stream, shardId, holdsWatermark])).toEqual([
      ['clicks', 'a', false],
      ['clicks', 'b', true],
      ['clicks', 'c', false],
    ])
    expect(sql).toMatchObject({
      statements: [
        {
          target: 'explained_results',
          kind: 'windows',
          inputs: [0],
          windows: [{ kind: 'tumble', size: 60e6 }],
        },
      ],
      inputs: [{ stream: 'clicks', time: 'ts', hold: 60e6, columns: [{ name: 'page' }, { name: 'ts' }] }],
    })
    expect(await queryResults(door.client, 'explained')).toMatchObject([
      { target: 'explained_results', columns: [{}, {}, {}] },
    ])
  })

  it('is explained although a stream that it reads is gone', async () => {
    await door.client.createStream('passing')
    await createQuery(door, 'orphan', { sql: 'INSERT INTO orphan_results SELECT shard_id FROM passing' })
    await door.client.deleteStream('passing')
    expect(await explainQuery(door, 'orphan')).toMatchObject({
      sql: undefined,
      reason: expect.stringContaining('passing') as string,
    })
  })

  it('is explained before it is made, and nothing is made', async () => {
    const before = await door.streamNames()
    expect((await explainSql(door.client, counted('never'))).statements[0]!.target).toBe('never')
    expect(await door.streamNames()).toEqual(before)
  })
})
