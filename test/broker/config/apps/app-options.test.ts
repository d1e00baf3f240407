// What the options of apps come to: which run, what is decided for them, and what is refused.
import { describe, expect, it } from 'vitest'
import { appOptions, optionsOfApp } from '../../../../broker/config/apps/app-options.ts'
import { appNames } from '../../../../broker/config/apps/app-table.ts'
import { ConfigError } from '../../../../broker/config/config-error.ts'
import { optionsOf } from '../../../../broker/config/options.ts'
import { resolveConfig, type ConfigSources } from '../../../../broker/config/resolve.ts'

const machine = { cores: 2, isTerminal: false, workingDirectory: '/home/miller' }
const resolve = (flags: Readonly<Record<string, unknown>> = {}) => resolveConfig({ flags }, machine).values
const refusal = (flags: Readonly<Record<string, unknown>>, more: Partial<ConfigSources> = {}): string => {
  try {
    resolveConfig({ flags, ...more }, machine)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}

describe('the option with', () => {
  it('names apps, each of them once', () => {
    expect(resolve().apps).toEqual([])
    expect(resolve({ with: ' kinesis, kinesis' }).apps).toEqual(['kinesis'])
  })

  it('refuses what is no app, and says where that stands', () => {
    expect(refusal({ with: 'kinesis,kinesys' })).toBe(
      '--with names "kinesys", which is no app: there is kinesis, agent, delivery, functions, analytics.',
    )
    expect(refusal({}, { env: { MILLRACE_WITH: ',' } })).toContain('MILLRACE_WITH names "", which is no app')
  })

  it('refuses apps where every client needs a certificate', () => {
    const flags = { tlsDir: '/srv/tls', tlsClients: 'required' }
    expect(refusal(flags)).toBe('accepted')
    expect(refusal({ ...flags, with: 'kinesis' })).toContain('an app of the daemon has no client certificate')
  })
})

describe('the section of an app', () => {
  it.each(appNames)('%s: every option of the section has the name of the app before its own', (app) => {
    const section = optionsOf('broker').filter(([name]) => name.startsWith(app))
    expect(section.map(([name]) => name)).toEqual(optionsOfApp(app))
  })

  it('comes to the app under its own names', () => {
    expect(
      appOptions(resolve({ kinesisStateDelay: '2s', kinesisRegion: 'eu-central-1' }), 'kinesis'),
    ).toEqual({
      port: 4567,
      host: '127.0.0.1',
      auth: 'off',
      region: 'eu-central-1',
      account: '000000000000',
      stateDelay: 2000,
      limits: 'none',
      rules: 'aws',
    })
  })
})

describe('the options of the app kinesis', () => {
  it('listen where the broker does, unless they say otherwise', () => {
    expect(resolve({ host: '::1' }).kinesisHost).toBe('::1')
    expect(resolve({ host: '::1', kinesisHost: '127.0.0.1' }).kinesisHost).toBe('127.0.0.1')
  })

  it.each([
    [{}, 'off'],
    [{ access: 'required' }, 'sigv4'],
    [{ tlsDir: '/srv/tls' }, 'sigv4'],
    [{ tlsDir: '/srv/tls', access: 'open' }, 'off'],
    [{ host: '0.0.0.0', insecure: true }, 'sigv4'],
    [{ host: '0.0.0.0', insecure: true, kinesisHost: '127.0.0.1' }, 'off'],
    [{ host: '0.0.0.0', insecure: true, kinesisAuth: 'off' }, 'off'],
    [{ kinesisAuth: 'sigv4' }, 'sigv4'],
  ])('ask for signatures but where an open broker listens on the loopback address: %j', (flags, auth) => {
    expect(resolve({ with: 'kinesis', ...flags }).kinesisAuth).toBe(auth)
  })

  it.each([
    [{ kinesisHost: '0.0.0.0' }, '--kinesis-host (0.0.0.0) cannot be used: other machines may reach it'],
    [
      { kinesisAuth: 'off', access: 'required' },
      '--kinesis-auth (off) and --access (required) cannot be used',
    ],
    [
      { tlsDir: '/srv/tls', access: 'open', kinesisAuth: 'off', kinesisHost: '10.0.0.7' },
      'everyone who reaches the port could do everything through it',
    ],
    [{ kinesisPort: '7400' }, 'two listeners cannot share a port'],
    [{ kinesisPort: '7401' }, 'that port belongs to a shard host'],
  ])('are refused where they would open what is closed, or cannot be: %j', (flags, message) => {
    expect(refusal({ with: 'kinesis', ...flags })).toContain(message)
    // What is not run opens nothing.
    expect(refusal(flags)).toBe('accepted')
  })

  it.each([
    [{ kinesisAccount: '12345' }, '--kinesis-account is "12345": expected twelve digits.'],
    [{ kinesisRegion: 'Frankfurt am Main' }, 'expected a region such as eu-central-1.'],
    [{ kinesisStateDelay: '2h' }, '--kinesis-state-delay is 2h: the most allowed is 1h.'],
    [{ kinesisLimits: 'aws' }, 'expected one of none, kinesis.'],
  ])('are refused where they are none: %j', (flags, message) => {
    expect(refusal(flags)).toContain(message)
  })
})
