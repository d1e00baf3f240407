// Which names a client's certificate proves.
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { connect, TLSSocket, type ConnectionOptions } from 'node:tls'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { TlsDoor } from '../../../../broker/server/tls/tls-door.ts'
import { TestAuthority } from '../../../support/certificates.ts'
import { certificatesOf } from './support/secure-serving.ts'

/** Makes a handshake with a client that has this certificate; returns the names that the server knows him by. */
async function namesBy(
  door: TlsDoor,
  options: ConnectionOptions,
): Promise<{ names: readonly string[]; session: Buffer | undefined; isResumed: boolean }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    ALPNProtocols: ['millrace/1'],
    ...options,
  })
  const session = once(client, 'session') as Promise<[Buffer]>
  const { stream, certificateNames } = await door.secure((await accepted)[0])
  stream.resume()
  client.resume()
  const isResumed = stream instanceof TLSSocket && stream.isSessionReused()
  const given = isResumed ? undefined : (await session)[0]
  for (const end of [client, stream]) end.destroy()
  server.close()
  return { names: certificateNames, session: given, isResumed }
}

it('names come with their types, also where a session goes on, and none from a certificate with ambiguous ones', async () => {
  const authority = await TestAuthority.make()
  const door = new TlsDoor({
    certificates: await certificatesOf(authority, 'optional'),
    protocol: { name: 'millrace/1', isRequired: true },
    handshakeMs: 60_000,
    onOutcome: () => {},
  })
  const { ca } = authority
  const names = ['shop.example', 'spiffe://example.org/shop', 'shop@example.org', '10.0.0.1']
  const typed = [
    'DNS:shop.example',
    'URI:spiffe://example.org/shop',
    'email:shop@example.org',
    'IP Address:10.0.0.1',
  ]
  const shop = await authority.sign(names, { purpose: 'client' })
  const first = await namesBy(door, { ca, ...shop })
  expect(first.names).toEqual(typed)
  const again = await namesBy(door, { ca, ...shop, session: first.session! })
  expect([again.names, again.isResumed]).toEqual([typed, true])
  const mixed = await authority.sign(['shop', 'http://x/, DNS:admin'], { purpose: 'client' })
  expect((await namesBy(door, { ca, ...mixed })).names).toEqual([])
  expect((await namesBy(door, { ca })).names).toEqual([])
})
