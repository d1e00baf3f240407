// What a query gives, as `millrace stream describe` and `millrace sql` know it, against a daemon.
import { connect, json } from 'millrace'
import { expect, it } from 'vitest'
import { daemonCommands } from '../../../support/daemon-commands.ts'
import { runHere } from '../../../support/fake-terminal.ts'

const { daemon } = daemonCommands()

async function said(...args: readonly string[]): Promise<string> {
  const { code, stdout } = await runHere([...args, '--url', daemon().url])
  expect(code).toBe(0)
  return stdout
}

it('describes the records of a stream that a query writes to, and asks of it before there are any', async () => {
  await using client = await connect(daemon().url)
  await client.createStream('clicks')
  await client.put('clicks', { partitionKey: '/', data: { page: '/', ms: 1 } }, { codec: json() })
  expect(await said('stream', 'describe', 'clicks')).not.toContain('Records are')
  await said(
    'query',
    'create',
    'pages',
    '--sql',
    'INSERT INTO results SELECT page, ms / 2 AS half FROM clicks',
  )
  expect(await said('stream', 'describe', 'results')).toMatch(
    /\n\nRecords are JSON objects of page VARCHAR, half DOUBLE, as query\/pages says\.\n$/,
  )
  expect(JSON.parse(await said('stream', 'describe', 'results', '--json'))).toMatchObject({
    name: 'results',
    schema: { jsonSchema: { type: 'object', required: ['page', 'half'] } },
  })
  expect(await said('sql', 'SELECT count(half) AS n FROM results', '--format', 'json', '--quiet')).toBe(
    '{"n":0}\n',
  )
})
