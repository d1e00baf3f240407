// Queries that write to deliveries and functions, on a daemon with the three apps beside it.
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect, json } from 'millrace'
import { expect, it } from 'vitest'
import { command } from '../../../command.ts'
import { daemonCommands } from '../../../support/daemon-commands.ts'

const { daemon, folder, startForTest } = daemonCommands()

const run = (...args: readonly string[]) => command(args, { url: daemon().url, cwd: folder() })

async function said(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.toString()
}

/** Starts an app, and fulfils with what ends it in good order. */
async function serve(app: string, ...options: readonly string[]): Promise<() => Promise<void>> {
  const serving = startForTest([app, 'serve', ...options])
  const ended = once(serving, 'exit')
  await once(createInterface({ input: serving.stdout! }), 'line')
  return async () => {
    serving.kill('SIGINT')
    expect(await ended).toEqual([0, null])
  }
}

/** Lines of all files below a directory. */
async function linesIn(path: string): Promise<readonly unknown[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
  const texts = await Promise.all(
    files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
  )
  return texts.flatMap((text) => text.trim().split('\n')).map((line) => JSON.parse(line) as unknown)
}

it('results go to the stream of a delivery, and to the one that calls a function', async () => {
  await using client = await connect(daemon().url)
  await writeFile(
    join(folder(), 'shout.mjs'),
    `export const handler = (event) => ({
  records: event.Records.map(({ kinesis }) => ({
    data: { heard: JSON.parse(Buffer.from(kinesis.data, 'base64')).page },
  })),
})`,
  )
  await client.createStream('clicks')
  await client.put('clicks', { partitionKey: 'k', data: { page: '/a', ms: 7 } }, { codec: json() })
  const ends = [await serve('delivery'), await serve('function', '--port', '0'), await serve('query')]
  await said('stream', 'create', 'pages')
  await said('delivery', 'create', 'archive', '--to', './archive', '--buffer-interval', '0s')
  await said('function', 'create', 'shout', '--stream', 'pages', '--handler', './shout.mjs', '--to', 'heard')
  const sql =
    'INSERT INTO delivery.archive SELECT page, ms FROM clicks; INSERT INTO FUNCTION."shout" SELECT page FROM clicks'
  expect(await said('query', 'create', 'both', '--sql', sql)).toBe(
    'Made the query both over clicks.\n  archive.delivery: page VARCHAR, ms BIGINT\n  pages: page VARCHAR\n',
  )
  expect(await said('query', 'explain', 'both')).toMatch(
    /\narchive\.delivery \(delivery archive\) +clicks [^]*\npages \(function shout\) +clicks /,
  )
  await expect.poll(() => linesIn(join(folder(), 'archive'))).toEqual([{ page: '/a', ms: 7 }])
  await expect
    .poll(async () => {
      const heard: unknown[] = []
      for await (const { data } of client.read('heard', { codec: json() })) heard.push(data)
      return heard
    })
    .toEqual([{ heard: '/a' }])
  for (const end of ends) await end()
})

it('a target that has no one stream is refused with what to write', async () => {
  await using client = await connect(daemon().url)
  for (const stream of ['in', 'one', 'two']) await client.createStream(stream)
  await said('delivery', 'create', 'borrowed', '--stream', 'one', '--to', './borrowed')
  expect((await run('function', 'create', 'still', '--handler', './shout.mjs')).code).toBe(0)
  await said('delivery', 'create', 'own', '--to', './own')
  const refused = async (sql: string) => {
    const { code, stderr } = await run('query', 'create', 'x', '--sql', sql, '--column', 'in.page=VARCHAR')
    expect(code).toBe(2)
    return stderr
  }
  const into = (target: string, from = '"in"') => refused(`INSERT INTO ${target} SELECT page FROM ${from}`)
  expect(await into('delivery.none')).toContain('Line 1, column 1: There is no delivery none: make it first')
  expect(await into('delivery.borrowed')).toContain(
    'The delivery borrowed has no stream of its own: it reads one. Write INSERT INTO "one".',
  )
  expect(await into('function.none')).toContain('There is no function none')
  expect(await into('function.still')).toContain('The function still reads no stream')
  expect(await into('delivery.own (a, b)')).toContain('names 2 columns')
  const own = await run(
    'query',
    'create',
    'x',
    '--sql',
    'INSERT INTO delivery.own SELECT page FROM "own.delivery"',
    '--column',
    'own.delivery.page=VARCHAR',
  )
  expect(own.stderr).toContain('The query reads own.delivery, to which this writes')
  // A quoted name is that of a stream.
  expect(
    await said(
      'query',
      'explain',
      '--sql',
      'INSERT INTO "delivery.own" SELECT page FROM "in"',
      '--column',
      'in.page=VARCHAR',
    ),
  ).toMatch(/\ndelivery\.own +in /)
})
