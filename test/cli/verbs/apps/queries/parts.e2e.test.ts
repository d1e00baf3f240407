// `millrace query create --parts` and what is told of it, against a daemon.
import { connect, json } from 'millrace'
import { expect, it } from 'vitest'
import { queryKinds } from '../../../../../protocol/apps/query-definition.ts'
import { daemonCommands } from '../../../support/daemon-commands.ts'
import { runHere } from '../../../support/fake-terminal.ts'

const { daemon } = daemonCommands()

const query = (...args: readonly string[]) => runHere(['query', ...args, '--url', daemon().url])

async function said(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await query(...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

const views = (columns: string) =>
  `INSERT INTO views SELECT window_start, ${columns} AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end${columns.startsWith('page') ? ', page' : ''}`

it('makes a query in parts, says by what they are shared, and how each of its units stands', async () => {
  await using client = await connect(daemon().url)
  await client.createStream('clicks')
  const data = { ts: '2026-01-01T00:00:00Z', page: '/' }
  await client.put('clicks', { partitionKey: '/', data }, { codec: json() })
  expect(await said('explain', '--sql', views('page, count(*)'))).toMatch(
    /\n\nIt can be carried out in parts \(--parts\), shared by page of clicks\.\n$/,
  )
  expect(await said('explain', '--sql', views('count(*)'))).toMatch(
    /\n\nThe query cannot be carried out in parts\. Rows of a window are put together here by no column/,
  )
  expect(await query('create', 'views', '--parts', '2', '--sql', views('count(*)'))).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/Line 1, column \d+: The query cannot be carried out in parts\./) as string,
  })
  const parts = '2, shared by page of clicks: they read views.parts, which 2 others write'
  expect(await said('create', 'views', '--parts', '2', '--sql', views('page, count(*)'))).toBe(
    `Made the query views over clicks.\n  views (a new stream): window_start TIMESTAMP, page VARCHAR, n BIGINT\n  Parts: ${parts}.\n`,
  )
  const report = {
    version: 1,
    at: Date.now() + 60_000,
    state: 'running',
    rowsHeld: 1,
    windowsOpen: 1,
    rowsRead: 3,
  }
  const counts = { rowsLate: 0, rowsRefused: 0, rowsWritten: 2, rowsPerSecond: 5, inputs: [], watermark: 0 }
  await client.documents(queryKinds.reports).put('views@0', { ...report, ...counts })
  expect(await said('describe', 'views')).toMatch(/\nparts +2, shared by page of clicks: /)
  const explained = await said('explain', 'views')
  expect(explained).toMatch(/\nwhy .*\n/)
  expect(explained).toContain('UNIT ')
  expect(explained).toMatch(/\nviews@spread-1 +- +- +0 +- +No app has begun it yet\.\n/)
  expect(explained).toMatch(/\nviews@0 +running +5 rows\/s +1 +1970-01-01T00:00:00\.000Z +-\n/)
  await said('delete', 'views', '--yes')
  expect((await said('list', '--json')).trim()).toBe('[]')
  await expect(client.describeStream('views.parts')).rejects.toMatchObject({ code: 'streamNotFound' })
})
