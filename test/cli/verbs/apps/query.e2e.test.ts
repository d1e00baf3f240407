// `millrace query …`: queries made, shown, explained, changed, watched and deleted by the command line, against a daemon.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import * as definitions from '@millrace/analytics/definitions'
import { connect, json } from 'millrace'
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { loadDefinitions, type QueryDefinitions } from '../../../../cli/verbs/apps/queries/queries-module.ts'
import { queryKinds, type QueryReport } from '../../../../protocol/apps/query-definition.ts'
import { daemonCommands } from '../../support/daemon-commands.ts'
import { runHere } from '../../support/fake-terminal.ts'

const { daemon, folder, output, startForTest } = daemonCommands()

/** Runs a command line in this process. */
const query = (args: readonly string[], input?: string) =>
  runHere(['query', ...args, '--url', daemon().url], input === undefined ? {} : { input })

async function said(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await query(args, input)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

const views = `INSERT INTO views_per_minute SELECT window_start, page, count(*) AS views FROM TUMBLE(TABLE clicks, DESCRIPTOR(arrival_time), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

/** Has the SQL of views. */
let file: string

beforeAll(async () => {
  await using client = await connect(daemon().url)
  await client.createStream('clicks')
  await client.put('clicks', { partitionKey: 'ada', data: { page: '/', ms: 1 } }, { codec: json() })
  file = join(folder(), 'views.sql')
  await writeFile(file, `${views}\n`)
})

describe('the module of the app', () => {
  it('is what the command line takes it for', async () => {
    // Without the client, of which the test sees the source and the app what is compiled.
    type Rest<F> = F extends (first: never, ...rest: infer P) => infer R ? (...rest: P) => R : F
    type Told<M> = { [N in keyof M]: Rest<M[N]> }
    type Held = Told<QueryDefinitions>
    expectTypeOf<Pick<Told<typeof definitions>, keyof Held>>().toExtend<Held>()
    expect((await loadDefinitions()).createQuery).toBe(definitions.createQuery)
  })
})

describe('millrace query', () => {
  it('says that there is none, and how one is made', async () => {
    expect(await query(['list'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^There is no query yet.*query create/) as string,
    })
  })

  it('makes a query of the SQL that is given, of a file, or of standard input', async () => {
    expect(await said(['create', 'views', '--sql', views])).toBe(
      'Made the query views over clicks.\n  views_per_minute (a new stream): window_start TIMESTAMP, page VARCHAR, views BIGINT\n',
    )
    const made = JSON.parse(
      await said([
        'create',
        'second',
        '--file',
        file,
        '--from',
        'LATEST',
        '--out-of-order',
        '2s',
        '--idle',
        '1m',
        '--lateness',
        '1h',
        '--late-to',
        'late',
        '--errors-to',
        'bad',
        '--column',
        'clicks.page=TEXT',
        '--description',
        'by page',
        '--json',
      ]),
    ) as unknown
    expect(made).toMatchObject({
      name: 'second',
      definition: {
        sql: `${views}\n`,
        from: 'LATEST',
        time: { outOfOrderMs: 2000, idleMs: 60_000, latenessMs: 3_600_000 },
        columns: { clicks: { page: 'VARCHAR' } },
        lateTo: 'late',
        errorsTo: 'bad',
        description: 'by page',
      },
      madeStreams: ['late', 'bad'],
    })
    expect(
      await said(['create', 'third', '--file', '-'], 'INSERT INTO pages SELECT page FROM clicks'),
    ).toMatch(/^Made the query third/)
  })

  it.each<[readonly string[], number, RegExp]>([
    [
      ['create', 'x', '--sql', 'INSERT INTO y\nSELECT pge FROM clicks'],
      2,
      /^millrace: Line 2, column 8: There is no column pge\. clicks has the columns page, ms, arrival_time.*\n {2}SELECT pge FROM clicks\n {9}\^\n$/,
    ],
    [
      ['create', 'x', '--sql', 'INSERT INTO y SELECT page, count(*) FROM clicks GROUP BY page'],
      2,
      /Line 1, column/,
    ],
    [['create', 'x', '--sql', 'INSERT INTO y SELECT a FROM nowhere'], 4, /no stream called nowhere/],
    [['create', 'views', '--sql', views], 1, /There is a query views already/],
    [['create', 'x'], 2, /give it by --sql or --file/],
    [['create', 'x', '--sql', views, '--file', 'any.sql'], 2, /give one of them/],
    [['create', 'x', '--file', 'missing.sql'], 1, /missing\.sql does not exist/],
    [['create', 'x', '--sql', views, '--from', '17'], 2, /--from/],
    [['create', 'x', '--sql', views, '--column', 'page'], 2, /stream\.column=type/],
    [['describe', 'nobody'], 4, /There is no query nobody\. See `millrace query list`/],
    [['explain'], 2, /Name a query, or give SQL/],
    [['explain', 'views', '--sql', views], 2, /Name a query, or give SQL/],
    [['replace', 'views'], 2, /Nothing is given that would change it/],
    [['watch', 'views', '--target', 'clicks'], 2, /does not write to clicks: it writes to views_per_minute/],
    [['delete', 'nobody', '--yes'], 4, /There is no query nobody/],
  ])('refuses %j by the exit code %i', async (args, exit, reason) => {
    const { code, stdout, stderr } = await query(args)
    expect({ code, out: stdout }).toEqual({ code: exit, out: '' })
    expect(stderr).toMatch(reason)
  })

  it('lists, describes and explains', async () => {
    expect(await said(['list'])).toMatch(
      /^NAME .*WHY\nsecond +clicks +running +1 .*No app has begun it.*\nthird .*\nviews /,
    )
    const named = JSON.parse(await said(['list', '--json'])) as { name: string }[]
    expect(named.map(({ name }) => name)).toEqual(['second', 'third', 'views'])
    expect(await said(['describe', 'second'])).toMatch(
      /late rows +go to late\n[^]*columns of clicks +page VARCHAR\n\nINSERT INTO views_per_minute/,
    )
    const { definition } = JSON.parse(await said(['describe', 'views', '--json'])) as {
      definition: { sql: string }
    }
    expect(definition.sql).toBe(views)
    expect(await said(['explain', 'views'])).toMatch(
      /why +No app has begun it: [^]*\nviews_per_minute +clicks +once the watermark has passed the end of a window: TUMBLE 1 min[^]*\nclicks +arrival_time +1 min/,
    )
    expect(await said(['explain', '--file', file])).toMatch(/^WRITES TO [^]*\nREADS /)
    const sql = ['--sql', 'INSERT INTO y SELECT a FROM clicks', '--column', 'clicks.a=INT', '--json']
    expect(JSON.parse(await said(['explain', ...sql]))).toMatchObject({
      statements: [{ target: 'y', columns: [{ name: 'a', type: 'INTEGER' }] }],
    })
  })

  it('is paused, resumed and replaced', async () => {
    expect(await said(['pause', 'views'])).toBe('Paused views.\n')
    expect(await said(['explain', 'views'])).toMatch(/state +paused, version 1\nwhy +It is paused\./)
    expect(await said(['resume', 'views'])).toBe('Resumed views.\n')
    expect(
      await said(['replace', 'views', '--sql', 'INSERT INTO pages SELECT page FROM clicks', '--idle', '5s']),
    ).toBe('Replaced the query views: it is version 2 now.\n  pages: page VARCHAR\n')
    expect(JSON.parse(await said(['replace', 'views', '--from', '@1700000000000', '--json']))).toMatchObject({
      definition: {
        version: 3,
        begins: true,
        from: { atTimestamp: 1_700_000_000_000 },
        time: { idleMs: 5000 },
      },
    })
  })

  it('takes away where late and bad rows go', async () => {
    await said(['replace', 'second', '--no-late-to'])
    expect(await said(['describe', 'second'])).toMatch(/late rows +are counted\nbad rows +go to bad\n/)
    await said(['replace', 'second', '--no-errors-to', '--late-to', 'late'])
    expect(await said(['describe', 'second'])).toMatch(/late rows +go to late\nbad rows +are counted\n/)
  })

  it('shows what the app says of it: what holds the watermark, and why nothing comes out', async () => {
    await using client = await connect(daemon().url)
    const bySeen = views.replace('arrival_time', 'seen').replace('views_per_minute', 'seen_per_minute')
    const types = ['--column', 'clicks.page=VARCHAR', '--column', 'clicks.seen=TIMESTAMP']
    await said(['create', 'timed', '--sql', bySeen, '--lateness', '1h', ...types])
    // As an app that runs.
    const hosts = client.documents(queryKinds.hosts)
    await hosts.put('an-app', { beat: 1 })
    const shard = { next: 12, behindMs: 1500 }
    await client.documents<QueryReport>(queryKinds.reports).put('timed', {
      version: 1,
      at: Date.now(),
      state: 'waiting',
      reason: 'Shard 1 of clicks has not passed 12:01.',
      watermark: Date.UTC(2026, 0, 1),
      rowsHeld: 1203,
      windowsOpen: 3,
      rowsRead: 5000,
      rowsLate: 2,
      rowsCountedLate: 4,
      rowsRefused: 1,
      rowsWritten: 7,
      rowsPerSecond: 40.2,
      lastResultAt: Date.UTC(2026, 0, 2),
      inputs: [
        {
          stream: 'clicks',
          shards: [
            { ...shard, shardId: 'shardId-000000000000', latestEventTime: 2000, isIdle: false },
            { ...shard, shardId: 'shardId-000000000001', latestEventTime: 1000, isIdle: false },
            { ...shard, shardId: 'shardId-000000000002', isIdle: true },
          ],
        },
      ],
    })
    const text = await said(['explain', 'timed'])
    for (const part of [
      /state +waiting, version 1\n/,
      /why +Shard 1 of clicks has not passed 12:01\.\n/,
      /watermark +2026-01-01T00:00:00\.000Z\n/,
      /rows held +1,203\n/,
      /late rows count for +1 h\n/,
      /rows that changed results +4\n/,
      /rows read +5,000, 40 rows\/s\n/,
      /clicks +0 +12 +1970-01-01T00:00:02\.000Z +1\.5 s +-\n/,
      /clicks +1 +12 +1970-01-01T00:00:01\.000Z +1\.5 s +holds it\n/,
      /clicks +2 +12 +- +1\.5 s +idle: not waited for\n/,
      /clicks +seen +1 h +/,
    ])
      expect(text).toMatch(part)
    await hosts.put('an-app', { beat: 2 })
    expect(await said(['list'])).toMatch(
      /timed +clicks +waiting +1 +40 rows\/s +2026-01-02T00:00:00\.000Z +Shard 1/,
    )
    await hosts.delete('an-app')
  })

  it('watches results in a table, and as JSON', async () => {
    await using client = await connect(daemon().url)
    const rows = [1, 2].map((n) => ({ window_start: `2026-01-01T00:0${n}:00.000Z`, page: `/${n}`, views: n }))
    for (const data of rows)
      await client.put('views_per_minute', { partitionKey: data.page, data }, { codec: json() })
    const from = ['--from', 'TRIM_HORIZON', '--count', '2']
    const { code, stdout } = await query(['watch', 'second', ...from])
    expect({ code, out: stdout }).toEqual({
      code: 0,
      out: [
        'WINDOW_START              PAGE                  VIEWS',
        '2026-01-01T00:01:00.000Z  /1                    1',
        '2026-01-01T00:02:00.000Z  /2                    2',
        '',
      ].join('\n'),
    })
    const lines = (await query(['watch', 'second', ...from, '--json'])).stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      rows.map((result) => ({ stream: 'views_per_minute', result })),
    )
  })

  it('watches what comes from now on, until Ctrl-C', async () => {
    await using client = await connect(daemon().url)
    const watching = startForTest(['query', 'watch', 'third', '--from', 'TRIM_HORIZON'])
    const out = buffer(watching.stdout!)
    await client.put('pages', { partitionKey: 'k', data: { page: '/new' } }, { codec: json() })
    await new Promise((resolve) => watching.stdout!.once('data', resolve))
    const ended = new Promise((resolve) => watching.once('exit', resolve))
    watching.kill('SIGINT')
    expect(await ended).toBe(0)
    expect((await out).toString()).toBe('PAGE\n/new\n')
  })

  it('deletes, and leaves the results', async () => {
    expect(await said(['delete', 'third', '--yes'])).toBe('Deleted third.\n')
    expect((await query(['describe', 'third'])).code).toBe(4)
    expect(await output('stream describe pages')).toContain('pages')
  })

  it('is carried out by the app, which runs by a verb of its own', async () => {
    const serving = startForTest(['query', 'serve', '--threads', '1', '--memory', '256MiB'])
    const ended = once(serving, 'exit')
    const [ready] = (await once(createInterface({ input: serving.stdout! }), 'line')) as [string]
    expect(ready).toMatch(/^analytics is ready at millrace:\/\/\S+ \(broker /)
    await said([
      'create',
      'served',
      '--sql',
      'INSERT INTO served_pages SELECT page, ms * 2 AS twice FROM clicks',
    ])
    const { stdout } = await query(['watch', 'served', '--from', 'TRIM_HORIZON', '--count', '1', '--json'])
    expect(JSON.parse(stdout)).toEqual({ stream: 'served_pages', result: { page: '/', twice: 2 } })
    await expect.poll(() => said(['explain', 'served'])).toMatch(/results +1 row\n/)
    expect(await said(['delete', 'served', '--yes'])).toBe('Deleted served.\n')
    serving.kill('SIGINT')
    expect(await ended).toEqual([0, null])
  })
})
