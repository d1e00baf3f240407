// `millrace delivery`: made, shown, changed and deleted by the compiled command, and carried out by the app in the daemon.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import type * as definitions from '../../../../apps/delivery/src/definitions/index.ts'
import type {
  DefinitionsModule,
  ShownDelivery,
} from '../../../../cli/verbs/apps/delivery/definitions-module.ts'
import { TestDaemon } from '../../../support/daemon.ts'
import { command } from '../../command.ts'

let daemon: TestDaemon
let directory: string
beforeAll(async () => {
  daemon = await TestDaemon.start({ with: 'delivery' })
  directory = await mkdtemp(join(tmpdir(), 'delivery-verbs-'))
  await run('stream', 'create', 'enriched')
})
afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

async function run(...args: readonly string[]) {
  const { code, stdout, stderr } = await command(args, { url: daemon.url, cwd: directory })
  return { code, stdout: stdout.toString(), stderr }
}

/** What a line prints as JSON. */
async function json(...args: readonly string[]): Promise<ShownDelivery> {
  const { code, stdout, stderr } = await run(...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as ShownDelivery
}

const fileCount = async (path: string) => {
  const names = await readdir(join(directory, path), { recursive: true, withFileTypes: true }).catch(() => [])
  return names.filter((entry) => entry.isFile()).length
}

/** Lines of all objects of a place, without errors. */
async function textsIn(path: string): Promise<string[]> {
  const place = join(directory, path)
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
  const paths = files.map(({ parentPath, name }) => join(parentPath, name))
  const objects = paths.filter((each) => !each.startsWith(join(place, 'errors')))
  const texts = await Promise.all(objects.map((each) => readFile(each, 'utf8')))
  return texts.flatMap((text) => text.split('\n').filter(Boolean))
}

describe('millrace delivery', () => {
  it('the app has what the verbs call', () => {
    type Names = keyof DefinitionsModule
    // The client of a verb and that of the app are one class, by two names.
    expectTypeOf<Parameters<DefinitionsModule['createDelivery']>[2]>().toExtend<
      Parameters<typeof definitions.createDelivery>[2]
    >()
    expectTypeOf<Parameters<DefinitionsModule['updateDelivery']>[2]>().toExtend<
      Parameters<typeof definitions.updateDelivery>[2]
    >()
    expectTypeOf<{ [N in Names]: ReturnType<(typeof definitions)[N]> }>().toExtend<{
      [N in Names]: ReturnType<DefinitionsModule[N]>
    }>()
  })

  it('makes a delivery to a directory below the working directory, and shows how far it is', async () => {
    await run('put', 'enriched', 'hello', '--key', 'k')
    const made = await run(
      'delivery',
      'create',
      'lake',
      '--stream',
      'enriched',
      '--to',
      './lake',
      '--buffer-interval',
      '0s',
    )
    expect(made).toEqual({ code: 0, stdout: 'Made the delivery lake of enriched.\n', stderr: '' })
    await expect.poll(() => fileCount('lake')).toBe(1)
    await expect
      .poll(async () => (await json('delivery', 'describe', 'lake')).progress[0]?.delivered)
      .toMatchObject({ records: 1, objects: 1, failed: 0 })
    const described = await json('delivery', 'describe', 'lake')
    expect(described).toMatchObject({
      name: 'lake',
      definition: {
        version: 1,
        state: 'active',
        destination: { type: 'directory', path: join(directory, 'lake') },
      },
      verdict: { verdict: 'accepted', version: 1 },
      group: { name: 'delivery.lake', streams: ['enriched'] },
    })
    const { stdout } = await run('delivery', 'describe', 'lake')
    expect(stdout).toContain('1 record in 1 object')
    expect((await run('delivery', 'list')).stdout).toContain('lake')
  })

  it('changes it, pauses it, resumes it and deletes it', async () => {
    const changed = await json('delivery', 'update', 'lake', '--compression', 'gzip', '--buffer-size', '1MiB')
    expect(changed.definition).toMatchObject({
      version: 2,
      compression: 'gzip',
      buffer: { bytes: 2 ** 20, intervalMs: 0 },
    })
    expect((await json('delivery', 'pause', 'lake')).definition.state).toBe('paused')
    expect((await json('delivery', 'resume', 'lake')).definition.state).toBe('active')
    expect(await run('delivery', 'delete', 'lake', '--yes')).toMatchObject({
      code: 0,
      stdout: 'Deleted lake.\n',
    })
    expect(await json('delivery', 'list')).toEqual([])
  })

  it('hides secrets', async () => {
    const made = await json(
      'delivery',
      'create',
      'hook',
      '--stream',
      'enriched',
      '--to',
      'https://example.org/in',
      '--access-key',
      'secret',
      '--backup',
      './failed',
    )
    expect(JSON.stringify(made)).not.toContain('secret"')
    expect(made.definition.destination).toMatchObject({ accessKey: '(hidden)' })
    expect(JSON.stringify(await json('delivery', 'describe', 'hook'))).not.toContain('"secret"')
    await run('delivery', 'delete', 'hook', '--yes')
  })

  it('replays error documents, says how many, and why one cannot be replayed', async () => {
    await run('delivery', 'create', 'again', '--to', './again', '--buffer-interval', '0s')
    const errors = join(directory, 'again/errors/processing-failed')
    await mkdir(errors, { recursive: true })
    const lineOf = (text: string) => `${JSON.stringify({ rawData: Buffer.from(text).toString('base64') })}\n`
    await writeFile(join(errors, 'again-1-a.jsonl'), lineOf('one') + lineOf('two'))
    await writeFile(join(errors, 'again-1-b.jsonl'), lineOf('three'))
    const some = await run(
      'delivery',
      'retry',
      'again',
      '--from',
      'errors/processing-failed/again-1-a',
      '--json',
    )
    expect({ ...some, stdout: JSON.parse(some.stdout) as object }).toMatchObject({
      code: 0,
      stderr: '',
      stdout: { state: 'done', documents: 1, records: 2 },
    })
    expect(await readdir(errors)).toEqual(['again-1-b.jsonl'])
    expect(await run('delivery', 'retry', 'again')).toEqual({
      code: 0,
      stdout: 'Replayed 1 error document with 1 record.\n',
      stderr: '',
    })
    expect(await readdir(errors)).toEqual([])
    expect((await textsIn('again')).sort()).toEqual(['one', 'three', 'two'])

    await writeFile(join(errors, 'again-1-c.jsonl'), `${lineOf('four')}half a line`)
    const failed = await run('delivery', 'retry', 'again')
    expect(failed.code).not.toBe(0)
    expect(failed.stderr).toContain('line 2')
    await writeFile(join(errors, 'again-1-c.jsonl'), lineOf('four'))
    expect(await run('delivery', 'retry', 'again', '--no-wait')).toMatchObject({
      code: 0,
      stdout: 'They are replayed as soon as an app comes to it.\n',
    })
    await expect.poll(async () => (await textsIn('again')).sort()).toEqual(['four', 'one', 'three', 'two'])
    expect((await run('delivery', 'retry', 'nope')).stderr).toContain('There is no delivery nope.')
    await run('delivery', 'pause', 'again')
    expect((await run('delivery', 'retry', 'again')).stderr).toContain('again is paused')
    await run('delivery', 'delete', 'again', '--yes')
  })

  it.each([
    [['--prefix', '!{timestamp:bb}'], 2, 'the letter b, which stands for nothing'],
    [['--time-zone', 'Mars/Base'], 2, 'is no time zone'],
    [['--buffer-size', '1B'], 2, 'it lies between 1 KiB and 4 GiB'],
    [['--column', 'a:BIGINT'], 2, 'go with --format parquet'],
    [['--partition-by', '.a.b // "x"'], 2, 'needs a name'],
    [['--to', 'ftp://host/x'], 2, 'is no place to deliver to'],
    [['--error-prefix', 'x!{timestamp:yyyy}/'], 2, 'must be one of them'],
    [['--partition-by', 'k=.a |'], 2, 'refused by jq'],
    [['--to', ''], 2, 'A place is empty'],
  ])('refuses %j with the place of the fault', async (args, code, message) => {
    const refused = await run('delivery', 'create', 'bad', '--stream', 'enriched', '--to', './bad', ...args)
    expect(refused.stderr).toContain(message)
    expect(refused.code).toBe(code)
  })

  it('says that there is no such stream, no such delivery, and that there is one already', async () => {
    const missing = await run('delivery', 'create', 'x', '--stream', 'nope', '--to', './x')
    expect(missing.stderr).toContain('nope')
    expect(missing.code).not.toBe(0)
    expect((await run('delivery', 'describe', 'nope')).stderr).toContain('There is no delivery nope.')
    await run('delivery', 'create', 'twice', '--to', './twice')
    expect((await run('delivery', 'create', 'twice', '--to', './twice')).stderr).toContain(
      'There is a delivery twice already',
    )
    await run('stream', 'create', 'taken.delivery')
    expect((await run('delivery', 'create', 'taken', '--to', './taken')).stderr).toContain(
      'The stream taken.delivery is there already',
    )
    expect((await run('stream', 'describe', 'twice.delivery')).code).toBe(0)
    await run('delivery', 'delete', 'twice', '--yes')
    expect((await run('stream', 'describe', 'twice.delivery')).code).not.toBe(0)
  })
})
