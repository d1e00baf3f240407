// Credentials in files: read at each dial, and kept while a file is being replaced.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tlsFiles, tokenFile } from '../../../client/index.ts'
import { TestAuthority } from '../../support/certificates.ts'

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
    const path = await file('shop.token', 'one\n')
    const ask = tokenFile(path)
    expect(await ask()).toBe('one')
    await writeFile(path, ' two ')
    expect(await ask()).toBe('two')
  })

  it('gives the token from before while the file is empty or missing', async () => {
    const path = await file('rotated.token', 'one')
    const ask = tokenFile(path)
    await ask()
    await writeFile(path, '')
    expect(await ask()).toBe('one')
    await rm(path)
    expect(await ask()).toBe('one')
    await writeFile(path, 'two')
    expect(await ask()).toBe('two')
  })

  it('names the file that never had one', async () => {
    const missing = join(folder, 'none.token')
    await expect(tokenFile(missing)()).rejects.toMatchObject({
      code: 'invalidArgument',
      message: `${missing} cannot be read: it does not exist.`,
    })
    await expect(tokenFile(folder)()).rejects.toThrow(`${folder} cannot be read: it is a directory.`)
    const empty = await file('empty.token', '\n')
    await expect(tokenFile(empty)()).rejects.toThrow(`${empty} is empty; it must hold a token.`)
  })
})

describe('tlsFiles', () => {
  it('gives the files as they are, and the pair from before while half of it is replaced', async () => {
    const authority = await TestAuthority.make()
    const [one, two] = [await authority.sign(['DNS:one']), await authority.sign(['DNS:two'])]
    const [ca, cert, key] = [
      await file('ca.pem', authority.ca),
      await file('a.pem', one.cert),
      await file('a.key', one.key),
    ]
    const ask = tlsFiles({ ca, cert, key, serverName: 'broker' })
    const before = { ca: authority.ca, cert: one.cert, key: one.key, serverName: 'broker' }
    expect(await ask()).toEqual(before)
    await writeFile(cert, two.cert)
    expect(await ask()).toEqual(before)
    await writeFile(key, two.key)
    expect(await ask()).toEqual({ ...before, cert: two.cert, key: two.key })
  })

  it('refuses a key that is of another certificate, and files that are none', async () => {
    const authority = await TestAuthority.make()
    const [one, two] = [await authority.sign(['DNS:one']), await authority.sign(['DNS:two'])]
    const cert = await file('b.pem', one.cert)
    const key = await file('b.key', two.key)
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
