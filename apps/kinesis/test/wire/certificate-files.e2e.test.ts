// A certificate that is renewed while the port is open.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { readCertificate, RenewedCertificate } from 'millrace/app'
import { expect, test } from 'vitest'
import { TestAuthority } from '../../../../test/support/certificates.ts'
import { temporaryDirectory } from '../../../../test/support/disk/temporary.ts'
import { lengths, served } from './support/served.ts'

test('a renewed certificate is shown to new connections, and one that is none is not', async () => {
  const authority = await TestAuthority.make()
  await using directory = await temporaryDirectory()
  const files = { certFile: join(directory.path, 'cert.pem'), keyFile: join(directory.path, 'key.pem') }
  const put = async ({ cert, key }: { cert: string; key: string }) => {
    await writeFile(files.certFile, cert)
    await writeFile(files.keyFile, key)
  }
  await put(await authority.sign(['localhost']))
  const known = await readCertificate(files)
  await using port = await served({ serve: lengths, certificate: known })
  const faults: unknown[] = []
  const renewed = new RenewedCertificate({
    files,
    known,
    renew: (certificate) => port.listener.renew(certificate),
    onFault: (error) => faults.push(error),
  })
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      const at = { host: '127.0.0.1', port: port.port, ca: authority.ca, servername: 'localhost' }
      const socket = connectTls(at, () => {
        resolve(socket.getPeerCertificate().fingerprint256)
        socket.destroy()
      }).on('error', reject)
    })
  const first = await shown()
  await renewed.look()
  expect(await shown()).toBe(first)
  await put(await authority.sign(['localhost']))
  await renewed.look()
  const second = await shown()
  expect(faults).toEqual([])
  expect(second).not.toBe(first)
  await put({ cert: 'no certificate', key: 'no key' })
  await renewed.look()
  expect(await shown()).toBe(second)
  expect(faults).toHaveLength(1)
  renewed.close()
})
