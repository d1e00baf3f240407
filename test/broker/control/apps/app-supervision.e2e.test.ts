// Apps in the daemon, shown by a program that says what it was told: started with the broker, started again, drained with it, and
// given an identity of its own where that is asked for. The compiled daemon, in processes.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startDaemon, type DaemonConfig, type RunningDaemon } from '#dist/bench/harness/daemon.js'
import { connect, tlsFiles, tokenFile, type Client } from '#dist/client/index.js'
import { TestAuthority } from '../../../support/certificates.ts'
import { knownProcess, untilGone } from '../../../support/daemon.ts'
import { temporaryDirectory } from '../../../support/disk/temporary.ts'

const entry = new URL('processes/daemon.mjs', import.meta.url)

/** A log line, as JSON. */
interface Line {
  readonly msg: string
  readonly component?: string
  readonly appPid?: number
  readonly fields?: {
    readonly principal?: string
    readonly options: Readonly<Record<string, unknown>>
    readonly tls?: unknown
    readonly serverName?: string
    readonly variables: readonly string[]
  }
  readonly apps?: Readonly<Record<string, string>>
}

class AppDaemon implements AsyncDisposable {
  readonly #stop: () => Promise<void>
  readonly running: RunningDaemon
  readonly dataDir: string

  private constructor(running: RunningDaemon, stop: () => Promise<void>) {
    this.running = running
    this.dataDir = running.dataDir
    this.#stop = stop
  }

  static async start(config: DaemonConfig = {}, dataDir?: string): Promise<AppDaemon> {
    const folder = await temporaryDirectory()
    const options = { entry, config: { with: 'kinesis', kinesisPort: '0', ...config } }
    const running = await startDaemon(dataDir ?? join(folder.path, 'data'), options)
    return new AppDaemon(running, async () => {
      await running.stop()
      await folder[Symbol.asyncDispose]()
    })
  }

  lines(): Line[] {
    return this.running
      .log()
      .split('\n')
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []))
  }

  found(pattern: RegExp): Line[] {
    return this.lines().filter(({ msg }) => pattern.test(msg))
  }

  /** The processes of the lives that were ready. */
  pids(): number[] {
    return this.found(/^app kinesis is ready/).map(({ appPid }) => appPid!)
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const answer = await fetch(new URL(path, this.running.adminUrl))
    return { status: answer.status, text: await answer.text() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}

async function untilRestarted(daemon: AppDaemon): Promise<number> {
  const [first] = daemon.pids()
  process.kill(first!, 'SIGKILL')
  await expect.poll(() => daemon.pids().length).toBe(2)
  return daemon.pids()[1]!
}

describe('an app of the daemon', () => {
  it('is told its own options and the way to the broker, and the line that says ready names its url', async () => {
    await using daemon = await AppDaemon.start({ kinesisPort: '14567', kinesisStateDelay: '2s' })
    const [ready] = daemon.found(/^millrace is ready/)
    expect(ready!.msg).toContain('kinesis at http://app.test:14567')
    expect(ready!.apps).toEqual({ kinesis: 'http://app.test:14567' })
    const [told] = daemon.found(/^the app was told$/)
    expect(told!.component).toBe('app kinesis')
    expect(told!.fields!.options).toEqual({
      port: 14567,
      host: '127.0.0.1',
      auth: 'off',
      account: '000000000000',
      stateDelay: 2000,
      limits: 'none',
      rules: 'aws',
    })
    // Where the broker is open, everyone may do everything.
    expect(told!.fields!.principal).toBeUndefined()
    expect(told!.fields!.variables).toEqual([])
    await expect.poll(() => daemon.found(/^a line of the app$/)).toHaveLength(1)
    expect(await daemon.get('/readyz')).toMatchObject({ status: 200 })
    expect((await daemon.get('/metrics')).text).toContain('millrace_app_ready{app="kinesis"} 1')
  })

  it('is started again when it is killed, and the broker goes on', async () => {
    await using daemon = await AppDaemon.start()
    const pid = await untilRestarted(daemon)
    expect(pid).not.toBe(daemon.pids()[0])
    expect(daemon.found(/^app kinesis is down and restarts: process \d+ ended by SIGKILL/)).toHaveLength(1)
    expect((await daemon.get('/metrics')).text).toContain('millrace_app_restarts_total{app="kinesis"} 1')
    await using client = await connect(daemon.running.url)
    expect((await client.describeBroker()).hosts[0]).toMatchObject({ state: 'ready', restarts: 0 })
  })

  it('is told to end when the daemon is, and is gone when the daemon is', async () => {
    await using daemon = await AppDaemon.start()
    const processes = daemon.pids().map(knownProcess)
    await daemon.running.stop()
    expect(daemon.running.process.exitCode).toBe(0)
    expect(daemon.found(/^the app was told to end$/)).toHaveLength(1)
    expect(daemon.found(/did not stop in time/)).toEqual([])
    await untilGone(processes)
  })

  it('ends with a daemon that is killed', async () => {
    await using daemon = await AppDaemon.start()
    const processes = daemon.pids().map(knownProcess)
    daemon.running.process.kill('SIGKILL')
    await untilGone(processes)
  })

  it('that cannot serve says why, in the log and to who asks whether the broker is ready', async () => {
    const ports = await import('../../../support/ports.ts')
    const adminPort = await ports.freePort()
    const kill = new AbortController()
    await using folder = await temporaryDirectory()
    const config = { with: 'kinesis', kinesisRegion: 'broken', adminPort: String(adminPort) }
    const starting = startDaemon(folder.path, { entry, config, signal: kill.signal })
    const ended = starting.catch((error: unknown) => error)
    const readiness = async () => {
      const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => undefined)
      return answer?.status === 503 ? await answer.text() : ''
    }
    await expect.poll(readiness).toMatch(/app kinesis is (down|starting): /)
    await expect.poll(readiness).toContain('app kinesis is down: It is broken.')
    kill.abort()
    await ended
  })
})

describe('where access is required', () => {
  const asRoot = (daemon: AppDaemon, ca?: string): Promise<Client> =>
    connect(daemon.running.url, {
      token: tokenFile(join(daemon.dataDir, 'root.token')),
      ...(ca !== undefined && { tls: tlsFiles({ ca }) }),
    })
  const tokensOf = async (client: Client): Promise<string[]> => {
    const ids: string[] = []
    for await (const { id } of client.access.listTokens({ principal: 'app-kinesis' })) ids.push(id)
    return ids
  }

  it('an app is a principal of its own, whose token ends with each of its lives', async () => {
    await using folder = await temporaryDirectory()
    const first = await AppDaemon.start({ access: 'required' }, folder.path)
    expect(first.found(/^the app was told$/)[0]!.fields!.principal).toBe('app-kinesis')
    expect(first.found(/^the app was told$/)[0]!.fields!.options['auth']).toBe('sigv4')
    {
      await using root = await asRoot(first)
      const { grants } = await root.access.describePrincipal('app-kinesis')
      expect(grants).toMatchObject([{ kind: '*', pattern: '*', actions: ['admin'] }])
      const before = await tokensOf(root)
      await untilRestarted(first)
      const after = await tokensOf(root)
      expect([before.length, after.length]).toEqual([1, 1])
      expect(after).not.toEqual(before)
    }
    expect(await tokensIn(folder.path)).toEqual(['root.token'])
    await first[Symbol.asyncDispose]()

    await using second = await AppDaemon.start(
      { access: 'required', with: ' kinesis , kinesis' },
      folder.path,
    )
    await using root = await asRoot(second)
    expect(await tokensOf(root)).toHaveLength(1)
  })

  it('an app that acts for others is somebody in front of an open broker too', async () => {
    await using daemon = await AppDaemon.start({ kinesisAuth: 'sigv4' })
    expect(daemon.found(/^the app was told$/)[0]!.fields!.principal).toBe('app-kinesis')
  })

  it('the token of a daemon that was killed is revoked by the next start, with or without the app', async () => {
    await using folder = await temporaryDirectory()
    await using first = await AppDaemon.start({ access: 'required' }, folder.path)
    const [app] = first.pids().map(knownProcess)
    first.running.process.kill('SIGKILL')
    await untilGone([app!, knownProcess(first.running.pid)])
    const second = await startDaemon(folder.path, { config: { access: 'required' } })
    try {
      await using root = await connect(second.url, { token: tokenFile(join(folder.path, 'root.token')) })
      expect(await tokensOf(root)).toEqual([])
      // It stays as a name with its grants; nobody has a credential for it.
      expect((await root.access.describePrincipal('app-kinesis')).name).toBe('app-kinesis')
    } finally {
      await second.stop()
    }
  })

  it('over TLS, an app trusts the authority of the broker, also where the certificate has another name', async () => {
    await using folder = await temporaryDirectory()
    const authority = await TestAuthority.make()
    const { cert, key } = await authority.sign(['broker.example.org'])
    const tls = { 'cert.pem': cert, 'key.pem': key, 'ca.pem': authority.ca }
    for (const [name, text] of Object.entries(tls))
      await writeFile(join(folder.path, name), text, { mode: 0o600 })
    await using daemon = await AppDaemon.start({ tlsDir: folder.path })
    const { fields } = daemon.found(/^the app was told$/)[0]!
    expect(fields).toMatchObject({
      principal: 'app-kinesis',
      serverName: 'broker.example.org',
      tls: { certFile: join(folder.path, 'cert.pem'), keyFile: join(folder.path, 'key.pem') },
    })
  })
})

/** Names of files in which a token stands in the clear. */
async function tokensIn(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const bytes = await readFile(join(entry.parentPath, entry.name))
    if (/mr_[A-Za-z0-9]{6,}_/.test(bytes.toString('latin1'))) found.push(entry.name)
  }
  return found
}
