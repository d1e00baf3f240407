// `millrace sql`: questions over streams and files by the command line, against a daemon.
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as adhoc from '@millrace/analytics/adhoc'
import { connect, json } from 'millrace'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadAdhoc } from '../../../../cli/verbs/apps/analytics/analytics-module.ts'
import { command } from '../../command.ts'
import { daemonCommands } from '../../support/daemon-commands.ts'

const { daemon, folder } = daemonCommands()

/** Runs a question. */
const sql = (args: readonly string[], input?: string) =>
  command(['sql', ...args], {
    url: daemon().url,
    cwd: folder(),
    env: { XDG_STATE_HOME: join(folder(), 'state') },
    ...(input !== undefined && { input }),
  })

async function answerOf(...args: readonly string[]): Promise<unknown[]> {
  const { code, stdout, stderr } = await sql([...args, '--format', 'json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}

const views = [3, 1, 2].flatMap((count, page) =>
  Array.from({ length: count }, (_, i) => ({
    page: `/${page}`,
    user: `u${i}`,
    ts: `2026-01-01T00:0${page}:0${i}Z`,
  })),
)

beforeAll(async () => {
  await using client = await connect(daemon().url)
  await client.createStream('clicks', { shards: 3 })
  await client.createStream('mixed', { shards: 1 })
  await client.putMany(
    'clicks',
    views.map((data) => ({ partitionKey: data.user, data })),
    { codec: json() },
  )
  await client.putMany(
    'mixed',
    ['{"n":1}', 'no json', '{"n":2}'].map((data) => ({ partitionKey: 'k', data })),
  )
  await writeFile(join(folder(), 'pages.csv'), 'page,title\n/0,Home\n/2,About\n')
})

describe('millrace sql', () => {
  it('is given what the module of the app promises', async () => {
    expect((await loadAdhoc()).Questions).toBe(adhoc.Questions)
  })

  it('answers as one object a line, a table, or CSV', async () => {
    const question = 'SELECT page, count(*) AS views FROM clicks GROUP BY page ORDER BY views DESC LIMIT 2'
    expect(await answerOf(question)).toEqual([
      { page: '/0', views: 3 },
      { page: '/2', views: 2 },
    ])
    expect((await sql([question])).stdout.toString()).toBe('PAGE  VIEWS\n/0    3\n/2    2\n')
    expect((await sql([question, '--format', 'csv'])).stdout.toString()).toBe(
      'page,views\r\n/0,3\r\n/2,2\r\n',
    )
  })

  it('has columns of the record beside those of its payload', async () => {
    expect(
      await answerOf(
        `SELECT count(*) AS n FROM clicks WHERE partition_key = "user" AND arrival_time > now() - INTERVAL 1 HOUR AND octet_length(data) > 10`,
      ),
    ).toEqual([{ n: 6 }])
    expect(
      await answerOf('SELECT count(*) AS n FROM clicks WHERE arrival_time < now() - INTERVAL 1 DAY'),
    ).toEqual([{ n: 0 }])
  })

  it('has windows', async () => {
    expect(
      await answerOf(
        `SELECT window_start, count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end ORDER BY 1`,
      ),
    ).toEqual([
      { window_start: '2026-01-01T00:00:00Z', n: 3 },
      { window_start: '2026-01-01T00:01:00Z', n: 1 },
      { window_start: '2026-01-01T00:02:00Z', n: 2 },
    ])
  })

  it('joins streams with files', async () => {
    expect(
      await answerOf(
        `SELECT p.title, count(*) AS n FROM clicks c JOIN 'pages.csv' p ON p.page = c.page GROUP BY 1 ORDER BY 1`,
      ),
    ).toEqual([
      { title: 'About', n: 2 },
      { title: 'Home', n: 3 },
    ])
  })

  it('takes the question from standard input, and types of columns from flags', async () => {
    const { stdout } = await sql(
      ['--format', 'json', '--column', 'mixed.n=VARCHAR'],
      'SELECT n FROM mixed;\n',
    )
    expect(stdout.toString()).toBe('{"n":"1"}\n{"n":"2"}\n')
  })

  it('says how many records are no rows, and which is the first', async () => {
    const { code, stdout, stderr } = await sql(['SELECT sum(n) AS n FROM mixed', '--format', 'json'])
    expect({ code, out: stdout.toString() }).toEqual({ code: 0, out: '{"n":3}\n' })
    expect(stderr).toMatch(
      /^1 record is no row; the first is record 1 of shard 0 of mixed: .* no JSON object\.\n$/,
    )
  })

  it('writes a file, which is a table again', async () => {
    const { code, stderr } = await sql(['SELECT page, "user" FROM clicks', '--output', 'clicks.parquet'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '6 rows in clicks.parquet.\n' })
    expect(await answerOf(`SELECT count(DISTINCT page) AS pages FROM 'clicks.parquet'`)).toEqual([
      { pages: 3 },
    ])
    await sql(['SELECT 1 AS x', '--output', 'x.csv'])
    expect(await readFile(join(folder(), 'x.csv'), 'utf8')).toBe('x\n1\n')
  })

  it.each([
    [['SELEC 1'], 2, /SELEC is no query/],
    [
      ['SELECT nothing FROM clicks'],
      2,
      /^millrace: Line 1, column 8: There is no column nothing\. clicks has the columns page, user, ts, arrival_time/,
    ],
    [[`SELECT 'x'::INTEGER`], 2, /Could not convert/],
    [['INSERT INTO other SELECT 1'], 2, /writes to no stream/],
    [['SELECT 1; SELECT 2'], 2, /One question at a time/],
    [['SELECT 1 FROM nowhere'], 4, /no stream called nowhere/],
    [['SELECT 1', '--format', 'parquet'], 2, /say which by --output/],
    [['SELECT 1', '--output', 'x.txt'], 2, /no ending that says its format/],
    [['SELECT 1', '--column', 'page'], 2, /stream\.column=type/],
    [[' '], 2, /There is no question/],
  ])('refuses %j by the exit code %i', async (args, exit, reason) => {
    const { code, stdout, stderr } = await sql(args)
    expect({ code, out: stdout.toString() }).toEqual({ code: exit, out: '' })
    expect(stderr).toMatch(reason)
  })

  it('leaves nothing behind', async () => {
    await expect(access(join(folder(), 'state'))).rejects.toThrow('ENOENT')
  })
})
