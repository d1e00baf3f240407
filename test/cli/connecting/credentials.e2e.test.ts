// Tokens on the command line: where they may come from, that they are sent, and what is said of a file that others can read.
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../../support/daemon.ts'
import { command, type CommandResult } from '../command.ts'

let daemon: TestDaemon
let home: string
let rootToken: string
beforeAll(async () => {
  daemon = await TestDaemon.start({ access: 'required' })
  home = await mkdtemp(join(tmpdir(), 'millrace-tokens-'))
  rootToken = (await readFile(join(daemon.dataDir, 'root.token'), 'utf8')).trim()
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

async function millrace(args: string, env: Record<string, string> = {}): Promise<Text> {
  const all = { XDG_CONFIG_HOME: home, ...env }
  const { code, stdout, stderr }: CommandResult = await command(args.split(' '), { env: all, cwd: home })
  return { code, stdout: stdout.toString(), stderr }
}

async function tokenFile(name: string, content: string, mode = 0o600): Promise<string> {
  const path = join(home, name)
  await writeFile(path, content)
  await chmod(path, mode)
  return path
}

describe('a token', () => {
  it.each(['flag', 'variable', 'value', 'profile'])('is sent that a %s names', async (kind) => {
    const path = await tokenFile('good.token', `${rootToken}\n`)
    const url = { MILLRACE_URL: daemon.url }
    await millrace(`profile add secured --url ${daemon.url} --token-file ${path} --replace`)
    const cases: Record<string, () => Promise<Text>> = {
      flag: () => millrace(`status --token-file ${path}`, url),
      variable: () => millrace('status', { ...url, MILLRACE_TOKEN_FILE: path }),
      value: () => millrace('status', { ...url, MILLRACE_TOKEN: rootToken }),
      profile: () => millrace('status --profile secured'),
    }
    expect(await cases[kind]!()).toMatchObject({ code: 0, stderr: '' })
  })

  it('that others can read is used, and it is said', async () => {
    const path = await tokenFile('open.token', rootToken, 0o644)
    const { code, stderr } = await millrace(`status --url ${daemon.url} --token-file ${path}`)
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `millrace: The token in ${path} can be read by others than its owner: chmod 600 ${path}\n`,
    })
  })

  it('that is missing or wrong is told by where it came from, and never shown', async () => {
    const none = await millrace(`status --url ${daemon.url}`)
    expect(none.code).toBe(8)
    expect(none.stderr).toMatch(/Give a token: --token-file, MILLRACE_TOKEN_FILE or MILLRACE_TOKEN/)
    const wrong = rootToken.slice(0, -8) + 'AAAAAAA' + rootToken.slice(-1)
    const refused = await millrace('status', { MILLRACE_URL: daemon.url, MILLRACE_TOKEN: wrong })
    expect(refused.code).toBe(8)
    expect(refused.stderr).toMatch(/The token is that of MILLRACE_TOKEN\.\n$/)
    expect(refused.stderr).not.toContain(wrong.slice(-20))
  })

  it.each([
    [
      'a file that is not there',
      'none.token',
      undefined,
      /--token-file names the token file .*none\.token, which does not exist/,
    ],
    [
      'a file of something else',
      'else.token',
      'planted',
      /else\.token holds no token: one reads mr_<id>_<secret>/,
    ],
  ])('cannot be %s', async (_, name, content, message) => {
    const path = content === undefined ? join(home, name) : await tokenFile(name, content)
    const { code, stderr } = await millrace(`status --url ${daemon.url} --token-file ${path}`)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('planted')
  })

  it('in the environment must look like one', async () => {
    const { code, stderr } = await millrace('status', { MILLRACE_URL: daemon.url, MILLRACE_TOKEN: 'planted' })
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'millrace: MILLRACE_TOKEN holds no token: one reads mr_<id>_<secret>.\n',
    })
  })

  it('of a local profile is that which lies beside it, and no link to another', async () => {
    const data = await mkdtemp(join(home, 'data-'))
    const elsewhere = await tokenFile('elsewhere.token', rootToken)
    const profile = { url: daemon.url, tokenFile: '/moved/since/root.token' }
    await writeFile(join(data, 'local-profile.json'), JSON.stringify(profile))
    const env = { MILLRACE_DATA_DIR: data }
    await symlink(elsewhere, join(data, 'root.token'))
    const linked = await millrace('status', env)
    expect(linked.code).toBe(2)
    expect(linked.stderr).toContain('root.token is a link')
    await rm(join(data, 'root.token'))
    await writeFile(join(data, 'root.token'), rootToken, { mode: 0o600 })
    expect(await millrace('status', env)).toMatchObject({ code: 0, stderr: '' })
  })
})
