// Completion in the shells themselves: bash, and zsh and fish where they are installed.
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { command, launcher } from '../../command.ts'
import { daemonCommands } from '../../support/daemon-commands.ts'

const { daemon, output } = daemonCommands()

let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-completion-'))
  // The scripts run the command by its name.
  const bin = join(home, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'millrace'), `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`)
  await chmod(join(bin, 'millrace'), 0o755)
  for (const name of ['orders-eu', 'orders-us', 'clicks']) await output(`stream create ${name}`)
  await output('consumer register clicks dashboard')
  const added = await command(['profile', 'add', 'prod', '--url', daemon().url], {
    env: { XDG_CONFIG_HOME: home },
  })
  expect(added.code).toBe(0)
})
afterAll(() => rm(home, { recursive: true, force: true }))

const isInstalled = (shell: string): boolean => spawnSync(shell, ['--version']).error === undefined

function inShell(
  shell: string,
  args: readonly string[],
  url = daemon().url,
): { stdout: string; stderr: string } {
  const path = `${join(home, 'bin')}${delimiter}${process.env['PATH']}`
  const env = { ...process.env, PATH: path, XDG_CONFIG_HOME: home, MILLRACE_URL: url, LC_ALL: 'C.UTF-8' }
  const { stdout, stderr } = spawnSync(shell, args, { env, encoding: 'utf8', timeout: 60_000 })
  return { stdout, stderr }
}

const lines: readonly [string, readonly string[]][] = [
  ['millrace str', ['stream']],
  ['millrace stream cr', ['create']],
  ['millrace consume clicks --fol', ['--follow']],
  ['millrace stream describe or', ['orders-eu', 'orders-us']],
  ['millrace consumer describe clicks ', ['dashboard']],
  ['millrace shard split clicks ', ['shardId-000000000000']],
  ['millrace stream list --profile ', ['prod']],
  ['millrace stream describe --profile prod cl', ['clicks']],
  ['millrace nothing ', []],
]

/** Completes a line in bash, which splits it at the characters of COMP_WORDBREAKS; what it would put in is returned. */
function inBash(line: string, url?: string): { stdout: string; stderr: string } {
  const script = `
    source <(millrace completion bash)
    COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
    COMP_LINE=$1 COMP_POINT=\${#1}
    read -ra COMP_WORDS <<<"$1"
    _millrace
    printf '%s\\n' "\${COMPREPLY[@]}"`
  return inShell('bash', ['--norc', '-c', script, 'bash', line], url)
}

describe('bash', () => {
  it.each(lines)('%j', (line, candidates) => {
    const { stdout, stderr } = inBash(line)
    expect(stderr).toBe('')
    expect(stdout.split('\n').filter((text) => text !== '')).toEqual(candidates)
  })

  it('gives what comes after the character at which bash breaks a word', () => {
    expect(inBash('millrace consume clicks --format=j').stdout).toBe('json\n')
    expect(inBash(`millrace stream describe --url=${daemon().url} cl`).stdout).toBe('clicks\n')
  })

  it('is silent where no broker answers', () => {
    expect(inBash('millrace stream describe ', 'millrace://127.0.0.1:1')).toEqual({
      stdout: '\n',
      stderr: '',
    })
    expect(inBash('millrace stream describe ', 'no url')).toEqual({ stdout: '\n', stderr: '' })
  })

  it('does not hang where a broker takes the connection and says nothing', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => void sockets.push(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const args = ['completion', 'bash', '--candidates', '--', 'millrace stream describe ', ':']
      const { code, stdout, stderr } = await command(args, { url: `millrace://127.0.0.1:${port}` })
      expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 0, stdout: ':names\n', stderr: '' })
    } finally {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  })
})

describe('zsh, where it is installed', () => {
  it.skipIf(!isInstalled('zsh')).each(lines)('%j', (line, candidates) => {
    // The functions of zsh that draw a list are replaced by one that prints it.
    const script = `
      compdef() { : }
      _describe() { print -rl -- "\${(@P)argv[-1]}" }
      source <(millrace completion zsh)
      words=("\${(@s: :)1}")
      CURRENT=$#words PREFIX=$words[-1]
      _millrace`
    const { stdout, stderr } = inShell('zsh', ['-f', '-c', script, 'zsh', line])
    expect(stderr).toBe('')
    expect(stdout.split('\n').flatMap((text) => text.split(':')[0] || [])).toEqual(candidates)
  })
})

describe('fish, where it is installed', () => {
  it.skipIf(!isInstalled('fish')).each(lines)('%j', (line, candidates) => {
    const script = 'millrace completion fish | source; complete -C $argv[1]'
    const { stdout, stderr } = inShell('fish', ['--no-config', '-c', script, line])
    expect(stderr).toBe('')
    expect(stdout.split('\n').flatMap((text) => text.split('\t')[0] || [])).toEqual(candidates)
  })
})

describe('completion', () => {
  it('refuses a shell that it does not know', async () => {
    const { code, stderr } = await command(['completion', 'tcsh'])
    expect(code).toBe(2)
    expect(stderr).toContain('Allowed choices are bash, zsh, fish')
  })
})
