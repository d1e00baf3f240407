// How a configuration is resolved: which source wins, what is derived, and what is refused.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../../broker/config/config-error.ts'
import { advertisedAddress } from '../../../broker/config/derive.ts'
import { kinds } from '../../../broker/config/kinds.ts'
import { environmentNameOf, flagOf, options, optionsOf, type Option } from '../../../broker/config/options.ts'
import { resolveConfig, type ConfigSources } from '../../../broker/config/resolve.ts'
import { limits } from '../../../protocol/limits.ts'

const machine = { cores: 2, isTerminal: false, workingDirectory: '/home/miller' }
const resolve = (sources: ConfigSources, changed: Partial<typeof machine> = {}) =>
  resolveConfig(sources, { ...machine, ...changed })
const refusal = (sources: ConfigSources): string => {
  try {
    resolve(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}

/** Options without which the example of another is refused. */
const companions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  hosts: { owners: '8' },
  tlsClients: { tlsDir: '/srv/tls' },
}

describe('resolveConfig', () => {
  it('accepts no sources: every default is within its own bounds', () => {
    const { values, origins } = resolve({})
    expect(values).toMatchObject({
      dataDir: '/home/miller/data',
      host: '127.0.0.1',
      advertiseHost: '127.0.0.1',
      port: 7400,
      hosts: 1,
      owners: 1,
      segmentSize: 256 * 1024 * 1024,
      segmentAge: 24 * 3_600_000,
      compactionRate: 32 * 1024 * 1024,
      onDemandShards: 4,
      onDemandShardBytes: 4 * 1024 * 1024,
      onDemandShardRecords: 40_000,
      drainTimeout: 10_000,
      logFormat: 'json',
    })
    expect(new Set(Object.values(origins).map(({ source }) => source))).toEqual(new Set(['default']))
  })

  it('accepts the example of every option', () => {
    const verdicts = optionsOf('broker')
      .filter(([name]) => name !== 'config')
      .map(([name, option]) => {
        const flags = { ...companions[name], [name]: option.example }
        return `${name}: ${refusal({ flags })}`
      })
    expect(verdicts.filter((verdict) => !verdict.endsWith(': accepted'))).toEqual([])
  })

  it('puts a flag over the environment, the environment over the file, the file over the default', () => {
    const file = { path: '/etc/millrace.json', content: { port: 1001, adminPort: 1002, hosts: 1 } }
    const env = { MILLRACE_PORT: '2001', MILLRACE_ADMIN_PORT: '2002' }
    const { values, origins } = resolve({ flags: { port: '3001' }, env, file })
    expect([values.port, values.adminPort, values.hosts, values.hostPortBase]).toEqual([3001, 2002, 1, 7401])
    expect([origins.port, origins.adminPort, origins.hosts, origins.hostPortBase]).toEqual([
      { source: 'flag', name: '--port' },
      { source: 'environment', name: 'MILLRACE_ADMIN_PORT' },
      { source: 'file', name: 'hosts in /etc/millrace.json' },
      { source: 'default', name: 'default' },
    ])
  })

  it('reads the same value from every source, for every option', () => {
    for (const [name, option] of optionsOf('broker')) {
      if (name === 'config') continue
      const text = { owners: '8', dataDir: '/srv', ...companions[name], [name]: option.example }
      const env = Object.fromEntries(
        Object.entries(text).map(([key, value]) => [environmentNameOf(key as keyof typeof options), value]),
      )
      const expected = resolve({ settings: text }).values
      expect(resolve({ flags: text }).values).toEqual(expected)
      expect(resolve({ env }).values).toEqual(expected)
      expect(resolve({ file: { path: '/etc/m.json', content: text } }).values).toEqual(expected)
    }
  })

  it('freezes the result', () => {
    const { values, origins } = resolve({})
    expect(Object.isFrozen(values)).toBe(true)
    expect(Object.isFrozen(origins)).toBe(true)
  })

  it('resolves a relative path against its source: the working directory, or the directory of the file', () => {
    const file = { path: '/etc/millrace/broker.json', content: { dataDir: 'data' } }
    expect(resolve({ file }).values.dataDir).toBe('/etc/millrace/data')
    expect(resolve({ flags: { dataDir: 'data' } }).values.dataDir).toBe('/home/miller/data')
    expect(resolve({ env: { MILLRACE_DATA_DIR: '/srv/data' } }).values.dataDir).toBe('/srv/data')
  })

  it('ignores the variables that Kubernetes adds for a service called millrace', () => {
    const env = {
      MILLRACE_PORT: 'tcp://10.0.0.7:7400',
      MILLRACE_SERVICE_HOST: '10.0.0.7',
      MILLRACE_SERVICE_PORT: '7400',
      MILLRACE_SERVICE_PORT_CLIENTS: '7400',
      MILLRACE_PORT_7400_TCP: 'tcp://10.0.0.7:7400',
      MILLRACE_PORT_7400_TCP_ADDR: '10.0.0.7',
    }
    expect(resolve({ env }).values.port).toBe(7400)
  })

  it('ignores the variables of client programs', () => {
    expect(refusal({ env: { MILLRACE_URL: 'millrace://elsewhere:1' } })).toBe('accepted')
  })
})

describe('resolveConfig refuses with origin, value and bound', () => {
  const file = (content: unknown) => ({ file: { path: '/etc/m.json', content } })
  it.each<[ConfigSources, string]>([
    [{ flags: { port: '70000' } }, '--port is 70000: the most allowed is 65535.'],
    [{ env: { MILLRACE_PORT: 'http' } }, 'MILLRACE_PORT is "http": expected a port number.'],
    [file({ segmentSize: '4KiB' }), 'segmentSize in /etc/m.json is 4KiB: the least allowed is 1MiB.'],
    [
      file({ segmentSize: true }),
      'segmentSize in /etc/m.json is true: expected a size such as 64MiB or 1GB.',
    ],
    [
      { flags: { drainTimeout: '30' } },
      '--drain-timeout is "30": expected a duration such as 250ms, 30s or 24h.',
    ],
    [{ flags: { logFormat: 'xml' } }, '--log-format is "xml": expected one of json, pretty, auto.'],
    [{ env: { MILLRACE_DATA_DIR: '' } }, 'MILLRACE_DATA_DIR is "": expected a path.'],
    [{ settings: { hosts: -1 } }, 'hosts is -1: expected a whole number.'],
    [
      { env: { MILLRACE_DATADIR: 'x' } },
      'MILLRACE_DATADIR in the environment is not an option. Did you mean MILLRACE_DATA_DIR?',
    ],
    [
      file({ 'data-dir': 'x' }),
      'data-dir in /etc/m.json is not an option of the daemon. Did you mean dataDir?',
    ],
    [
      file({ retention: '1h' }),
      'retention in /etc/m.json is not an option of the daemon. See `millrace config` for all options.',
    ],
    [file([]), '/etc/m.json must hold one JSON object with option names as keys.'],
    [file({ config: 'x' }), 'config in /etc/m.json: a file cannot name another file.'],
    [
      { flags: { hosts: '4', owners: '2' } },
      '--hosts (4) and --owners (2) cannot be used together: a host without an owner would serve nothing, so owners cannot be fewer than hosts.',
    ],
    [
      { flags: { port: '7402', hosts: '2' } },
      '--port (7402) and hostPortBase (7401) cannot be used together: ports 7401 to 7402 belong to the shard hosts.',
    ],
    [
      { env: { MILLRACE_ADMIN_PORT: '7400' } },
      'port (7400) and MILLRACE_ADMIN_PORT (7400) cannot be used together: two listeners cannot share a port.',
    ],
    [
      { flags: { hostPortBase: '65535', hosts: '2' } },
      '--host-port-base (65535) and --hosts (2) cannot be used together: the last host would listen on port 65536.',
    ],
    [
      { flags: { host: '0.0.0.0', access: 'required' } },
      '--access (required) and --host (0.0.0.0) cannot be used together: others could read tokens on their way to an address that other machines reach; add --tls-dir, which `millrace tls init` makes.',
    ],
    [
      { flags: { adminHost: '0.0.0.0' } },
      '--admin-host (0.0.0.0) cannot be used: other machines may reach it, and everyone who does may read health and metrics, and others on the way too; --tls-dir lets it speak TLS, and --insecure (MILLRACE_INSECURE=true) says that this is wanted.',
    ],
    [{ flags: { appendQueueSize: '8MiB' } }, '--append-queue-size is 8MiB: the least allowed is 16MiB.'],
    [
      { flags: { advertisePortBase: '65535', hosts: '2' } },
      '--advertise-port-base (65535) and --hosts (2) cannot be used together: the last host would be reached on port 65536.',
    ],
  ])('%j', (sources, message) => {
    expect(refusal(sources)).toBe(message)
  })

  it('any text for any option that it does not accept, in one line that names the option', () => {
    const names = optionsOf('broker').map(([name]) => name)
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.string(), (name, text) => {
        const message = refusal({ flags: { [name]: text } })
        expect(message === 'accepted' || message.includes(flagOf(name))).toBe(true)
        expect(message).not.toContain('\n')
      }),
    )
  })
})

describe('deriveConfig', () => {
  it.each([
    [{ cores: 1 }, {}, { hosts: 1, owners: 1, readerThreads: 1 }],
    [{ cores: 4 }, {}, { hosts: 1, owners: 1, readerThreads: 2 }],
    [{ cores: 16 }, {}, { hosts: 4, owners: 4, readerThreads: 2 }],
    [{ cores: 16 }, { owners: '2' }, { hosts: 2, owners: 2, readerThreads: 4 }],
    [{ cores: 64 }, { hosts: '2', owners: '8' }, { hosts: 2, owners: 8, readerThreads: 4 }],
  ])('%j with %j', (changed, flags, expected) => {
    expect(resolve({ flags }, changed).values).toMatchObject(expected)
  })

  it('sizes the thread pool of a host: two threads for each owner, and eight for the rest', () => {
    expect(resolve({ flags: { hosts: '2', owners: '32' } }).values.threadPoolSize).toBe(2 * 16 + 8)
  })

  it('advertises no address where it listens on all: clients keep the address that they connected to', () => {
    expect(resolve({ flags: { host: '0.0.0.0', insecure: true } }).values.advertiseHost).toBe('')
    expect(resolve({ flags: { host: '::', insecure: true } }).values.advertiseHost).toBe('')
    expect(resolve({ flags: { host: '10.1.2.3', insecure: true } }).values.advertiseHost).toBe('10.1.2.3')
    expect(
      resolve({ flags: { host: '::', insecure: true, advertiseHost: 'b.example' } }).values.advertiseHost,
    ).toBe('b.example')
  })

  it('appendQueueSize: its documented minimum is its real minimum, and holds the largest request', () => {
    const least = options.appendQueueSize.min
    expect(resolve({ flags: { appendQueueSize: least } }).values.appendQueueSize).toBe(limits.frameBytesMax)
  })

  it('advertisePortBase: clients find hosts under the ports of the hosts, or under consecutive ports from the given one', () => {
    const portOf = (flags: Record<string, string>) =>
      advertisedAddress(resolve({ flags }).values, 3, 7403).port
    expect(portOf({})).toBe(7403)
    expect(portOf({ advertisePortBase: '17401' })).toBe(17_403)
  })

  it.each(['0.0.0.0', '::', '10.1.2.3', 'broker.lan', '127.0.0.1.example.org', '::ffff:10.1.2.3'])(
    'host: refuses %s, which other machines may reach, without insecure',
    (host) => {
      for (const name of ['host', 'adminHost'] as const) {
        expect(refusal({ flags: { [name]: host } })).toContain(`${flagOf(name)} (${host}) cannot be used`)
        expect(refusal({ flags: { [name]: host }, env: { MILLRACE_INSECURE: 'true' } })).toBe('accepted')
        expect(refusal({ flags: { [name]: host, insecure: 'false' } })).toContain('--insecure')
      }
    },
  )

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('host: accepts %s without insecure', (host) => {
    expect(refusal({ flags: { host, adminHost: host } })).toBe('accepted')
  })

  it('logFormat: is pretty on a terminal', () => {
    expect(resolve({}, { isTerminal: true }).values.logFormat).toBe('pretty')
    expect(resolve({ flags: { logFormat: 'json' } }, { isTerminal: true }).values.logFormat).toBe('json')
  })
})

describe('kinds', () => {
  it.each([
    ['bytes', '64MiB', 64 * 1024 * 1024],
    ['bytes', '1GB', 1_000_000_000],
    ['bytes', '1.5KiB', 1536],
    ['bytes', '4096', 4096],
    ['bytes', '64mib', undefined],
    ['bytes', '0.3B', undefined],
    ['bytes', '99999999999999TiB', undefined],
    ['duration', '250ms', 250],
    ['duration', '24h', 86_400_000],
    ['duration', '1.5s', 1500],
    ['duration', '10', undefined],
    ['count', '007', 7],
    ['count', '1e3', undefined],
    ['count', '-1', undefined],
    ['path', '  ', undefined],
  ] as const)('%s reads %j as %j', (kind, text, value) => {
    expect(kinds[kind].parse(text)).toBe(value)
  })

  it.each(['bytes', 'duration'] as const)('%s: parses what it formats', (kind) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (value) => {
        expect(kinds[kind].parse(kinds[kind].format(value))).toBe(value)
      }),
    )
  })

  it('formatValue: uses the largest unit of a round value', () => {
    expect(kinds.bytes.format(256 * 1024 * 1024)).toBe('256MiB')
    expect(kinds.duration.format(90_000)).toBe('90s')
    expect(kinds.bytes.format(0)).toBe('0B')
  })
})

describe('the option table', () => {
  it('has prose and an example for every option, and says what auto means where it is the default', () => {
    const incomplete = Object.entries<Option>(options).filter(
      ([, { doc, example, default: value, auto }]) =>
        !doc.endsWith('.') || example === '' || (value === 'auto') !== (auto !== undefined),
    )
    expect(incomplete).toEqual([])
  })

  it('lets other machines reach ports that speak TLS, and then wants to know who asks', () => {
    expect(refusal({ flags: { host: '0.0.0.0' } })).toContain('--tls-dir lets it speak TLS')
    const secure = { host: '0.0.0.0', adminHost: '0.0.0.0', tlsDir: '/srv/tls' }
    expect(resolve({ flags: secure }).values).toMatchObject({ access: 'required', insecure: false })
    expect(resolve({ flags: { ...secure, access: 'open' } }).values.access).toBe('open')
    expect(refusal({ flags: { tlsClients: 'required' } })).toContain(
      'clients show certificates over TLS alone',
    )
  })
})
