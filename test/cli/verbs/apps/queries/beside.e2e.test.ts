// `millrace query replace --beside`, `diff` and `promote`, against a daemon with the app beside it.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { connect, json } from 'millrace'
import { expect, it } from 'vitest'
import { daemonCommands } from '../../../support/daemon-commands.ts'
import { runHere } from '../../../support/fake-terminal.ts'

const { daemon, startForTest } = daemonCommands()

const query = (...args: readonly string[]) => runHere(['query', ...args, '--url', daemon().url])

async function said(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await query(...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

const sales = (value: string) =>
  `INSERT INTO sales SELECT window_start, page, ${value} AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end, page`

it('tries the next version beside a query, shows how their results differ, and puts it in its place', async () => {
  await using client = await connect(daemon().url)
  await client.createStream('clicks')
  const click = (minute: number, page: string) => ({
    partitionKey: page,
    data: { ts: `2026-01-01T00:0${minute}:00Z`, page },
  })
  await client.putMany('clicks', [click(0, '/a'), click(0, '/b')], { codec: json() })
  const serving = startForTest(['query', 'serve', '--threads', '1', '--memory', '256MiB'])
  const ended = once(serving, 'exit')
  await once(createInterface({ input: serving.stdout! }), 'line')
  await said('create', 'sales', '--sql', sales('count(*)'), '--out-of-order', '0s')
  const first = `Version 2 of the query sales runs beside it, as sales.next.\n  sales.next (a new stream): window_start TIMESTAMP, page VARCHAR, n BIGINT\n`
  const other = sales(`CASE page WHEN '/a' THEN 7 ELSE count(*) END`)
  expect(await said('replace', 'sales', '--sql', other, '--beside', '--from', 'TRIM_HORIZON')).toBe(first)
  expect(await said('describe', 'sales.next')).toMatch(/\nbeside +sales, version 1\n/)
  await client.putMany('clicks', [click(1, '/a'), click(1, '/b'), click(2, '/a'), click(3, '/a')], {
    codec: json(),
  })
  await expect
    .poll(() => said('diff', 'sales'), { timeout: 20_000 })
    .toBe(
      [
        'sales and sales.next, results after 2026-01-01T00:01:59.999Z up to 2026-01-01T00:03:00.000Z, by window_start and page:',
        '  3 and 3 results: 2 changed, 0 only old, 0 only new.',
        '     WINDOW_START          PAGE  N',
        'old  2026-01-01T00:01:00Z  /a    1',
        'new  2026-01-01T00:01:00Z  /a    7',
        'old  2026-01-01T00:02:00Z  /a    1',
        'new  2026-01-01T00:02:00Z  /a    7',
        '',
      ].join('\n'),
    )
  expect(JSON.parse(await said('diff', 'sales', '--limit', '1', '--json'))).toMatchObject({
    name: 'sales',
    targets: [{ count: { changed: 2 }, changed: [{ old: { n: 1 }, new: { n: 7 } }] }],
  })
  expect(await said('promote', 'sales')).toBe('sales is version 2 now.\n')
  expect(await query('diff', 'sales')).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('There is no query sales.next') as string,
  })
  serving.kill('SIGINT')
  expect(await ended).toEqual([0, null])
})
