// Credentials in files: read at each dial, and kept while a file is being replaced.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tlsFiles, tokenFile } from '../../../client/index.ts'
import { TestAuthority } from '../../support/certificates.ts'

const [one, two] = ['A', 'E'].map((letter) => `mr_${letter.repeat(16)}_${letter.repeat(43)}`) as [
  string,
  string,
]

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-credentials-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

describe('tokenFile', () => {
  it('gives what the file holds at each call, without the blanks around it', async () => {
    const path = await file('shop.token', `${one}\n`)
    const ask = tokenFile(path)
    expect(await ask()).toBe(one)
    await writeFile(path, ` ${two} `)
    expect(await ask()).toBe(two)
  })

  it('gives the token from before while the file holds none, or is missing', async () => {
    const path = await file('rotated.token', one)
    const ask = tokenFile(path)
    await ask()
    await writeFile(path, '')
    expect(await ask()).toBe(one)
    await rm(path)
    expect(await ask()).toBe(one)
    await writeFile(path, two)
    expect(await ask()).toBe(two)
  })

  it('names the file that never had one', async () => {
    const missing = join(folder, 'none.token')
    await expect(tokenFile(missing)()).rejects.toMatchObject({
      code: 'invalidArgument',
      message: `${missing} cannot be read: it does not exist.`,
    })
    await expect(tokenFile(folder)()).rejects.toThrow(`${folder} cannot be read: it is a directory.`)
    const other = await file('other.token', 'planted')
    await expect(tokenFile(other)()).rejects.toMatchObject({
      message: `${other} holds no token: one reads mr_<id>_<secret>.`,
    })
  })
})

describe('tlsFiles', () => {
  it('gives the files as they are, and the pair from before while half of it is replaced', async () => {
    const authority = await TestAuthority.make()
    const [first, second] = [await authority.sign(['DNS:one']), await authority.sign(['DNS:two'])]
    const [ca, cert, key] = [
      await file('ca.pem', authority.ca),
      await file('a.pem', first.cert),
      await file('a.key', first.key),
    ]
    const ask = tlsFiles({ ca, cert, key, serverName: 'broker' })
    const before = { ca: authority.ca, cert: first.cert, key: first.key, serverName: 'broker' }
    expect(await ask()).toEqual(before)
    await writeFile(cert, second.cert)
    expect(await ask()).toEqual(before)
    await writeFile(key, second.key)
    expect(await ask()).toEqual({ ...before, cert: second.cert, key: second.key })
  })

  it('gives the authorities from before while their file is half written, and refuses what is none', async () => {
    const [one, two] = [(await TestAuthority.make()).ca, (await TestAuthority.make()).ca]
    const ca = await file('bundle.pem', '')
    const ask = tlsFiles({ ca })
    const refuses = (message: string) =>
      expect(ask()).rejects.toMatchObject({ code: 'invalidArgument', message })
    const none = `${ca} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----.`
    await refuses(none)
    await writeFile(ca, 'planted')
    await refuses(none)
    await writeFile(ca, `${one}${two.slice(0, 200)}`)
    await refuses(`${ca} holds a certificate that is damaged or cut off: number 2 of 2.`)
    const whole = `# ours\n${one}\n# theirs\n${two}`.replaceAll('\n', '\r\n')
    await writeFile(ca, whole)
    expect(await ask()).toEqual({ ca: whole })
    for (const half of ['', one.slice(0, 100), `${one}${two.slice(0, 200)}`]) {
      await writeFile(ca, half)
      expect(await ask()).toEqual({ ca: whole })
    }
  })

  it('refuses a key that is of another certificate, and files that are none', async () => {
    const authority = await TestAuthority.make()
    const [first, second] = [await authority.sign(['DNS:one']), await authority.sign(['DNS:two'])]
    const cert = await file('b.pem', first.cert)
    const key = await file('b.key', second.key)
    await expect(tlsFiles({ cert, key })()).rejects.toMatchObject({
      code: 'invalidArgument',
      message: `${key} is not the key of the certificate in ${cert}.`,
    })
    await writeFile(key, 'planted')
    await expect(tlsFiles({ cert, key })()).rejects.toThrow(
      `${cert} and ${key} are no certificate and key in PEM.`,
    )
  })
})
