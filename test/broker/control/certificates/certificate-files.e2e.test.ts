// What a TLS directory may hold, and what is said of one that cannot be used.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCertificateFiles } from '../../../../broker/control/certificates/certificate-files.ts'
import { TestAuthority } from '../../../support/certificates.ts'

let dir: string
let authority: TestAuthority
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  authority = await TestAuthority.make()
  await write(await authority.sign(['localhost']))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function write(files: object) {
  for (const [name, text] of Object.entries(files))
    await writeFile(join(dir, `${name}.pem`), String(text), { mode: 0o600 })
}

const faultOf = async (clients: 'none' | 'optional' = 'none') =>
  readCertificateFiles(dir, clients).then(
    () => 'it can be used',
    (error: Error) => error.message,
  )

describe('a TLS directory', () => {
  it('holds a pair, and the authority of clients where certificates of clients are looked at', async () => {
    expect((await readCertificateFiles(dir, 'none')).served).toMatchObject({
      clients: 'none',
      clientsCa: null,
    })
    await write({ ca: authority.ca })
    const { served, authority: path } = await readCertificateFiles(dir, 'optional')
    expect([served.clientsCa, path]).toEqual([authority.ca, join(dir, 'ca.pem')])
    const clientsCa = (await TestAuthority.make()).ca
    await write({ 'clients-ca': clientsCa })
    expect((await readCertificateFiles(dir, 'optional')).served.clientsCa).toBe(clientsCa)
  })

  it('says when the first certificate of each file expires', async () => {
    const soon = await authority.sign(['localhost'], { endsAfterDays: 3 })
    await write({ ...soon, cert: `${soon.cert}${authority.ca}`, ca: authority.ca })
    const { expiry } = await readCertificateFiles(dir, 'optional')
    expect([...expiry.keys()]).toEqual(['cert.pem', 'ca.pem'])
    const days = (file: string) => Math.round((expiry.get(file)! - Date.now()) / 86_400_000)
    expect([days('cert.pem'), days('ca.pem')]).toEqual([3, 60])
  })
})

describe('a fault is told by file:', () => {
  it('a missing file, with what makes it', async () => {
    await rm(join(dir, 'key.pem'))
    expect(await faultOf()).toBe(
      `${dir} has no key.pem: put it there, or make cert.pem and key.pem with \`millrace tls init --dir ${dir}\`.`,
    )
    await rm(dir, { recursive: true })
    expect(await faultOf()).toContain('has no cert.pem')
  })

  it('files that do not belong together, are cut, or are something else', async () => {
    const { key } = await authority.sign(['localhost'])
    await write({ key })
    expect(await faultOf()).toBe(`${dir}/key.pem is not the key of cert.pem beside it.`)
    await write({ key: key.slice(0, 100) })
    expect(await faultOf()).toContain(`${dir}/key.pem holds no private key in PEM`)
    await write({ cert: authority.ca.slice(0, 200) })
    expect(await faultOf()).toContain(`${dir}/cert.pem holds no certificate in PEM`)
    await write({ cert: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' })
    expect(await faultOf()).toContain('or a broken one')
  })

  it('no authority for clients', async () => {
    expect(await faultOf('optional')).toContain(`${dir} has neither clients-ca.pem nor ca.pem`)
  })
})
