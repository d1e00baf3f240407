// `millrace tls`: what it writes, for whom, and what it leaves alone.
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { command } from '../../command.ts'

let dir: string
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'millrace-tls-')), 'tls')
})
afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }))

const init = (...args: string[]) => command(['tls', 'init', '--dir', dir, ...args])
const read = (name: string) => readFile(join(dir, name), 'utf8')
const modeOf = async (name: string) => ((await stat(join(dir, name))).mode & 0o777).toString(8)

describe('tls init', () => {
  it('makes an authority and a certificate for the names and this machine, and says what to do next', async () => {
    const { code, stdout, stderr } = await init('--name', 'broker.example.org', '--name', '10.1.2.3')
    expect([code, stderr]).toEqual([0, ''])
    expect(String(stdout)).toContain(`millrace serve --host 0.0.0.0 --tls-dir ${dir}`)
    expect(String(stdout)).toContain("connect('millraces://broker.example.org:7400'")
    const certificate = new X509Certificate(await read('cert.pem'))
    expect(certificate.verify(new X509Certificate(await read('ca.pem')).publicKey)).toBe(true)
    expect(certificate.subjectAltName).toBe(
      'DNS:broker.example.org, IP Address:10.1.2.3, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    )
    expect((await readdir(dir)).sort()).toEqual(['ca-key.pem', 'ca.pem', 'cert.pem', 'key.pem'])
    expect([await modeOf('ca-key.pem'), await modeOf('key.pem')]).toEqual(['600', '600'])
  })

  it('overwrites nothing; without the pair, it makes a new one by the authority that is there', async () => {
    await init()
    const before = await Promise.all(['ca.pem', 'ca-key.pem', 'cert.pem', 'key.pem'].map(read))
    const again = await init()
    expect(again.code).toBe(1)
    expect(again.stderr).toContain(`${dir}/cert.pem is there already, and is not overwritten.`)
    expect(await Promise.all(['ca.pem', 'ca-key.pem', 'cert.pem', 'key.pem'].map(read))).toEqual(before)
    await rm(join(dir, 'cert.pem'))
    expect((await init()).stderr).toContain(`${dir}/key.pem is there already`)
    await rm(join(dir, 'key.pem'))
    expect((await init()).code).toBe(0)
    expect(await read('ca.pem')).toBe(before[0])
    const authority = new X509Certificate(await read('ca.pem'))
    expect(new X509Certificate(await read('cert.pem')).verify(authority.publicKey)).toBe(true)
  })

  it('refuses an authority without its key, and names that no certificate can have', async () => {
    await init()
    for (const name of ['cert.pem', 'key.pem', 'ca-key.pem']) await rm(join(dir, name))
    expect((await init()).stderr).toContain(`${dir} has ca.pem without ca-key.pem`)
    for (const name of [
      'a b',
      'a,DNS:b',
      'bücher.example',
      '',
      'a:7400',
      '[::1]',
      'https://a',
      'a@b',
      '*',
      'a..b',
      'a.',
      'x'.repeat(64),
    ]) {
      const { code, stderr } = await init('--name', name)
      expect([code, stderr]).toEqual([2, expect.stringContaining('Expected a host name')])
    }
  })
})

it.each([
  [['*.example.org', 'a.example.org'], 'millraces://a.example.org:7400'],
  [['*.example.org'], 'millraces://localhost:7400'],
  [['fd00::7'], 'millraces://[fd00::7]:7400'],
])('tls init for %j says a url by which the broker is found', async (names, url) => {
  const { code, stdout } = await init(...names.flatMap((name) => ['--name', name]))
  expect(code).toBe(0)
  expect(String(stdout)).toContain(`connect('${url}'`)
})

describe('tls client', () => {
  it('takes a name that is longer than the name of a file can be', async () => {
    await init()
    const name = `spiffe://example.org/${'x'.repeat(230)}`
    const { code, stderr } = await command(['tls', 'client', '--dir', dir, '--name', name])
    expect([code, stderr]).toEqual([0, ''])
    const made = (await readdir(dir)).find((file) => file.startsWith('client-') && !file.endsWith('-key.pem'))
    expect(new X509Certificate(await read(made!)).subjectAltName).toBe(`URI:${name}`)
  })

  it('makes a certificate that names the client, by the authority of the directory', async () => {
    await init()
    for (const [name, file, written] of [
      ['shop', 'client-shop', 'DNS:shop'],
      ['spiffe://example.org/shop', 'client-spiffe-example.org-shop', 'URI:spiffe://example.org/shop'],
      ['../../shop@example.org', 'client-shop@example.org', 'email:../../shop@example.org'],
    ] as const) {
      const { code, stdout, stderr } = await command(['tls', 'client', '--dir', dir, '--name', name])
      expect([code, stderr]).toEqual([0, ''])
      expect(String(stdout)).toContain('--tls-clients optional')
      expect(String(stdout)).toContain(`millrace principal certificate PRINCIPAL ${written}`)
      const certificate = new X509Certificate(await read(`${file}.pem`))
      expect(certificate.subjectAltName).toBe(written)
      expect(certificate.verify(new X509Certificate(await read('ca.pem')).publicKey)).toBe(true)
      expect(await modeOf(`${file}-key.pem`)).toBe('600')
    }
    const again = await command(['tls', 'client', '--dir', dir, '--name', 'shop'])
    expect(again.stderr).toContain('is not overwritten')
  })

  it('says what to do first where there is no authority', async () => {
    const { code, stderr } = await command(['tls', 'client', '--dir', dir, '--name', 'shop'])
    expect([code, stderr]).toEqual([
      1,
      `millrace: ${dir} has no ca.pem: make it first, with \`millrace tls init\`.\n`,
    ])
  })
})
