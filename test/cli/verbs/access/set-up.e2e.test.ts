// A broker for a network, set up from nothing by the lines of the documentation: certificates, a token, a profile.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { command, launcher, startCommand } from '../../command.ts'
import { freePort } from '../../../support/ports.ts'
import { once } from 'node:events'

const DEADLINE_MS = 60_000

let home: string
let stop: () => Promise<void>
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-set-up-'))
  stop = () => Promise.resolve()
})
afterEach(async () => {
  await stop()
  await rm(home, { recursive: true, force: true })
})

const env = () => ({ XDG_CONFIG_HOME: join(home, 'config') })

async function millrace(args: string, more: Record<string, string> = {}) {
  const { code, stdout, stderr } = await command(args.split(' '), { cwd: home, env: { ...env(), ...more } })
  return { code, stdout: stdout.toString(), stderr }
}

async function output(args: string): Promise<string> {
  const { code, stdout, stderr } = await millrace(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('millrace:') as string })
  return stdout
}

it('is served, granted, named and completed', async () => {
  await output('tls init --dir ./tls --name localhost')
  const port = await freePort()
  const ports = ['--port', String(port), '--host-port-base', '0', '--admin-port', '0']
  const broker = startCommand(['serve', '--tls-dir', './tls', ...ports], { cwd: home, env: env() })
  broker.stderr!.resume()
  broker.stdout!.resume()
  stop = async () => {
    if (broker.exitCode !== null) return
    broker.kill('SIGTERM')
    await once(broker, 'exit')
  }
  // In the directory of the broker, its own profile says where it is and who asks.
  const local = join(home, 'data', 'local-profile.json')
  await expect.poll(() => existsSync(local), { timeout: DEADLINE_MS }).toBe(true)
  await expect
    .poll(async () => (await millrace('status')).code, { timeout: DEADLINE_MS, interval: 200 })
    .toBe(0)
  await output('stream create orders-eu')
  await output('token create shop --grant orders-*:read,write --expires 30d --out shop.token')

  const url = `millraces://localhost:${port}`
  await output(`profile add prod --url ${url} --ca ./tls/ca.pem --token-file ./shop.token`)
  await output('profile use prod')
  await output('put orders-eu hello')
  expect(await output('consume orders-eu')).toBe('hello\n')
  expect((await millrace('stream create payroll')).code).toBe(8)

  // Neither goes along with another url: not the authority, and not the token.
  const untrusted = await millrace(`stream list --url ${url}`)
  expect(untrusted.code).toBe(3)
  expect(untrusted.stderr).toMatch(/does not trust the certificate there .*--ca on the command line/)
  const unknown = await millrace(`stream list --url ${url} --ca ./tls/ca.pem`)
  expect(unknown.code).toBe(8)
  expect(unknown.stderr).toContain('Give a token: --token-file')

  const bin = join(home, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'millrace'), `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`)
  await chmod(join(bin, 'millrace'), 0o755)
  const script = `source <(millrace completion bash)
    COMP_LINE='millrace stream describe ' COMP_POINT=25; COMP_WORDS=(millrace stream describe ''); _millrace
    echo "\${COMPREPLY[@]}"`
  const path = `${bin}${delimiter}${process.env['PATH']}`
  const shell = spawnSync('bash', ['--norc', '-c', script], {
    env: { ...process.env, ...env(), PATH: path },
    cwd: home,
    encoding: 'utf8',
    timeout: DEADLINE_MS,
  })
  expect(shell.stdout).toBe('orders-eu\n')
})
