// Where a verb connects: the order of the places that say it, and that no token goes to a broker that it was not meant for.
import { describe, expect, it } from 'vitest'
import { resolveTarget, type Target } from '../../../cli/connecting/resolve.ts'
import type { ConnectionFlags } from '../../../cli/connecting/options.ts'
import { surroundingsOf, type FakeSurroundings } from './surroundings.ts'

const prod = {
  url: 'millraces://prod.example.org:7400',
  ca: '/etc/prod-ca.pem',
  tokenFile: '/home/ada/prod.token',
}
const test = { url: 'millrace://test.lan:7400' }
const profiles = { use: 'test', profiles: { prod, test } }
const local = '/srv/data/local-profile.json'
const localProfile = JSON.stringify({
  url: 'millraces://localhost:7400',
  ca: '/srv/data/tls/ca.pem',
  tokenFile: '/srv/data/root.token',
})

function target(flags: ConnectionFlags, surroundings: FakeSurroundings = {}): Target {
  return resolveTarget(flags, surroundingsOf(surroundings))
}

describe('resolveTarget: the broker', () => {
  const everything: FakeSurroundings = {
    environment: { MILLRACE_URL: 'millrace://env:1', MILLRACE_PROFILE: 'prod' },
    profiles,
    files: { [local]: localProfile },
  }

  it.each<[string, ConnectionFlags, FakeSurroundings, string, string]>([
    ['--url', { url: 'millrace://flag:1' }, everything, 'millrace://flag:1', '--url'],
    ['--profile', { profile: 'prod' }, everything, prod.url, 'profile prod'],
    ['MILLRACE_URL', {}, everything, 'millrace://env:1', 'MILLRACE_URL'],
    [
      'MILLRACE_PROFILE',
      {},
      { ...everything, environment: { MILLRACE_URL: '', MILLRACE_PROFILE: 'prod' } },
      prod.url,
      'profile prod',
    ],
    ['the profile in use', {}, { ...everything, environment: {} }, test.url, 'profile test'],
    [
      'the local profile',
      {},
      { profiles: { profiles: {} }, files: { [local]: localProfile } },
      'millraces://localhost:7400',
      local,
    ],
    ['the default', {}, {}, 'millrace://127.0.0.1:7400', 'default'],
  ])('%s goes before all that follow', (_, flags, surroundings, url, origin) => {
    expect(target(flags, surroundings)).toMatchObject({ url, origin })
  })

  it('looks for the local profile where MILLRACE_DATA_DIR says', () => {
    const files = { '/var/lib/millrace/local-profile.json': localProfile, '/var/lib/millrace/root.token': '' }
    const environment = { MILLRACE_DATA_DIR: '/var/lib/millrace' }
    expect(target({}, { environment, files })).toMatchObject({
      token: { path: '/var/lib/millrace/root.token' },
      tls: { ca: { value: '/srv/data/tls/ca.pem' } },
    })
  })

  it('looks for profiles below XDG_CONFIG_HOME, where that is absolute', () => {
    const text = JSON.stringify(profiles)
    const files = { '/conf/millrace/profiles.json': text }
    expect(target({}, { environment: { XDG_CONFIG_HOME: '/conf' }, files })).toMatchObject(test)
    const home = { '/home/ada/.config/millrace/profiles.json': text }
    expect(target({}, { environment: { XDG_CONFIG_HOME: 'conf' }, files: home })).toMatchObject(test)
  })

  it('keeps in mind that there is a local profile which this user may not read', () => {
    const files = { [local]: { unreadable: 'this user may not read it' } }
    expect(target({}, { files })).toMatchObject({ origin: 'default', unreadable: local })
  })
})

describe('resolveTarget: files and tokens', () => {
  it('takes those of the profile that names the broker', () => {
    expect(target({ profile: 'prod' }, { profiles })).toMatchObject({
      tls: { ca: { value: prod.ca, origin: 'profile prod' } },
      token: { kind: 'file', path: prod.tokenFile, origin: 'profile prod' },
    })
  })

  it.each<[string, ConnectionFlags, FakeSurroundings]>([
    ['--url', { url: 'millraces://flag:1' }, {}],
    ['MILLRACE_URL', {}, { environment: { MILLRACE_URL: 'millraces://env:1' } }],
  ])(
    'sends the token of a profile in use, or of a local one, to no broker that %s names',
    (_, flags, more) => {
      const used = { use: 'prod', profiles: { prod } }
      const found = target(flags, { ...more, profiles: used, files: { [local]: localProfile } })
      expect(found.token).toBeUndefined()
      expect(found.tls).toEqual({})
    },
  )

  it('a flag goes before the profile that a flag names, and that before the environment', () => {
    const environment = { MILLRACE_TOKEN: ' mr_env\n', MILLRACE_CA: 'env.pem' }
    expect(target({ profile: 'prod', tokenFile: 'flag.token' }, { profiles, environment })).toMatchObject({
      token: { kind: 'file', path: '/srv/flag.token', origin: '--token-file' },
      tls: { ca: { value: prod.ca } },
    })
    expect(target({ profile: 'prod' }, { profiles, environment }).token).toMatchObject({
      path: prod.tokenFile,
    })
    expect(target({ profile: 'test' }, { profiles, environment }).token).toEqual({
      kind: 'value',
      value: 'mr_env',
      origin: 'MILLRACE_TOKEN',
    })
  })

  it('the environment goes before a profile that no flag names', () => {
    const environment = { MILLRACE_TOKEN_FILE: '/run/token', MILLRACE_CA: 'env.pem' }
    const used = { use: 'prod', profiles: { prod } }
    expect(target({}, { profiles: used, environment })).toMatchObject({
      url: prod.url,
      tls: { ca: { value: '/srv/env.pem', origin: 'MILLRACE_CA' } },
      token: { path: '/run/token', origin: 'MILLRACE_TOKEN_FILE' },
    })
  })

  it('takes a certificate and its key from one place', () => {
    const pair = { cert: '/p.pem', certKey: '/p.key' }
    const used = { use: 'prod', profiles: { prod: { ...prod, ...pair } } }
    expect(target({ cert: 'a.pem', certKey: 'a.key' }, { profiles: used }).tls).toMatchObject({
      cert: { value: '/srv/a.pem', origin: '--cert' },
      certKey: { value: '/srv/a.key', origin: '--cert-key' },
    })
    expect(() => target({ cert: 'a.pem' }, { profiles: used })).toThrow(
      '--cert names a certificate, and nothing names its key: add --cert-key or MILLRACE_CERT_KEY.',
    )
  })

  it('what the environment says of TLS does not hinder a broker without', () => {
    expect(target({ url: 'millrace://a' }, { environment: { MILLRACE_CA: '/ca.pem' } }).tls).toEqual({})
  })
})

describe('resolveTarget: a local profile', () => {
  const of = (profile: object, addresses: string[] = []): Target =>
    target({}, { files: { [local]: JSON.stringify(profile), '/srv/data/prod.token': '' }, addresses })

  it('names no token but the one that lies beside it, and no link', () => {
    const stolen = { url: 'millrace://127.0.0.1:1', tokenFile: '/home/ada/prod.token' }
    expect(of(stolen).token).toMatchObject({ path: '/srv/data/prod.token', followsLinks: false })
  })

  it('names none where that was taken away', () => {
    expect(of({ url: 'millrace://127.0.0.1:1', tokenFile: '/srv/data/root.token' }).token).toBeUndefined()
  })

  it('names no broker of another machine', () => {
    expect(() => of({ url: 'millrace://127.0.0.1:1,evil.example.org:7400' })).toThrow(
      /local-profile\.json names the broker .*evil.*not on this machine/,
    )
    expect(of({ url: 'millrace://10.0.0.7:1' }, ['10.0.0.7']).url).toBe('millrace://10.0.0.7:1')
    expect(of({ url: 'millrace://[::1]:1' }).url).toBe('millrace://[::1]:1')
  })

  it('names no certificate', () => {
    expect(() => of({ url: 'millrace://localhost', cert: '/home/ada/a.pem' })).toThrow(
      'has the field cert, which this version does not know',
    )
  })
})

describe('resolveTarget: mistakes', () => {
  it.each<[string, ConnectionFlags, FakeSurroundings, string]>([
    [
      'two brokers',
      { url: 'millrace://a', profile: 'prod' },
      { profiles },
      '--url and --profile exclude each other: give one of them.',
    ],
    [
      'two tokens',
      {},
      { environment: { MILLRACE_TOKEN: 'x', MILLRACE_TOKEN_FILE: 'y' } },
      'MILLRACE_TOKEN and MILLRACE_TOKEN_FILE exclude each other: unset one of them.',
    ],
    [
      'an unknown profile',
      { profile: 'prd' },
      { profiles },
      '--profile: There is no profile prd. There are prod, test.',
    ],
    [
      'an unknown profile of the environment',
      {},
      { environment: { MILLRACE_PROFILE: 'constructor' } },
      'MILLRACE_PROFILE: There is no profile constructor. There is none yet: add one with `millrace profile add`.',
    ],
    [
      'a profile in use that is gone',
      {},
      { profiles: { use: 'old', profiles: { prod } } },
      'The profile in use: There is no profile old. There is prod.',
    ],
    [
      'TLS for a broker without',
      { url: 'millrace://a', ca: 'x' },
      {},
      '--ca is for TLS, and millrace://a has none: a url with TLS begins with millraces://.',
    ],
  ])('%s', (_, flags, surroundings, message) => {
    expect(() => target(flags, surroundings)).toThrow(
      expect.objectContaining({ message, exit: 'usage' }) as Error,
    )
  })
})
