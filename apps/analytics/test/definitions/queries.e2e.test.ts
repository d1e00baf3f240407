// Queries as documents of a broker: made, checked, replaced and deleted, as the command line does it.
import { describe, expect, it } from 'vitest'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { createQuery, deleteQuery, getQuery, listQueries, replaceQuery } from '../../src/definitions/index.ts'
import { counted, queryBroker } from './query-broker.ts'

const door = queryBroker()

describe('createQuery', () => {
  it('finds columns in a sample, makes the streams that are missing, and keeps those that are there', async () => {
    const made = await createQuery(door, 'made', {
      sql: `${counted('per_minute')}; ${counted('kept')}`,
      lateTo: 'too_late',
      errorsTo: 'broken',
      description: 'views by page',
    })
    expect(made).toEqual({
      name: 'made',
      definition: {
        createdAt: door.at,
        updatedAt: door.at,
        id: expect.stringMatching(/^0{8}-/) as string,
        version: 1,
        begins: true,
        sql: `${counted('per_minute')}; ${counted('kept')}`,
        state: 'running',
        from: 'TRIM_HORIZON',
        time: { outOfOrderMs: 5000, idleMs: 30_000, latenessMs: 0 },
        columns: { clicks: { page: 'VARCHAR', ms: 'BIGINT', ts: 'TIMESTAMP' } },
        lateTo: 'too_late',
        errorsTo: 'broken',
        description: 'views by page',
      } satisfies QueryDefinition,
      results: ['per_minute', 'kept'].map((target) => ({
        target,
        columns: [
          { name: 'window_start', type: 'TIMESTAMP' },
          { name: 'page', type: 'VARCHAR' },
          { name: 'views', type: 'BIGINT' },
        ],
      })),
      madeStreams: ['per_minute', 'too_late', 'broken'],
    })
    expect((await door.client.describeStream('per_minute')).openShardCount).toBe(1)
    expect((await door.client.describeStream('kept')).openShardCount).toBe(3)
    expect((await getQuery(door.client, 'made')).definition).toEqual(made.definition)
  })

  it('takes columns that are given, under the names that DuckDB has for their types', async () => {
    const { definition } = await createQuery(door, 'given', {
      sql: 'INSERT INTO given_results SELECT note, price FROM silent WHERE price > 1',
      columns: { silent: { note: 'text', price: 'decimal(9, 2)' } },
      from: { atTimestamp: 5 },
      time: { idleMs: 2000 },
    })
    expect(definition).toMatchObject({
      columns: { silent: { note: 'VARCHAR', price: 'DECIMAL(9,2)' } },
      from: { atTimestamp: 5 },
      time: { outOfOrderMs: 5000, idleMs: 2000 },
    })
  })

  it('takes columns of records alone without fields', async () => {
    const { results } = await createQuery(door, 'keys', {
      sql: 'INSERT INTO keys_seen (key, at) SELECT partition_key, arrival_time FROM silent',
    })
    expect(results[0]!.columns).toEqual([
      { name: 'key', type: 'VARCHAR' },
      { name: 'at', type: 'TIMESTAMP' },
    ])
  })

  it('makes a query once', async () => {
    await createQuery(door, 'once', { sql: counted('once_results') })
    await expect(createQuery(door, 'once', { sql: counted('other') })).rejects.toMatchObject({
      name: 'QueryError',
      code: 'exists',
    })
  })

  it.each<[string, Parameters<typeof createQuery>[2], string | RegExp]>([
    [
      'a column that is not there',
      { sql: counted('x', 'pge') },
      /^Line 1, column 36: There is no column pge\. clicks has the columns page, ms, ts, arrival_time, .*\n {2}INSERT.*\n {37}\^$/,
    ],
    [
      'a time that is not there',
      { sql: counted('x').replace('DESCRIPTOR(ts)', 'DESCRIPTOR(moment)') },
      /^Line 2, column 38: There is no column moment to take the time from\. clicks has the columns page, ms, ts, /,
    ],
    [
      'a column of a stream without JSON',
      { sql: 'INSERT INTO x SELECT page FROM silent' },
      /silent has the columns arrival_time.* No record of it .*--column silent\.page=VARCHAR/,
    ],
    [
      'a function that is not there',
      { sql: 'INSERT INTO x SELECT page, shout(page) AS y FROM clicks' },
      /^Line 1, column 28: .*shout does not exist/,
    ],
    ['text that is no SQL', { sql: 'INSERT INTO x SELECT FROM WHERE' }, /^Line 1, /],
    [
      'what cannot run for ever',
      { sql: 'INSERT INTO x SELECT page, count(*) FROM clicks GROUP BY page' },
      /^Line 1, /,
    ],
    ['a SELECT without a target', { sql: 'SELECT page FROM clicks' }, /INSERT INTO target/],
    [
      'a stream that is read and written',
      { sql: `INSERT INTO x SELECT page FROM clicks;\nINSERT INTO clicks SELECT page FROM clicks` },
      /^Line 2, column 1: The query reads clicks, to which this writes/,
    ],
    [
      'late rows that come back',
      { sql: counted('x'), lateTo: 'clicks' },
      'Late rows cannot go to clicks, which the query reads',
    ],
    ['errors among results', { sql: counted('x'), errorsTo: 'x' }, 'cannot go to x, where its results go'],
    [
      'two columns of one name',
      { sql: 'INSERT INTO x SELECT page, ms AS page FROM clicks' },
      /the name page/,
    ],
    [
      'another number of columns',
      { sql: 'INSERT INTO x (a, b, c) SELECT page, ms FROM clicks' },
      'names 3 columns of x, and its SELECT has 2',
    ],
    [
      'a file by a relative path',
      { sql: `INSERT INTO x SELECT page FROM clicks JOIN 'pages.csv' p USING (page)` },
      'whole path of the file pages.csv',
    ],
    [
      'a type that is none',
      { sql: counted('x'), columns: { clicks: { page: 'TEXTILE' } } },
      'TEXTILE, of clicks.page, is no type',
    ],
    [
      'a type that is SQL',
      { sql: counted('x'), columns: { clicks: { page: 'INT); DROP TABLE x; --' } } },
      'is no type',
    ],
    [
      'a type for a column of records',
      { sql: counted('x'), columns: { clicks: { data: 'BLOB' } } },
      'clicks.data is a column that every record has',
    ],
    [
      'columns of a stream that is not read',
      { sql: counted('x'), columns: { silent: { a: 'INT' } } },
      'Columns of silent are given',
    ],
    ['a time out of bounds', { sql: counted('x'), time: { idleMs: 5 } }, 'is 5 ms: it lies between'],
    [
      'a lateness out of bounds',
      { sql: counted('x'), time: { latenessMs: -1 } },
      'is -1 ms: it lies between',
    ],
    [
      'late rows in a session',
      {
        sql: `INSERT INTO x SELECT window_end, count(*) FROM SESSION(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end`,
        time: { latenessMs: 1 },
      },
      'windows of SESSION begin and end',
    ],
    ['no SQL', { sql: ' ' }, 'There is no SQL'],
  ])('refuses %s, and makes nothing', async (_, input, message) => {
    const before = await door.streamNames()
    const refused = createQuery(door, 'refused', input)
    await expect(refused).rejects.toMatchObject({ name: 'QueryError', code: 'invalid' })
    await expect(refused).rejects.toThrow(message)
    await expect(getQuery(door.client, 'refused')).rejects.toMatchObject({ code: 'notFound' })
    expect(await door.streamNames()).toEqual(before)
  })

  it('says where in the text something is wrong', async () => {
    const sql = `INSERT INTO x\nSELECT page,\n  nothing FROM clicks`
    await expect(createQuery(door, 'refused', { sql })).rejects.toMatchObject({
      place: { line: 3, column: 3 },
    })
  })

  it('refuses a name that is none, and a stream that is not there', async () => {
    await expect(createQuery(door, 'a/b', { sql: counted('x') })).rejects.toThrow('"a/b" is none')
    await expect(
      createQuery(door, 'x', { sql: 'INSERT INTO x SELECT * FROM nowhere' }),
    ).rejects.toMatchObject({ code: 'streamNotFound' })
  })
})

describe('replaceQuery', () => {
  /** An app has begun it. */
  const begin = async (name: string) => {
    const { definition } = await getQuery(door.client, name)
    await door.client.documents(queryKinds.progress).put(name, { definition, place: {} })
  }

  it('goes on where the version before it stopped, with the types that its streams had', async () => {
    await createQuery(door, 'replaced', {
      sql: counted('replaced_results'),
      columns: { clicks: { page: 'VARCHAR', ts: 'TIMESTAMP' } },
    })
    await begin('replaced')
    const { definition, madeStreams } = await replaceQuery(door, 'replaced', {
      sql: 'INSERT INTO replaced_other SELECT page, ms FROM clicks',
      time: { idleMs: 9000 },
    })
    expect(madeStreams).toEqual(['replaced_other'])
    expect(definition).toMatchObject({
      version: 2,
      begins: false,
      from: 'TRIM_HORIZON',
      time: { outOfOrderMs: 5000, idleMs: 9000 },
      columns: { clicks: { page: 'VARCHAR', ts: 'TIMESTAMP', ms: 'BIGINT' } },
    })
    await expect(
      replaceQuery(door, 'replaced', { sql: 'INSERT INTO x SELECT pages FROM clicks' }),
    ).rejects.toMatchObject({ code: 'invalid' })
    expect((await getQuery(door.client, 'replaced')).definition).toEqual(definition)
  })

  it('begins at a time, and so does the next version while no app has begun that one', async () => {
    await createQuery(door, 'begun', { sql: counted('begun_results') })
    await begin('begun')
    const from = { atTimestamp: 7 }
    expect((await replaceQuery(door, 'begun', { from })).definition).toMatchObject({
      version: 2,
      begins: true,
      from,
    })
    const types = { columns: { clicks: { ms: 'INTEGER' } } }
    expect((await replaceQuery(door, 'begun', types)).definition).toMatchObject({
      version: 3,
      begins: true,
      from,
      columns: { clicks: { page: 'VARCHAR', ms: 'INTEGER' } },
    })
    await begin('begun')
    expect((await replaceQuery(door, 'begun', {})).definition).toMatchObject({
      version: 4,
      begins: false,
      from,
    })
  })

  it('takes streams away that late rows and bad ones go to, and leaves what is not said', async () => {
    await createQuery(door, 'sides', { sql: counted('sided'), lateTo: 'side_late', errorsTo: 'side_bad' })
    const { definition } = await replaceQuery(door, 'sides', { lateTo: undefined, time: { idleMs: 9000 } })
    expect(definition).toMatchObject({ errorsTo: 'side_bad' })
    expect(definition).not.toHaveProperty('lateTo')
    expect((await replaceQuery(door, 'sides', { errorsTo: undefined })).definition).not.toHaveProperty(
      'errorsTo',
    )
  })

  it('refuses one that is not there', async () => {
    await expect(replaceQuery(door, 'nobody', {})).rejects.toMatchObject({ code: 'notFound' })
  })
})

describe('queries in a circle', () => {
  const copied = (from: string, to: string) => ({
    sql: `INSERT INTO ${to} SELECT partition_key FROM ${from}`,
    columns: { [from]: {} },
  })

  it('are refused with the way that results would take', async () => {
    await door.client.createStream('ring_a')
    await createQuery(door, 'ring1', copied('ring_a', 'ring_b'))
    await createQuery(door, 'ring2', {
      sql: `CREATE OR REPLACE STREAM ring_own (partition_key VARCHAR(9)); CREATE OR REPLACE STREAM ring_c (partition_key VARCHAR(9));
CREATE OR REPLACE PUMP p AS INSERT INTO ring_own SELECT STREAM partition_key FROM ring_b;
CREATE OR REPLACE PUMP q AS INSERT INTO ring_c SELECT STREAM partition_key FROM ring_own`,
      columns: { ring_b: {} },
    })
    await expect(createQuery(door, 'ring3', copied('ring_c', 'ring_a'))).rejects.toThrow(
      'Its results would come back to it for ever: it writes to ring_a, ring1 reads ring_a and writes to ring_b, ring2 reads ring_b and writes to ring_c, which it reads.',
    )
    await expect(
      createQuery(door, 'ring3', { ...copied('ring_c', 'ring_d'), errorsTo: 'ring_b' }),
    ).rejects.toMatchObject({ code: 'invalid' })
    await createQuery(door, 'ring3', copied('ring_c', 'ring_d'))
    const back = { sql: copied('ring_a', 'ring_b').sql, lateTo: 'ring_d' }
    await replaceQuery(door, 'ring1', back)
    await expect(replaceQuery(door, 'ring3', copied('ring_d', 'ring_a'))).rejects.toThrow(
      'it writes to ring_a, ring1 reads ring_a and writes to ring_d, which it reads',
    )
    expect(await door.streamNames()).not.toContain('ring_own')
  })
})

describe('deleteQuery', () => {
  const kinds = [queryKinds.queries, queryKinds.progress, queryKinds.reports]
  const leftOf = async (name: string) => {
    const left = await Promise.all(kinds.map((kind) => door.client.documents(kind).get(name)))
    return left.filter((document) => document !== undefined).length
  }

  it('removes all that there is of it where no app runs, and leaves its streams', async () => {
    await createQuery(door, 'gone', { sql: counted('gone_results') })
    await door.client.documents(queryKinds.progress).put('gone', {})
    await door.putReport('gone')
    await deleteQuery(door, 'gone')
    expect(await leftOf('gone')).toBe(0)
    expect(await door.streamNames()).toContain('gone_results')
    await expect(deleteQuery(door, 'gone')).rejects.toMatchObject({ code: 'notFound' })
  })

  it('leaves it to the app that carries it out', async () => {
    await createQuery(door, 'run', { sql: counted('run_results') })
    await door.putReport('run')
    await door.serve()
    const queries = door.client.documents<QueryDefinition>(queryKinds.queries)
    const app = (async () => {
      for await (const change of queries.watch({ prefix: 'run' })) {
        if (change.type !== 'put' || change.value.state !== 'deleting') continue
        await door.client.documents(queryKinds.reports).delete('run')
        await queries.delete('run')
        return
      }
    })()
    await deleteQuery(door, 'run')
    await app
    await door.serve(false)
    expect(await leftOf('run')).toBe(0)
  })

  it('lists those that are there', async () => {
    const names = (await listQueries(door.client)).map(({ name }) => name)
    expect(names).toContain('made')
    expect(names).not.toContain('gone')
  })
})
