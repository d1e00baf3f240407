// A daemon of several processes whose certificates change: every port shows the new one to new connections, and cuts none.
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connect, type Client } from 'millrace'
import type { KeyedCertificate } from '../../../../cli/tls/certificates.ts'
import { TestAuthority } from '../../../support/certificates.ts'
import { TestDaemon } from '../../../support/daemon.ts'
import { RawConnection } from '../../../support/raw-connection.ts'

const NAMES = ['localhost', '127.0.0.1']

let dir: string
let authority: TestAuthority
let daemon: TestDaemon
let client: Client
let versions = 0

/** Replaces the files as Kubernetes does: a link that both files lead through is swapped. */
async function swap(pair: Partial<KeyedCertificate>) {
  const version = `..version-${++versions}`
  await mkdir(join(dir, version))
  for (const [name, text] of Object.entries({ ca: authority.ca, ...pair })) {
    await writeFile(join(dir, version, `${name}.pem`), text, { mode: 0o600 })
  }
  await symlink(version, join(dir, '..next'))
  await rename(join(dir, '..next'), join(dir, '..data'))
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  authority = await TestAuthority.make()
  await swap(await authority.sign(NAMES))
  for (const name of ['ca', 'cert', 'key'])
    await symlink(join('..data', `${name}.pem`), join(dir, `${name}.pem`))
  daemon = await TestDaemon.start({ tlsDir: dir, hosts: '2', owners: '2' })
  const token = async () => (await readFile(join(daemon.dataDir, 'root.token'), 'utf8')).trim()
  client = await connect(daemon.url, { tls: { ca: authority.ca }, token })
  await client.createStream('clicks', { shards: 4 })
})
afterEach(async () => {
  await client.close()
  await daemon[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

function dial(port: number): TLSSocket {
  return connectTls({ host: '127.0.0.1', port, ca: authority.ca, ALPNProtocols: ['millrace/1'] })
}

/** The certificate that a port shows, as its text. */
async function shownAt(port: number): Promise<string> {
  // The admin port speaks another protocol.
  const protocols = port === Number(new URL(daemon.adminUrl).port) ? ['http/1.1'] : ['millrace/1']
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.ca, ALPNProtocols: protocols })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()!
  socket.destroy()
  return certificate.serialNumber
}

async function ports(): Promise<number[]> {
  const { hosts } = await client.describeBroker()
  return [daemon.url, daemon.adminUrl]
    .map((url) => Number(new URL(url).port))
    .concat(hosts.map(({ port }) => port))
}

function serialOf({ cert }: KeyedCertificate): string {
  return new X509Certificate(cert).serialNumber
}

/** Waits until the port shows the certificate. */
async function settles(port: number, serial: string): Promise<void> {
  await expect.poll(() => shownAt(port)).toBe(serial)
}

async function replace(name: 'cert' | 'key', text: string): Promise<void> {
  await writeFile(join(dir, 'next'), text, { mode: 0o600 })
  await rename(join(dir, 'next'), join(dir, `${name}.pem`))
}

it('a swapped link, and files that are replaced one after the other, reach all processes; open connections stay', async () => {
  const all = await ports()
  expect(all).toHaveLength(4)
  const open = await Promise.all(
    all
      .filter((_, i) => i !== 1)
      .map(async (port) => {
        const connection = new RawConnection(dial(port))
        await connection.hello()
        return connection
      }),
  )
  const second = await authority.sign(NAMES)
  await swap(second)
  for (const port of all) await settles(port, serialOf(second))
  // Plain files in the place of links, the key long before the certificate.
  const third = await authority.sign(NAMES)
  await replace('key', third.key)
  await expect.poll(() => daemon.log()).toContain('is not the key of cert.pem beside it')
  for (const port of all) expect(await shownAt(port)).toBe(serialOf(second))
  await replace('cert', third.cert)
  for (const port of all) await settles(port, serialOf(third))
  for (const connection of open) expect(await connection.request('ping', {})).toHaveProperty('now')
  for (const { socket } of open) socket.destroy()
  await client.put('clicks', { partitionKey: 'a', data: 'x' })
})

it('SIGHUP reads the files, and a host that starts again has what the others have, also while the files are broken', async () => {
  process.kill(daemon.controllerPid, 'SIGHUP')
  await expect.poll(() => daemon.log()).toContain('the certificates have not changed')
  const second = await authority.sign(NAMES)
  await swap(second)
  process.kill(daemon.controllerPid, 'SIGHUP')
  for (const port of await ports()) await settles(port, serialOf(second))
  await swap({ cert: second.cert, key: (await authority.sign(NAMES)).key })
  const { hosts } = await client.describeBroker()
  process.kill(hosts[0]!.pid!, 'SIGKILL')
  await expect
    .poll(async () => (await client.describeBroker()).hosts[0])
    .toMatchObject({ state: 'ready', restarts: 1 })
  for (const port of await ports()) expect(await shownAt(port)).toBe(serialOf(second))
})
