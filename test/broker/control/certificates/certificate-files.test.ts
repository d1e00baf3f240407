// The TLS directory as a broker reads it: what is wrong with it is said in one sentence, and who else may read the key is told.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readCertificateFiles } from '../../../../broker/control/certificates/certificate-files.ts'
import { TestAuthority } from '../../../support/certificates.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const write = (name: string, text: string) => writeFile(join(dir, name), text, { mode: 0o600 })
const faultOf = async (clients: 'none' | 'required' = 'none') => {
  const error: unknown = await readCertificateFiles(dir, clients).catch((thrown: unknown) => thrown)
  return error instanceof Error ? error.message : 'none'
}

it('says what is missing, what does not fit together, and what to do', async () => {
  const authority = await TestAuthority.make()
  const pair = await authority.sign(['localhost'])
  expect(await faultOf()).toBe(
    `${dir} has no cert.pem: put it there, or make cert.pem and key.pem with \`millrace tls init --dir ${dir}\`.`,
  )
  await write('cert.pem', pair.cert)
  expect(await faultOf()).toContain(`${dir} has no key.pem`)
  await write('key.pem', authority.pair.key)
  expect(await faultOf()).toBe(`${dir}/key.pem is not the key of cert.pem beside it.`)
  await write('key.pem', pair.cert)
  expect(await faultOf()).toContain('holds no private key in PEM')
  await write('key.pem', pair.key)
  expect(await faultOf()).toBe('none')
  expect(await faultOf('required')).toContain('has neither clients-ca.pem nor ca.pem')
})

it('refuses a chain that is half written', async () => {
  const authority = await TestAuthority.make()
  const pair = await authority.sign(['localhost'])
  await write('key.pem', pair.key)
  await write('cert.pem', pair.cert + authority.ca)
  expect(await faultOf()).toBe('none')
  await write('cert.pem', pair.cert + authority.ca.slice(0, authority.ca.length / 2))
  expect(await faultOf()).toMatch(/cannot be served \(.+\): write the files anew/)
})

it.skipIf(process.platform === 'win32')('tells of a key that others than its owner can read', async () => {
  const authority = await TestAuthority.make()
  const pair = await authority.sign(['localhost'])
  await write('cert.pem', pair.cert)
  await write('key.pem', pair.key)
  const exposureAt = async (mode: number) => {
    await chmod(join(dir, 'key.pem'), mode)
    return (await readCertificateFiles(dir, 'none')).exposure
  }
  expect(await exposureAt(0o600)).toBeUndefined()
  for (const mode of [0o640, 0o604, 0o660]) {
    expect(await exposureAt(mode)).toContain(`chmod 600 ${dir}/key.pem`)
  }
})
