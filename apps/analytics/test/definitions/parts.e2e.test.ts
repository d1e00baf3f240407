// Queries that are carried out in parts, as documents of a broker: by what they are shared, and the stream of their own.
import { describe, expect, it } from 'vitest'
import { MillraceError } from 'millrace'
import { queryKinds, queryUnits } from 'millrace/protocol'
import {
  createQuery,
  deleteQuery,
  describeQuery,
  explainQuery,
  explainSql,
  getQuery,
  replaceBeside,
  replaceQuery,
} from '../../src/definitions/index.ts'
import { counted, queryBroker, reportWith } from './query-broker.ts'

const door = queryBroker()

const filtered = 'INSERT INTO filtered SELECT page FROM clicks WHERE ms > 1'
const inAll = `INSERT INTO in_all SELECT window_start, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end`

async function idOf(stream: string): Promise<number | undefined> {
  try {
    return (await door.client.describeStream(stream)).id
  } catch (error) {
    if (MillraceError.is(error, 'streamNotFound')) return undefined
    throw error
  }
}

describe('createQuery in parts', () => {
  it('shares rows by the partition key where none are put together', async () => {
    const { definition } = await createQuery(door, 'rows', { sql: filtered, parts: 3 })
    expect(definition.sharing).toEqual({ parts: 3 })
    expect(await idOf('rows.parts')).toBeUndefined()
  })

  it('makes a stream of as many shards for other keys, whose records stay as long as those that come to it', async () => {
    await door.client.updateStream('clicks', { retentionMs: 50 * 3_600_000 })
    const { definition } = await createQuery(door, 'pages', { sql: counted('by_page'), parts: 4 })
    const { id, openShardCount, retentionMs } = await door.client.describeStream('pages.parts')
    expect(definition.sharing).toEqual({
      parts: 4,
      spread: { stream: 'pages.parts', streamId: id, keys: { clicks: ['page'] } },
    })
    expect([openShardCount, retentionMs]).toEqual([4, 50 * 3_600_000])
  })

  it('refuses what puts all rows together at its place, and makes nothing', async () => {
    await expect(createQuery(door, 'whole', { sql: inAll, parts: 2 })).rejects.toMatchObject({
      code: 'invalid',
      place: { line: 1 },
      message: expect.stringMatching(
        /^Line 1, column \d+: The query cannot be carried out in parts\./,
      ) as string,
    })
    expect(await door.streamNames()).not.toContain('in_all')
    await createQuery(door, 'whole', { sql: inAll, parts: 1 })
    expect((await getQuery(door.client, 'whole')).definition.sharing).toBeUndefined()
  })

  it.each([0, 65, 1.5])('refuses %s parts', async (parts) => {
    await expect(createQuery(door, 'none', { sql: filtered, parts })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('in 1 to 64 parts') as string,
    })
  })

  it('takes no stream that has the name of its own, and none that the query itself reads or writes', async () => {
    const { id } = await door.client.createStream('taken.parts')
    await expect(createQuery(door, 'taken', { sql: counted('t'), parts: 2 })).rejects.toMatchObject({
      code: 'exists',
    })
    expect(await idOf('taken.parts')).toBe(id)
    const own = counted('"own.parts"')
    await expect(createQuery(door, 'own', { sql: own, parts: 2 })).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('replaceQuery in parts', () => {
  it('goes on with its keys where they still do, and with its stream', async () => {
    const made = await createQuery(door, 'going', {
      sql: counted('g', 'page, ms').replace('GROUP BY', 'GROUP BY ms,'),
      parts: 2,
    })
    expect(made.definition.sharing?.spread?.keys).toEqual({ clicks: ['ms', 'page'] })
    const { definition } = await replaceQuery(door, 'going', { description: 'the same' })
    expect(definition.sharing).toEqual(made.definition.sharing)
  })

  it('keeps keys that are some of those that it could have', async () => {
    const made = await createQuery(door, 'keeping', { sql: counted('k'), parts: 2 })
    const both = counted('k', 'page, ms')
    const { definition } = await replaceQuery(door, 'keeping', { sql: both })
    expect(definition.sharing).toEqual(made.definition.sharing)
  })

  it('changes its parts and its keys only where it begins anew, with another stream', async () => {
    const made = await createQuery(door, 'changing', { sql: counted('c'), parts: 2 })
    const units = queryUnits('changing', made.definition)
    for (const { name } of units) await door.putReport(name, { rowsRead: 1 })
    for (const changes of [{ parts: 3 }, { parts: 1 }, { sql: counted('c', 'ms') }])
      await expect(replaceQuery(door, 'changing', changes)).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/^It is carried out in 2 parts by page of clicks, .*--from/) as string,
      })
    expect(await idOf('changing.parts')).toBe(made.definition.sharing!.spread!.streamId)
    const { definition } = await replaceQuery(door, 'changing', { parts: 3, from: 'TRIM_HORIZON' })
    expect(definition.sharing).toMatchObject({
      parts: 3,
      spread: { streamId: await idOf('changing.parts-2') },
    })
    expect(await idOf('changing.parts')).toBeUndefined()
    expect(definition.sharing!.spread!.streamId).not.toBe(made.definition.sharing!.spread!.streamId)
    const whole = await replaceQuery(door, 'changing', { parts: 1, from: 'TRIM_HORIZON' })
    expect(whole.definition.sharing).toBeUndefined()
    expect(await idOf('changing.parts-2')).toBeUndefined()
    const left = door.client.documents(queryKinds.reports).list({ prefix: 'changing' })
    for await (const { name } of left) expect.fail(`${name} is left.`)
  })

  it('leaves the query and its stream as they are where the next version is refused, and makes nothing of one that is refused at first', async () => {
    const made = await createQuery(door, 'staying', { sql: counted('st'), parts: 2 })
    const changes = { sql: counted('"bad name"'), parts: 3, from: 'TRIM_HORIZON' } as const
    await expect(replaceQuery(door, 'staying', changes)).rejects.toThrow('bad name')
    expect((await getQuery(door.client, 'staying')).definition).toEqual(made.definition)
    expect(await idOf('staying.parts')).toBe(made.definition.sharing!.spread!.streamId)
    expect(await idOf('staying.parts-2')).toBeUndefined()
    await expect(createQuery(door, 'never', { sql: changes.sql, parts: 2 })).rejects.toThrow('bad name')
    expect(await idOf('never.parts')).toBeUndefined()
  })

  it('tries no version beside a query in parts, and none in parts beside another', async () => {
    await createQuery(door, 'alone', { sql: filtered })
    await expect(replaceBeside(door, 'alone', { parts: 2 })).rejects.toMatchObject({ code: 'invalid' })
    await expect(replaceBeside(door, 'rows', {})).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('deleteQuery in parts', () => {
  it('deletes its stream, and what there is of its units', async () => {
    const { definition } = await createQuery(door, 'ending', { sql: counted('e'), parts: 2 })
    const names = queryUnits('ending', definition).map(({ name }) => name)
    for (const name of names) await door.putReport(name)
    await deleteQuery(door, 'ending')
    expect(await idOf('ending.parts')).toBeUndefined()
    for (const name of names)
      expect(await door.client.documents(queryKinds.reports).get(name)).toBeUndefined()
  })

  it('deletes no stream of that name that is not its own', async () => {
    await createQuery(door, 'renewed', { sql: counted('r'), parts: 2 })
    await door.client.deleteStream('renewed.parts')
    const { id } = await door.client.createStream('renewed.parts')
    await deleteQuery(door, 'renewed')
    expect(await idOf('renewed.parts')).toBe(id)
  })
})

describe('what is said of a query in parts', () => {
  it('is of all units together, with each of them', async () => {
    await door.serve()
    const { definition } = await createQuery(door, 'said', { sql: counted('s'), parts: 2 })
    expect(await describeQuery(door, 'said')).toMatchObject({
      report: undefined,
      reason: 'The app has not begun it yet.',
    })
    await door.putReport('said@spread-0', { rowsRead: 5, rowsWritten: 5 })
    const begun = await describeQuery(door, 'said')
    expect(begun.reason).toBe('said@spread-1: no app has begun it yet.')
    await door.putReport('said@spread-1', { rowsRead: 7, rowsWritten: 6, rowsRefused: 1 })
    await door.putReport('said@0', { rowsRead: 5, rowsWritten: 2, watermark: 9 })
    await door.putReport('said@1', { rowsRead: 6, rowsWritten: 3, watermark: 7 })
    const { report, reason, units, sql } = await explainQuery(door, 'said')
    expect([reason, units.map(({ name }) => name)]).toEqual([
      undefined,
      queryUnits('said', definition).map(({ name }) => name),
    ])
    expect(report).toEqual(
      reportWith({ at: door.at, rowsRead: 12, rowsWritten: 5, rowsRefused: 1, watermark: 7 }),
    )
    expect(sql?.sharing).toEqual({ keys: { clicks: ['page'] } })
    await door.serve(false)
  })

  it('tells by what SQL could be shared, or why it cannot', async () => {
    expect((await explainSql(door.client, filtered)).sharing).toEqual({})
    expect((await explainSql(door.client, counted('x'))).sharing).toEqual({ keys: { clicks: ['page'] } })
    expect((await explainSql(door.client, inAll)).sharing).toEqual({
      refused: expect.stringContaining('cannot be carried out in parts') as string,
    })
  })
})
