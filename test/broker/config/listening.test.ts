// What a start says of ports that other machines reach.
import { expect, it } from 'vitest'
import { openness } from '../../../broker/config/listening.ts'
import { resolveConfig } from '../../../broker/config/resolve.ts'

const machine = { cores: 2, isTerminal: false, workingDirectory: '/home/miller' }
const said = (flags: Readonly<Record<string, string>>) => openness(resolveConfig({ flags }, machine).values)

it.each<[Readonly<Record<string, string>>, string]>([
  [{ host: '0.0.0.0', insecure: 'true' }, 'insecure: everyone who reaches this broker may read, write'],
  [
    { host: '0.0.0.0', tlsDir: '/tls', access: 'open' },
    'open: everyone who reaches this broker may read, write',
  ],
  [{ adminHost: '0.0.0.0', insecure: 'true' }, 'insecure: everyone who reaches the admin port may ask'],
])('%j: says what everyone may do', (flags, message) => {
  expect(said(flags)?.message).toContain(message)
  expect(said(flags)?.isWhole).toBe('host' in flags)
})

it.each<Readonly<Record<string, string>>>([
  {},
  { insecure: 'true' },
  { tlsDir: '/tls', access: 'open' },
  { host: '0.0.0.0', adminHost: '0.0.0.0', tlsDir: '/tls' },
])('%j: has nothing to say', (flags) => {
  expect(said(flags)).toBeUndefined()
})
