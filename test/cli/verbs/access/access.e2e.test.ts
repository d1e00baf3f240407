// The verbs about tokens, principals and access keys, against a broker that wants to know who asks.
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../../../support/daemon.ts'
import { command } from '../../command.ts'

let daemon: TestDaemon
let home: string
beforeAll(async () => {
  daemon = await TestDaemon.start({ access: 'required' })
  home = await mkdtemp(join(tmpdir(), 'millrace-access-'))
})
afterAll(async () => {
  await rm(home, { recursive: true, force: true })
  await daemon[Symbol.asyncDispose]()
})

interface Text {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line as root, unless it is told whose token to show. */
async function millrace(args: string | readonly string[], token?: string): Promise<Text> {
  const words = typeof args === 'string' ? args.split(' ') : args
  const shown = token ?? (await readFile(join(daemon.dataDir, 'root.token'), 'utf8')).trim()
  const env = { XDG_CONFIG_HOME: home, MILLRACE_TOKEN: shown }
  const { code, stdout, stderr } = await command(words, { url: daemon.url, env, cwd: home })
  return { code, stdout: stdout.toString(), stderr }
}

async function output(args: string | readonly string[], token?: string): Promise<string> {
  const { code, stdout, stderr } = await millrace(args, token)
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('millrace:') as string })
  return stdout
}

const json = async (args: string, token?: string): Promise<unknown> => JSON.parse(await output(args, token))

const TOKEN = /^mr_([0-9A-Za-z]{16})_[\w-]{43}\n$/

describe('token', () => {
  it('is made, works for what it was granted and nothing else, and no more once it is revoked', async () => {
    await output('stream create orders-eu')
    await output('stream create payroll')
    const made = await millrace(
      'token create shop --grant orders-*:read,write --expires 30d --description till',
    )
    expect(made.code).toBe(0)
    // The token alone is on standard output, so that it can be sent to a file.
    expect(made.stdout).toMatch(TOKEN)
    const token = made.stdout.trim()
    const id = TOKEN.exec(made.stdout)![1]!
    expect(made.stderr).toMatch(
      new RegExp(`^Made the token ${id} for shop, until \\d{4}-.*It is shown this once\\.\\n$`),
    )

    await output('put orders-eu hello --key ada', token)
    expect(await output('consume orders-eu', token)).toBe('hello\n')
    const names = (await json('stream list --json', token)) as { name: string }[]
    expect(names.map(({ name }) => name)).toEqual(['orders-eu'])
    expect((await millrace('stream delete orders-eu --yes', token)).code).toBe(8)
    expect((await millrace('stream describe payroll', token)).code).toBe(4)

    expect(await json('token list --principal shop --json')).toEqual([
      expect.objectContaining({ id, principal: 'shop', description: 'till' }),
    ])
    const listed = await output('token list')
    expect(listed).toMatch(
      new RegExp(`^${id} +shop +till +\\d{4}-\\d\\d-\\d\\d +\\d{4}-\\d\\d-\\d\\d +`, 'm'),
    )
    expect(listed).not.toContain(token.slice(20))

    const misplaced = await millrace(['token', 'revoke', token])
    expect(misplaced.code).toBe(2)
    expect(misplaced.stderr).toContain(`Its id is ${id}: revoke that.`)
    expect(misplaced.stderr).not.toContain(token)
    expect(await output(`token revoke ${id}`)).toBe(`Revoked ${id}.\n`)
    expect((await millrace('stream list', token)).code).toBe(8)
    const again = await millrace(`token revoke ${id}`)
    expect(again.code).toBe(4)
    expect(again.stderr).toContain('See `millrace token list`')
  })

  it('goes to a file for its owner alone, and to nothing else', async () => {
    const path = join(home, 'till.token')
    const made = await millrace('token create till --grant orders-*:read --out till.token')
    expect(made).toMatchObject({ code: 0, stdout: '' })
    const token = await readFile(path, 'utf8')
    expect(token).toMatch(TOKEN)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(made.stderr).not.toContain(token.trim())
    const before = (await json('token list --principal till --json')) as unknown[]
    const second = await millrace('token create till --out till.token')
    expect(second.code).toBe(2)
    expect(second.stderr).toContain('till.token is there already. With --replace')
    // None was made that could not be kept.
    expect(await json('token list --principal till --json')).toHaveLength(before.length)
    const replaced = await json('token create till --out till.token --replace --json')
    expect(replaced).toMatchObject({ principal: 'till', file: 'till.token' })
    expect(replaced).not.toHaveProperty('token')
    expect(await readFile(path, 'utf8')).not.toBe(token)
  })

  it.each([
    ['token create x --grant orders', /"orders" is not a grant: it has no actions/],
    ['token create x --grant orders:fly', /"fly" is no action/],
    ['token create x --expires soon', /--expires soon is no time/],
    ['token create a/b', /a\/b/],
    ['token list --token mr_x', /unknown option '--token': a token is in a file/],
  ])('%s is refused', async (args, message) => {
    const { code, stdout, stderr } = await millrace(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })
})

describe('principal', () => {
  it('is given grants and loses them, and open use follows', async () => {
    await output('stream create clicks')
    const token = (await output('token create reader')).trim()
    expect((await millrace('stream describe clicks', token)).code).toBe(4)
    const granted = await output('principal grant reader clicks:read group:billing:read --expires 8h')
    expect(granted).toMatch(/^name +reader\n/)
    expect(granted).toMatch(/^clicks:read +\d{4}-/m)
    expect(granted).toMatch(/^group:billing:read +\d{4}-/m)
    await output('stream describe clicks', token)
    expect(await output('principal describe', token)).toMatch(/^name +reader\n/)
    await output('principal ungrant reader clicks:read')
    expect((await millrace('stream describe clicks', token)).code).toBe(4)
    expect(await json('principal describe reader --json')).toMatchObject({
      grants: [{ kind: 'group', pattern: 'billing', actions: ['read'] }],
    })
    expect(await output('principal list')).toMatch(/^reader +group:billing:read until /m)
    expect(await output('principal delete reader')).toBe('Deleted reader.\n')
    expect((await millrace('stream list', token)).code).toBe(8)
    expect((await millrace('principal describe reader')).code).toBe(4)
    expect((await millrace('principal ungrant reader clicks:read')).code).toBe(4)
  })

  it('has names in certificates', async () => {
    const named = await json(
      'principal certificate mill DNS:mill.example.org URI:spiffe://example.org/mill --json',
    )
    expect(named).toMatchObject({
      certificateNames: ['DNS:mill.example.org', 'URI:spiffe://example.org/mill'],
    })
    expect(await json('principal certificate mill --none --json')).toMatchObject({ certificateNames: [] })
    expect((await millrace('principal certificate mill')).code).toBe(2)
  })

  it('that may not pass grants on is refused', async () => {
    const token = (await output('token create clerk --grant orders-*:read')).trim()
    const { code, stderr } = await millrace('principal grant clerk *:*:admin', token)
    expect(code).toBe(8)
    expect(stderr).toContain('see `millrace principal describe` for what it may do.')
  })
})

describe('access-key', () => {
  it('is made, listed and revoked', async () => {
    await output('principal grant signer orders-*:read')
    const made = await output('access-key create signer --description sdk')
    const [, id, secret] = /^AWS_ACCESS_KEY_ID=(\S+)\nAWS_SECRET_ACCESS_KEY=(\S{40})\n$/.exec(made)!
    const listed = await output('access-key list')
    expect(listed).toMatch(new RegExp(`^${id} +signer +sdk `, 'm'))
    expect(listed).not.toContain(secret)
    expect(await output(`access-key revoke ${id}`)).toBe(`Revoked ${id}.\n`)
    expect(await json('access-key list --json')).toEqual([])
    expect((await millrace('access-key create nobody')).code).toBe(4)
  })
})

it('completes names of principals, tokens and keys', async () => {
  await output('principal grant bookkeeper orders-*:read')
  const asked = (line: string) => output(['completion', 'bash', '--candidates', '--', line, '=:'])
  expect(await asked('millrace principal describe book')).toBe(':names\nbookkeeper\n')
  const tokens = (await json('token list --json')) as { id: string }[]
  const [, ...completed] = (await asked('millrace token revoke ')).trim().split('\n')
  expect(completed).toEqual(tokens.map(({ id }) => id))
})

it('needs no settings where the token of root lies, by the profile that the daemon writes there', async () => {
  const { code, stdout, stderr } = await command(['principal', 'describe'], {
    env: { MILLRACE_DATA_DIR: daemon.dataDir },
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.toString()).toMatch(/^name +root\n/)
})
