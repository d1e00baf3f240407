// The verbs of profiles as a shell sees them, and the file that they leave behind.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { command, type CommandResult } from '../../command.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-profile-'))
})
afterEach(() => rm(home, { recursive: true }))

const millrace = (args: string, env: Record<string, string> = {}): Promise<CommandResult> =>
  command(args.split(' '), { cwd: home, env: { XDG_CONFIG_HOME: join(home, 'config'), ...env } })

async function output(args: string): Promise<string> {
  const { code, stdout, stderr } = await millrace(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.toString()
}

it('adds, lists, uses, shows and removes profiles', async () => {
  await writeFile(join(home, 'shop.token'), 'mr_planted-secret', { mode: 0o600 })
  expect(await output('profile add lan --url millrace://127.0.0.1:1 --token-file ./shop.token')).toBe(
    'Added lan. Use it with `millrace profile use lan`.\n',
  )
  await output('profile add other --url millrace://127.0.0.1:2')
  expect(await output('profile use lan')).toBe('Using lan.\n')
  expect(await output('profile list')).toMatch(/^\* +lan +millrace:\/\/127\.0\.0\.1:1 /m)
  const tokenFile = join(home, 'shop.token')
  expect(JSON.parse(await output('profile list --json'))).toEqual([
    { name: 'lan', isUsed: true, url: 'millrace://127.0.0.1:1', tokenFile },
    { name: 'other', isUsed: false, url: 'millrace://127.0.0.1:2' },
  ])
  expect(await output('profile show other')).toMatch(/^name +other\nurl +millrace:\/\/127\.0\.0\.1:2\n$/)
  expect(JSON.parse(await output('profile show --json'))).toEqual({
    url: { value: 'millrace://127.0.0.1:1', origin: 'profile lan' },
    token: { path: tokenFile, origin: 'profile lan' },
  })
  const shown = [await output('profile list'), await output('profile show lan'), await output('profile show')]
  expect(shown.join()).not.toContain('planted')
  expect(await output('profile remove lan')).toBe('Removed lan. No profile is in use now.\n')
  expect(await output('profile show')).toMatch(/^url +millrace:\/\/127\.0\.0\.1:7400 \(default\)\n/)
})

it('leaves a file that only its owner can read, in a directory that only its owner can enter, and nothing beside it', async () => {
  const folder = join(home, 'config', 'millrace')
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o755)
  await output('profile add lan --url millrace://lan:7400')
  await output('profile add lan --url millrace://lan:7401 --replace')
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  expect(await readdir(folder)).toEqual(['profiles.json'])
  const path = join(folder, 'profiles.json')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
    profiles: { lan: { url: 'millrace://lan:7401' } },
  })
})

it('a verb goes to the broker of the profile, and says so where that does not answer', async () => {
  await output('profile add gone --url millrace://127.0.0.1:1')
  await output('profile use gone')
  const { code, stderr } = await millrace('stream list')
  expect(code).toBe(3)
  expect(stderr).toContain(
    'No broker answers at millrace://127.0.0.1:1 (profile gone): nothing listens there.',
  )
})

it.each([
  ['profile add lan --url broker:7400', /is not a broker's url/],
  ['profile add -x --url millrace://a', /unknown option|cannot be the name/],
  [
    'profile add lan --url millrace://a --token-file ./none',
    /--token-file names .*none, which does not exist\./,
  ],
  ['profile add lan --url millrace://a --ca ./ca.pem', /--ca is for TLS, and millrace:\/\/a has none/],
  ['profile add lan --url millrace://a --cert ./a.pem', /--cert and --cert-key are a pair/],
  ['profile use nowhere', /There is no profile nowhere\. There is taken\./],
  ['profile use', /Name a profile, or ask for --none/],
  ['profile show nowhere', /There is no profile nowhere/],
  ['profile remove nowhere', /There is no profile nowhere/],
  ['profile add taken --url millrace://a', /There is a profile taken already\. With --replace/],
  ['stream list --profile nowhere', /--profile: There is no profile nowhere\. There is taken\./],
])('%s is refused in a sentence', async (args, message) => {
  await output('profile add taken --url millrace://taken:7400')
  const { code, stderr } = await millrace(args)
  expect(stderr).toMatch(message)
  expect(code).toBe(2)
})

it('says that a variable goes before the profile that is put in use', async () => {
  await output('profile add lan --url millrace://lan:7400')
  const { code, stderr } = await millrace('profile use lan', { MILLRACE_URL: 'millrace://a' })
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'millrace: MILLRACE_URL is set here, and goes before the profile in use.\n',
  })
})

it('refuses a file that another version wrote, by the name of what is new', async () => {
  const folder = join(home, 'config', 'millrace')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'profiles.json'), '{"profiles":{},"order":[]}')
  const { code, stderr } = await millrace('stream list')
  expect(code).toBe(2)
  expect(stderr).toMatch(/profiles\.json has the field order, which this version does not know/)
})

it('loses nothing where several commands change profiles at once', async () => {
  const names = Array.from({ length: 6 }, (_, i) => `p${i}`)
  const results = await Promise.all(
    names.map((name) => millrace(`profile add ${name} --url millrace://lan:7400`)),
  )
  expect(results.map(({ code }) => code)).toEqual(names.map(() => 0))
  const listed = JSON.parse(await output('profile list --json')) as { name: string }[]
  expect(listed.map(({ name }) => name)).toEqual(names)
  expect(await readdir(join(home, 'config', 'millrace'))).toEqual(['profiles.json'])
})

it('goes on after a command that was killed while it changed profiles', async () => {
  const folder = join(home, 'config', 'millrace')
  await mkdir(folder, { recursive: true })
  const lock = join(folder, 'profiles.json.lock')
  await writeFile(lock, '')
  const longAgo = new Date(Date.now() - 3_600_000)
  await utimes(lock, longAgo, longAgo)
  await output('profile add lan --url millrace://lan:7400')
  expect(await readdir(folder)).toEqual(['profiles.json'])
})

it('takes no profiles from the directory that one happens to be in, where HOME is no absolute path', async () => {
  await mkdir(join(home, '.config', 'millrace'), { recursive: true })
  const evil = { use: 'evil', profiles: { evil: { url: 'millrace://evil.example:7400' } } }
  await writeFile(join(home, '.config', 'millrace', 'profiles.json'), JSON.stringify(evil))
  for (const HOME of ['', '.']) {
    const { code, stdout } = await millrace('profile show', { HOME, XDG_CONFIG_HOME: '' })
    expect([code, String(stdout)]).toEqual([0, expect.stringContaining('(default)')])
    const add = await millrace('profile add lan --url millrace://lan:7400', { HOME, XDG_CONFIG_HOME: '' })
    expect([add.code, add.stderr]).toEqual([1, expect.stringContaining('set HOME or XDG_CONFIG_HOME')])
  }
})
