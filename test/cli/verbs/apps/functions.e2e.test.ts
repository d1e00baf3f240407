// `millrace function …`: functions made, shown, called, changed and deleted by the command line, against a daemon that runs them.
import type { ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import * as calling from '@millrace/functions/calling'
import * as definitions from '@millrace/functions/definitions'
import { connect } from 'millrace'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import {
  loadCalling,
  loadDefinitions,
  type FunctionCalling,
  type FunctionDefinitions,
} from '../../../../cli/verbs/apps/functions/functions-module.ts'
import { command, startCommand } from '../../command.ts'
import { daemonCommands } from '../../support/daemon-commands.ts'

const { daemon, folder, millrace, output, startForTest } = daemonCommands()

const source = `export const handler = async (event) => {
  console.log('got', JSON.stringify(event))
  if (event.fails) throw new TypeError('as asked')
  return { echo: event }
}`

/** Runs a command line whose words may have blanks. */
const run = (args: readonly string[], input?: string) =>
  command(['function', ...args], { url: daemon().url, cwd: folder(), ...(input !== undefined && { input }) })

let serving: ChildProcess | undefined
beforeAll(async () => {
  await writeFile(join(folder(), 'enrich.mjs'), source)
  await writeFile(join(folder(), 'event.json'), '{"of":"a file"}')
  serving = startCommand(['function', 'serve', '--port', '0'], { url: daemon().url })
  const lines = createInterface({ input: serving.stdout! })
  const [ready] = (await once(lines, 'line')) as [string]
  expect(ready).toMatch(/^functions is ready at http:\S+ \(broker /)
})
// Before the daemon's end: to say goodbye to one that is gone is tried for long.
afterAll(async () => {
  serving!.kill('SIGINT')
  const [code] = (await once(serving!, 'exit')) as [number]
  expect(code).toBe(0)
})

describe('the module of the app', () => {
  it('is what the command line takes it for', async () => {
    // Without the client, of which the test sees the source and the app what is compiled.
    type Rest<F> = F extends (first: never, ...rest: infer P) => infer R ? (...rest: P) => R : F
    type Told<M> = { [N in keyof M]: Rest<M[N]> }
    type Held = Omit<Told<FunctionDefinitions>, 'describeFunction'>
    expectTypeOf<Pick<Told<typeof definitions>, keyof Held>>().toExtend<Held>()
    expectTypeOf<typeof calling>().toExtend<FunctionCalling>()
    expect((await loadDefinitions()).createFunction).toBe(definitions.createFunction)
    expect((await loadCalling()).callFunction).toBe(calling.callFunction)
  })
})

describe('millrace function', () => {
  it('makes a function of a module with a stream that it reads and one that it writes', async () => {
    await output('stream create clicks')
    const made = await run(
      'create enrich --stream clicks --handler ./enrich.mjs --to enriched --batch-size 500'.split(' '),
    )
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout.toString()).toContain(
      `Made the function enrich: ${join(folder(), 'enrich.mjs')}#handler.`,
    )
    expect(made.stdout.toString()).toContain(
      'called with the records of clicks, up to 500 at a time, and what it returns goes into enriched',
    )
    await using client = await connect(daemon().url)
    expect(await client.describeStream('enriched')).toMatchObject({ mode: 'on-demand' })
    const { mappings } = JSON.parse(await output('function describe enrich --json')) as {
      mappings: { mapping: object }[]
    }
    expect(mappings).toMatchObject([
      { mapping: { source: { stream: 'clicks' }, to: { stream: 'enriched' }, batchSize: 500 } },
    ])
    expect(await output('function list')).toMatch(
      /enrich\s+\S*enrich.mjs#handler\s+clicks\s+enriched\s+enabled\s+1/,
    )
    const again = await run(['create', 'enrich', '--handler', './enrich.mjs'])
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is a function enrich already'),
    })
  })

  it('takes every setting of a mapping, and takes them back', async () => {
    await output('stream create all')
    const words =
      '--window 2s --parallel 2 --retries 3 --max-age 1h --bisect --partial --on-failure failed --from LATEST'
    const filters = ['--filter', '{"data":{"a":[1]}}', '--filter', '{"data":{"b":[2]}}']
    const function_ = [
      '--timeout',
      '10s',
      '--memory',
      '256MiB',
      '--env',
      'A=1',
      '--env',
      'B=x=y',
      '--watch',
      '--description',
      'all of it',
    ]
    const made = await run([
      'create',
      'all',
      '--stream',
      'all',
      '--handler',
      './enrich.mjs#handler',
      '--json',
      ...words.split(' '),
      ...filters,
      ...function_,
    ])
    expect(JSON.parse(made.stdout.toString())).toMatchObject({
      name: 'all',
      definition: {
        timeoutMs: 10_000,
        memoryMiB: 256,
        environment: { A: '1', B: 'x=y' },
        isWatched: true,
        description: 'all of it',
      },
      mapping: {
        mapping: {
          source: { stream: 'all', from: 'LATEST' },
          batchWindowMs: 2000,
          parallelizationFactor: 2,
          retriesMax: 3,
          recordAgeMaxMs: 3_600_000,
          bisectsOnError: true,
          reportsItemFailures: true,
          filters: ['{"data":{"a":[1]}}', '{"data":{"b":[2]}}'],
          onFailure: { type: 'stream', stream: 'failed' },
        },
      },
    })
    const changed = await run(
      'update all --no-filter --no-bisect --no-partial --no-on-failure --retries forever --no-watch --tumbling 60s --parallel 1 --json'.split(
        ' ',
      ),
    )
    const { definition, mapping } = JSON.parse(changed.stdout.toString()) as {
      definition: object
      mapping: { mapping: object }
    }
    expect(definition).toMatchObject({ isWatched: false, version: 2, timeoutMs: 10_000 })
    expect(mapping.mapping).toMatchObject({
      bisectsOnError: false,
      reportsItemFailures: false,
      retriesMax: -1,
      filters: [],
      tumblingWindowMs: 60_000,
      batchWindowMs: 2000,
    })
    expect(mapping.mapping).not.toHaveProperty('onFailure')
  })

  it.each([
    [
      'a batch size',
      ['--stream', 'clicks', '--batch-size', '20000'],
      2,
      'batchSize is 20000; it must be from 1 to 10000',
    ],
    [
      'a filter, with its place',
      ['--stream', 'clicks', '--filter', '{"data":{"a":[{"prefixx":1}]}}'],
      2,
      'filters[0]',
    ],
    ['a stream that is not there', ['--stream', 'none'], 4, 'none'],
    ['settings of records without a stream', ['--batch-size', '5'], 2, 'needs --stream'],
    ['a memory that is no whole MiB', ['--memory', '100KiB'], 2, 'whole MiB'],
  ])('refuses %s, and makes nothing', async (_what, args, code, words) => {
    const refused = await run(['create', 'refused', '--handler', './enrich.mjs', ...args])
    expect(refused).toMatchObject({ code, stderr: expect.stringContaining(words) })
    expect(await run(['describe', 'refused'])).toMatchObject({ code: 4 })
  })

  it('makes the source where it is told to', async () => {
    expect(
      await run('create early --stream later --create-stream --handler ./enrich.mjs'.split(' ')),
    ).toMatchObject({ code: 0 })
    await output('stream describe later')
  })

  it('calls a function with an event as it is, of a file and of standard input, and shows what it prints', async () => {
    await run('create called --handler ./enrich.mjs'.split(' '))
    const given = await run(['invoke', 'called', '--event', '{"n":1}', '--log'])
    expect([given.code, JSON.parse(given.stdout.toString())]).toEqual([0, { echo: { n: 1 } }])
    expect(given.stderr).toContain('got {"n":1}')
    expect(JSON.parse((await run(['invoke', 'called', '--event', 'event.json'])).stdout.toString())).toEqual({
      echo: { of: 'a file' },
    })
    expect(JSON.parse((await run(['invoke', 'called', '--event', '-'], '[1]')).stdout.toString())).toEqual({
      echo: [1],
    })
    const failed = await run(['invoke', 'called', '--event', '{"fails":true}'])
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('The function called failed') })
    expect(JSON.parse(failed.stdout.toString())).toMatchObject({
      errorType: 'TypeError',
      errorMessage: 'as asked',
    })
    expect(await run(['invoke', 'called', '--event', '{"n":'])).toMatchObject({ code: 2 })
    expect(await run(['invoke', 'gone'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('There is no function gone'),
    })
  })

  it('follows what a function prints, from before it printed anything', async () => {
    await run('create printing --handler ./enrich.mjs'.split(' '))
    const following = startForTest(['function', 'logs', 'printing', '--follow', '--json'])
    const lines = createInterface({ input: following.stdout! })[Symbol.asyncIterator]()
    await run(['invoke', 'printing', '--event', '"now"'])
    const texts: string[] = []
    while (texts.length < 4) {
      const { value } = (await lines.next()) as { value: string }
      texts.push((JSON.parse(value) as { line: string }).line)
    }
    expect(texts[0]).toMatch(/^START RequestId: /)
    expect(texts[1]).toBe('got "now"')
    expect(texts[3]).toMatch(/^REPORT RequestId: /)
    const shown = await run(['logs', 'printing'])
    expect(shown.stdout.toString()).toMatch(/^\d{4}-\S+Z {2}START RequestId: [^]*got "now"/)
  })

  it('says what helps where there are no records to pass over, but a destination that is gone', async () => {
    await output('stream create untold')
    await writeFile(join(folder(), 'never.mjs'), 'export const handler = () => { throw new Error("never") }')
    await run(
      'create untold --stream untold --handler ./never.mjs --retries 0 --on-failure delivery:gone'.split(' '),
    )
    await output('put untold one')
    await expect.poll(() => output('function describe untold')).toContain('failureDestination')
    expect(await run(['skip', 'untold', '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--no-on-failure'),
    })
    expect(await run(['update', 'untold', '--no-on-failure'])).toMatchObject({ code: 0 })
    await expect.poll(() => output('function describe untold')).toMatch(/behind +0 records/)
    await output('function delete untold --yes')
  })

  it('pauses, resumes and deletes a function', async () => {
    await output('stream create paused')
    await run('create paused --stream paused --handler ./enrich.mjs'.split(' '))
    expect(await output('function pause paused')).toBe('Paused paused for paused.\n')
    expect(await output('function describe paused')).toMatch(/state\s+disabled/)
    expect(await output('function resume paused')).toBe('Resumed paused for paused.\n')
    expect(await run(['pause', 'paused', '--stream', 'other'])).toMatchObject({ code: 4 })
    expect(await run(['skip', 'paused', '--from', '1', '--to', '2'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--shard'),
    })
    expect(await run(['skip', 'paused', '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('stands still nowhere'),
    })
    expect(
      await run('skip paused --shard shardId-000000000000 --from 5 --to 5 --json'.split(' ')),
    ).toMatchObject({ code: 0 })
    const { mappings } = JSON.parse(await output('function describe paused --json')) as {
      mappings: { mapping: object }[]
    }
    expect(mappings[0]!.mapping).toMatchObject({
      skips: [{ shardId: 'shardId-000000000000', from: 5, to: 6 }],
    })
    expect(await output('function delete paused --yes')).toBe('Deleted paused.\n')
    expect(await millrace('function describe paused')).toMatchObject({ code: 4 })
  })
})

describe('without the app', () => {
  it('says that nobody runs functions', async () => {
    const { TestDaemon } = await import('../../../support/daemon.ts')
    await using alone = await TestDaemon.start()
    const options = { url: alone.url, cwd: folder() }
    const made = await command('function create lonely --handler ./enrich.mjs'.split(' '), options)
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('Nobody runs functions yet') })
    expect(await command(['function', 'invoke', 'lonely'], options)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Nobody runs functions'),
    })
    expect(await command(['function', 'logs', 'lonely'], options)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('No function has printed anything yet'),
    })
  })
})
