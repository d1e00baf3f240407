// `millrace key`, and the verbs that encrypt and decrypt with its directory: keys are files for their owner alone, a rotation keeps what
// is old readable, and an erased key is gone and says what went with it.
import { execFileSync } from 'node:child_process'
import { readdir, readFile, rm, stat, writeFile, chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileKeys, MillraceError, type Key } from 'millrace'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../../../support/disk/temporary.ts'
import { command } from '../../command.ts'
import { daemonCommands } from '../../support/daemon-commands.ts'

const { millrace, output } = daemonCommands()

const created = async (...args: string[]) => {
  const { code, stdout, stderr } = await command(['key', 'create', ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('is lost without its key') })
  return stdout.toString().trim()
}
const outcomeOf = async (promise: Promise<Key | undefined> | Key | undefined) => {
  try {
    return (await promise)?.id
  } catch (error) {
    return MillraceError.is(error) ? `${error.code}: ${error.message}` : `error: ${(error as Error).message}`
  }
}

describe('millrace key', () => {
  it('creates files of 32 bytes for their owner alone, and names the newest one', async () => {
    await using directory = await temporaryDirectory()
    const dir = join(directory.path, 'keys')
    const first = await created('--dir', dir)
    const second = await created('--dir', dir, '--id', 'second')
    const third = await created('--dir', dir, '--stream', 'orders')
    expect(second).toBe('second')
    const files = [`${first}.key`, 'second.key', `stream.orders/${third}.key`]
    const bytes = await Promise.all(files.map((name) => readFile(join(dir, name))))
    expect(bytes.map(({ length }) => length)).toEqual([32, 32, 32])
    expect(new Set(bytes.map(String)).size).toBe(3)
    for (const name of [...files, 'current']) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
    expect((await readdir(dir)).toSorted()).toEqual([`${first}.key`, 'current', 'second.key', 'stream.orders'].toSorted()) // prettier-ignore

    const keys = fileKeys(dir)
    expect(await outcomeOf(keys.current('clicks'))).toBe('second')
    expect(await outcomeOf(keys.current('orders'))).toBe(third)
    expect(await outcomeOf(keys.key(first, 'clicks'))).toBe(first)
    expect(await outcomeOf(keys.key(first, 'orders'))).toBe(first)
    expect(await outcomeOf(keys.key(third, 'clicks'))).toBeUndefined()

    const listed = await command(['key', 'list', '--dir', dir, '--json'])
    expect(JSON.parse(listed.stdout.toString())).toMatchObject([
      { id: first, stream: null, isCurrent: false },
      { id: 'second', stream: null, isCurrent: true },
      { id: third, stream: 'orders', isCurrent: true },
    ])
    const again = await command(['key', 'create', '--dir', dir, '--id', 'second'])
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('never overwritten')])
    expect(await readFile(join(dir, 'second.key'))).toEqual(bytes[1])
  })

  it('erases a key, but not the one that encrypts unless it is forced', async () => {
    await using directory = await temporaryDirectory()
    const dir = join(directory.path, 'keys')
    await created('--dir', dir, '--id', 'old')
    await created('--dir', dir, '--id', 'new')
    const refused = await command(['key', 'erase', 'new', '--dir', dir])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('create another key first')])
    const unknown = await command(['key', 'erase', '../old', '--dir', dir])
    expect(unknown.stderr).toContain('has no key "../old"')
    const erased = await command(['key', 'erase', 'old', '--dir', dir])
    expect(erased.code).toBe(0)
    expect(erased.stdout.toString()).toBe('Erased old.\n')
    expect(erased.stderr).toContain('Every batch that was encrypted with old, in every stream, is unreadable')
    expect(await readdir(dir)).toEqual(['current', 'new.key'])
    const keys = fileKeys(dir)
    expect(await outcomeOf(keys.key('old', 'clicks'))).toBeUndefined()
    expect((await command(['key', 'erase', 'new', '--dir', dir, '--force'])).code).toBe(0)
    expect(await outcomeOf(keys.current('clicks'))).toMatch(/^keyUnavailable: .*names "new", and there is no such key.*millrace key create/) // prettier-ignore
    expect(await outcomeOf(keys.key('new', 'clicks'))).toBeUndefined()
  })

  it('asks for a key for all streams before one for a single stream', async () => {
    await using directory = await temporaryDirectory()
    const early = await command([
      'key',
      'create',
      '--dir',
      join(directory.path, 'keys'),
      '--stream',
      'orders',
    ])
    expect([early.code, early.stderr]).toEqual([
      1,
      expect.stringContaining('create that one first, without --stream'),
    ])
  })
})

it('an id means one key, be it for all streams or for one', async () => {
  await using directory = await temporaryDirectory()
  const dir = join(directory.path, 'keys')
  await created('--dir', dir, '--id', 'a')
  await created('--dir', dir, '--id', 'b', '--stream', 'orders')
  const create = (...args: string[]) => command(['key', 'create', '--dir', dir, ...args])
  for (const [args, place] of [
    [['--id', 'a', '--stream', 'orders'], 'a.key'],
    [['--id', 'b'], 'stream.orders/b.key'],
    [['--id', 'b', '--stream', 'other'], 'stream.orders/b.key'],
  ] as const) {
    const { code, stderr } = await create(...args)
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`${place} is there already: an id means one key`),
    ])
  }
  expect(await outcomeOf(fileKeys(dir).current('clicks'))).toBe('a')
  expect(await outcomeOf(fileKeys(dir).current('orders'))).toBe('b')
})

it('key list leaves out what else lies in the directory', async () => {
  await using directory = await temporaryDirectory()
  const dir = join(directory.path, 'keys')
  await created('--dir', dir, '--id', 'a')
  await mkdir(join(dir, 'stream.orders copy'))
  await mkdir(join(dir, 'b.key'))
  for (const name of ['stream.notes', 'of ours.key']) await writeFile(join(dir, name), 'x')
  const { code, stdout } = await command(['key', 'list', '--dir', dir, '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(String(stdout))).toMatchObject([{ id: 'a', stream: null }])
})

describe('fileKeys', () => {
  it.skipIf(process.platform === 'win32')('waits for no pipe, and takes no key of one', async () => {
    await using directory = await temporaryDirectory()
    const dir = join(directory.path, 'keys')
    await created('--dir', dir, '--id', 'a')
    for (const name of ['b.key', 'current']) {
      await rm(join(dir, name), { force: true })
      execFileSync('sh', ['-c', 'mkfifo "$0"', join(dir, name)])
    }
    expect(await outcomeOf(fileKeys(dir).key('b', 'clicks'))).toMatch(/^error: .*b\.key is not a file/)
    expect(await outcomeOf(fileKeys(dir).current('clicks'))).toMatch(/^error: .*current is not a file/)
  })

  it('takes an absent directory, or an empty mount, for an outage: no key looks erased', async () => {
    await using directory = await temporaryDirectory()
    const dir = join(directory.path, 'keys')
    const keys = fileKeys(dir)
    expect(await outcomeOf(keys.key('a', 'clicks'))).toMatch(/^error: .*no directory of keys/)
    expect(await outcomeOf(keys.current('clicks'))).toMatch(/^keyUnavailable: .*millrace key create --dir/)
    await mkdir(dir)
    expect(await outcomeOf(keys.key('a', 'clicks'))).toMatch(/^error: .*no directory of keys/)
  })

  it('reads no file outside of its directory, whatever id a batch has', async () => {
    await using directory = await temporaryDirectory()
    const dir = join(directory.path, 'keys')
    await created('--dir', dir)
    await writeFile(join(directory.path, 'outside.key'), Buffer.alloc(32), { mode: 0o600 })
    const keys = fileKeys(dir)
    for (const id of ['../outside', 'stream.a/../../outside', '..', '', 'a/b', 'x'.repeat(65)]) {
      expect(await outcomeOf(keys.key(id, 'clicks'))).toBeUndefined()
    }
    expect(await outcomeOf(keys.key('outside', '../../'))).toBeUndefined()
  })

  it('refuses a key of another length, and one that everyone can read', async () => {
    await using directory = await temporaryDirectory()
    const dir = join(directory.path, 'keys')
    await created('--dir', dir, '--id', 'a')
    const path = join(dir, 'a.key')
    const keys = fileKeys(dir)
    await chmod(path, 0o644)
    expect(await outcomeOf(keys.current('clicks'))).toMatch(/^error: .*can be read by everyone.*chmod 600/)
    await chmod(path, 0o600)
    await writeFile(path, Buffer.alloc(31))
    expect(await outcomeOf(keys.key('a', 'clicks'))).toMatch(/^error: .*has 31 bytes; a key has 32/)
  })
})

describe('--encryption-keys', () => {
  it('put, produce and consume encrypt and decrypt; without the keys consume names what is missing', async () => {
    await using directory = await temporaryDirectory()
    const dir = join(directory.path, 'keys')
    const old = await created('--dir', dir)
    await output('stream create private --shards 1')
    await output(`put private first --key ada --encryption-keys ${dir}`)
    await output(`produce private --quiet --compression gzip --encryption-keys ${dir}`, {
      input: 'second\nthird\n',
    })
    await created('--dir', dir)
    await output(`put private fourth --encryption-keys ${dir}`)
    await output('put private open')
    expect(await output(`consume private --encryption-keys ${dir}`)).toBe(
      'first\nsecond\nthird\nfourth\nopen\n',
    )
    expect(await output(`consume private --push --count 5 --encryption-keys ${dir}`)).toBe('first\nsecond\nthird\nfourth\nopen\n') // prettier-ignore
    expect(await output(`consume private --key ada --encryption-keys ${dir}`)).toBe('first\n')

    const without = await millrace('consume private')
    expect(without.code).toBe(1)
    expect(without.stderr).toMatch(/encrypted with key .*--encryption-keys/)
    const skipping = await millrace('consume private --skip-unreadable')
    expect(skipping.stdout.toString()).toBe('open\n')

    expect((await command(['key', 'erase', old, '--dir', dir, '--yes'])).code).toBe(0)
    const after = await millrace(`consume private --skip-unreadable --encryption-keys ${dir}`)
    expect(after.stdout.toString()).toBe('fourth\nopen\n')
    expect(after.stderr).toContain(`key ${old}, which the key provider does not have`)
    expect((await millrace(`consume private --encryption-keys ${dir}`)).stderr).toContain('it was erased')
    const nowhere = await millrace(`put private x --encryption-keys ${dir}-gone`)
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('millrace key create --dir')])
  })
})
