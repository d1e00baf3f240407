// Help, JSON Schema and documentation agree with the option table.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { configurationPage } from '../../../broker/config/docs-page.ts'
import { hostEnvironment } from '../../../broker/config/environment.ts'
import { configFlags } from '../../../broker/config/flags.ts'
import { loadConfig } from '../../../broker/config/load.ts'
import { environmentNameOf, flagOf, options, type OptionName } from '../../../broker/config/options.ts'
import { configSchema } from '../../../broker/config/schema.ts'
import { SOFTWARE } from '../../../broker/config/software.ts'
import { brokerOfEnvironment } from '../../../client/environment.ts'
import { TestAuthority } from '../../support/certificates.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('texts from the option table', () => {
  it('flagOf, environmentNameOf: spell names alike: dataDir, --data-dir, MILLRACE_DATA_DIR', () => {
    expect([flagOf('dataDir'), environmentNameOf('dataDir')]).toEqual(['--data-dir', 'MILLRACE_DATA_DIR'])
  })

  it('configurationPage: has every option, with flag, variable, key and default', () => {
    const page = configurationPage()
    const missing = (Object.keys(options) as OptionName[])
      .flatMap((name) => [environmentNameOf(name), options[name].doc, options[name].default ?? ''])
      .filter((text) => !page.includes(text))
    expect(missing).toEqual([])
  })

  it('configFlags: the help of a flag says its default, what auto means, and its variable', () => {
    const help = new Map(configFlags().map((flag) => [flag.name, flag]))
    expect(help.get('segmentSize')).toMatchObject({
      flag: '--segment-size <size>',
      help: expect.stringContaining('(default 256MiB; '),
    })
    expect(help.get('readerThreads')?.help).toMatch(
      /default auto: half of the cores.*env MILLRACE_READER_THREADS/,
    )
    expect(help.get('logLevel')?.help).toContain('One of fatal, error')
    expect([...help.keys()]).not.toContain('url')
  })

  it('configSchema: has every key, with its choices and its bounds', () => {
    expect(configSchema()).toMatchObject({
      additionalProperties: false,
      properties: {
        logFormat: { enum: ['json', 'pretty', 'auto'] },
        port: { anyOf: [{ type: 'integer', minimum: 0, maximum: 65535 }, { type: 'string' }] },
        drainTimeout: { type: 'string' },
      },
    })
  })
})

describe('loadConfig', () => {
  const machine = { cores: 2, isTerminal: false, workingDirectory: directory }

  it('reads the file that a flag or the environment names, the flag first', () => {
    const [one, two] = [join(directory, 'one.json'), join(directory, 'two.json')]
    writeFileSync(one, '{ "$schema": "./schema.json", "port": 1 }')
    writeFileSync(two, '{ "port": 2 }')
    expect(loadConfig({}, { MILLRACE_CONFIG: one }, machine).values.port).toBe(1)
    expect(loadConfig({ config: two }, { MILLRACE_CONFIG: one }, machine).values.port).toBe(2)
  })

  it('refuses a file that is missing or not JSON in one sentence', () => {
    const broken = join(directory, 'broken.json')
    writeFileSync(broken, '{ "port": }')
    expect(() => loadConfig({ config: broken }, {}, machine)).toThrow(
      /^--config names .*broken.json, which cannot be read/,
    )
    const missing = join(directory, 'missing.json')
    expect(() => loadConfig({}, { MILLRACE_CONFIG: missing }, machine)).toThrow(
      /^MILLRACE_CONFIG names .*ENOENT/,
    )
  })
})

describe('the process environment', () => {
  it('gives client programs the url of the broker, as the option table says', () => {
    expect(brokerOfEnvironment({})).toEqual({ url: options.url.default })
    expect(brokerOfEnvironment({ [environmentNameOf('url')]: '' }).url).toBe(options.url.default)
    expect(brokerOfEnvironment({ [environmentNameOf('url')]: 'millrace://elsewhere:1' })).toEqual({
      url: 'millrace://elsewhere:1',
    })
  })

  it('gives client programs the files of the environment where its url speaks TLS', async () => {
    const ca = join(directory, 'ca.pem')
    const authority = await TestAuthority.make()
    writeFileSync(ca, authority.ca)
    const named = { [environmentNameOf('ca')]: ca }
    const secure = { [environmentNameOf('url')]: 'millraces://elsewhere:1' }
    expect(await brokerOfEnvironment({ ...named, ...secure }).tls?.()).toEqual({
      ca: authority.ca,
    })
    expect(brokerOfEnvironment(secure).tls).toBeUndefined()
    expect(brokerOfEnvironment(named).tls).toBeUndefined()
    expect(() => brokerOfEnvironment({ ...secure, [environmentNameOf('certKey')]: 'a.key' })).toThrow(
      'MILLRACE_CERT and MILLRACE_CERT_KEY are a pair: set both.',
    )
  })

  it('gives client programs the token of the environment', async () => {
    const token = `mr_${'a'.repeat(16)}_${'A'.repeat(43)}`
    const path = join(directory, 'shop.token')
    writeFileSync(path, `${token}\n`)
    const [value, file] = [environmentNameOf('token'), environmentNameOf('tokenFile')]
    expect(brokerOfEnvironment({ [value]: token }).token).toBe(token)
    const ask = brokerOfEnvironment({ [file]: path }).token as () => Promise<string>
    expect(await ask()).toBe(token)
    expect(() => brokerOfEnvironment({ [value]: token, [file]: path })).toThrow(/exclude each other/)
  })

  it('hostEnvironment: gives hosts the size of their thread pool, which libuv reads before any code runs', () => {
    expect(hostEnvironment(24)['UV_THREADPOOL_SIZE']).toBe('24')
  })
})

describe('SOFTWARE', () => {
  it('is the name and version of the package', () => {
    const packageJson = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
    const { name, version } = JSON.parse(packageJson) as { name: string; version: string }
    expect(SOFTWARE).toBe(`${name}/${version}`)
  })
})
