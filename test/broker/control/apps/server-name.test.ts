// By which name an app asks for the broker's certificate: its own where the url has it, else one that the certificate has.
import { expect, it } from 'vitest'
import { serverNameOf } from '../../../../broker/control/apps/server-name.ts'
import { TestAuthority } from '../../../support/certificates.ts'

it.each([
  ['127.0.0.1', ['localhost', '127.0.0.1'], undefined],
  ['localhost', ['localhost', '127.0.0.1'], undefined],
  ['::1', ['::1'], undefined],
  ['10.0.0.7', ['broker.example.org', '10.0.0.8'], 'broker.example.org'],
  ['localhost', ['10.0.0.8'], '10.0.0.8'],
  ['localhost', ['*.example.org'], 'app.example.org'],
])('at %s, with a certificate for %j: %s', async (host, names, wanted) => {
  const authority = await TestAuthority.make()
  const { cert } = await authority.sign(names)
  expect(serverNameOf(cert, host)).toBe(wanted)
})
