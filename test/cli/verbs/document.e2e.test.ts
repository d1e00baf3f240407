// The verbs of documents as a shell sees them: bytes in and out, conditions, and a watch that ends by Ctrl-C.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect } from 'millrace'
import { describe, expect, it } from 'vitest'
import { daemonCommands } from '../support/daemon-commands.ts'

const { daemon, folder, millrace, output, startForTest } = daemonCommands()

describe('document put and get', () => {
  it('carry text, standard input and files, byte for byte', async () => {
    const version = Number(await output('document put plans a {"steps":1}'))
    expect(version).toBeGreaterThan(0)
    expect(await output('document get plans a')).toBe('{"steps":1}')
    const bytes = Buffer.from([0, 255, 10, 27])
    const { version: second } = JSON.parse(await output('document put plans b --json', { input: bytes })) as {
      version: number
    }
    expect(second).toBeGreaterThan(version)
    expect((await millrace('document get plans b')).stdout).toEqual(bytes)
    expect(JSON.parse(await output('document get plans b --json'))).toEqual({
      name: 'b',
      version: second,
      updatedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      dataBase64: bytes.toString('base64'),
    })
    const file = join(folder(), 'plan.json')
    await writeFile(file, '{"steps":9}\n')
    await output(`document put plans c --file ${file}`)
    expect(await output('document get plans c')).toBe('{"steps":9}\n')
    expect(await millrace(`document put plans c text --file ${file}`)).toMatchObject({ code: 2 })
    const missing = await millrace(`document put plans c --file ${file}.not`)
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('does not exist')])
  })

  it('are what programs see, as JSON', async () => {
    await output('document put shared a {"steps":3}')
    await using client = await connect(daemon().url)
    const shared = client.documents<{ steps: number }>('shared')
    expect((await shared.get('a'))!.value).toEqual({ steps: 3 })
    await shared.put('b', { steps: 4 })
    expect(await output('document get shared b')).toBe('{"steps":4}')
  })

  it('and delete keep to the expected version, and say what is there', async () => {
    const version = Number(await output('document put kept a one --expected-version 0'))
    const conflict = await millrace('document put kept a two --expected-version 0')
    expect([conflict.code, conflict.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`has version ${version}.*millrace document get --json`)),
    ])
    await output(`document put kept a two --expected-version ${version}`)
    expect(await millrace(`document delete kept a --expected-version ${version}`)).toMatchObject({ code: 1 })
    expect(await millrace('document delete kept a --expected-version 0')).toMatchObject({ code: 2 })
    expect(await output('document delete kept a')).toBe('Deleted kept/a.\n')
    for (const verb of ['get', 'delete']) {
      expect(await millrace(`document ${verb} kept a`)).toMatchObject({
        code: 4,
        stderr: 'millrace: There is no document kept/a. See `millrace document list`.\n',
      })
    }
    expect(await millrace('document get Kept a')).toMatchObject({ code: 2 })
  })
})

describe('document list', () => {
  it('shows names, versions and sizes, all of them or some', async () => {
    for (const name of ['b', 'a/2', 'a/1']) await output(`document put listed ${name} x`)
    const table = await output('document list listed')
    expect(table).toMatch(/^NAME +VERSION +PUT AT +SIZE\na\/1 +\d+ +\S+Z +1 B\na\/2 .*\nb .*\n$/)
    const some = JSON.parse(await output('document list listed --prefix a/ --json')) as { name: string }[]
    expect(some.map(({ name }) => name)).toEqual(['a/1', 'a/2'])
    const none = await millrace('document list nothing')
    expect([none.code, none.stdout.toString(), none.stderr]).toEqual([
      0,
      '',
      'There is no such document of the kind nothing.\n',
    ])
  })
})

describe('document watch', () => {
  it('shows what is there and what changes, a line each, until Ctrl-C', async () => {
    await output('document put watched a {"steps":1}')
    const shown = startForTest(['document', 'watch', 'watched'])
    const printed = startForTest(['document', 'watch', 'watched', '--json', '--prefix', 'a'])
    const lines = [shown, printed].map((child) =>
      createInterface({ input: child.stdout! })[Symbol.asyncIterator](),
    )
    const next = async (at: number) => (await lines[at]!.next()).value as string
    expect(await next(0)).toMatch(/^put {5}a {2}\d+ {2}\{"steps":1\}$/)
    expect(JSON.parse(await next(1))).toMatchObject({ type: 'put', name: 'a', data: '{"steps":1}' })
    await output('document put watched a two', { input: '' })
    expect(await next(0)).toMatch(/^put {5}a {2}\d+ {2}two$/)
    expect(JSON.parse(await next(1))).toMatchObject({ type: 'put', name: 'a', data: 'two' })
    await output('document delete watched a')
    expect(await next(0)).toBe('delete  a')
    expect(JSON.parse(await next(1))).toEqual({ type: 'delete', name: 'a' })
    for (const child of [shown, printed]) {
      const ended = once(child, 'close')
      child.kill('SIGINT')
      expect((await ended)[0]).toBe(0)
    }
  })
})
