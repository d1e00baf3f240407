// The client over TLS, against a broker behind a TLS server that the test makes as it likes.
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createServer, type TLSSocket, type TlsOptions as ServerOptions } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connect, type ConnectOptions, type MillraceError, type TlsOptions } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import { TestAuthority } from '../../support/certificates.ts'

let broker: Broker
let authority: TestAuthority
const servers: Server[] = []
const sockets = new Set<Socket>()

beforeAll(async () => {
  broker = await createBroker()
  authority = await TestAuthority.make()
})
afterAll(() => broker.close())
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const socket of sockets) socket.destroy()
})

async function listening(server: Server): Promise<string> {
  servers.push(server)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return String((server.address() as AddressInfo).port)
}

/** A connection, with what was agreed: a socket that is closed tells nothing any more. */
interface SeenSocket {
  readonly socket: TLSSocket
  readonly alpnProtocol: unknown
  readonly servername: unknown
  readonly isResumed: boolean
  readonly version: unknown
}

/** A TLS server before the broker. Returns its port, and what it saw. */
async function tlsBefore(options: ServerOptions = {}) {
  const seen: SeenSocket[] = []
  const own = await authority.sign(['localhost', '127.0.0.1'])
  const server = createServer({ ...own, ALPNProtocols: ['millrace/1'], ...options }, (socket) => {
    const { alpnProtocol, servername } = socket as TLSSocket & { servername: unknown }
    const isResumed = socket.isSessionReused()
    seen.push({ socket, alpnProtocol, servername, isResumed, version: socket.getProtocol() })
    const inner = connectTcp(Number(new URL(broker.url).port), '127.0.0.1')
    socket.pipe(inner).pipe(socket)
    for (const one of [socket, inner]) one.on('error', () => {})
    socket.once('close', () => inner.destroy())
    inner.once('close', () => socket.destroy())
  })
  server.on('tlsClientError', () => {})
  return { port: await listening(server), seen }
}

function connectTo(port: string, options: ConnectOptions = {}, host = 'localhost') {
  return connect(`millraces://${host}:${port}`, { tls: { ca: authority.ca }, ...options })
}

async function refusalOf(promise: Promise<unknown>): Promise<MillraceError> {
  const thrown: unknown = await promise.then(
    () => 'it was accepted',
    (error: unknown) => error,
  )
  return thrown as MillraceError
}

describe('a trusted broker', () => {
  it('is reached by its name or its address, with one protocol and version', async () => {
    const { port, seen } = await tlsBefore()
    for (const host of ['localhost', '127.0.0.1']) {
      await using client = await connectTo(port, {}, host)
      expect((await client.describeBroker()).hosts).toHaveLength(1)
    }
    expect(seen.map(({ alpnProtocol }) => alpnProtocol)).toEqual(['millrace/1', 'millrace/1'])
    expect(seen.map(({ version }) => version)).toEqual(['TLSv1.3', 'TLSv1.3'])
    expect(seen.map(({ servername }) => servername)).toEqual(['localhost', false])
  })

  it('is asked for what the application gives at each dial, and a session goes on where that is the same', async () => {
    const { port, seen } = await tlsBefore()
    const asked: TlsOptions[] = []
    const tls = () => {
      // The second dial gives the same in other words, the third trusts another authority, too.
      const ca = asked.length === 0 ? authority.ca : Buffer.from(authority.ca)
      const given = { ca: asked.length < 2 ? ca : `${authority.ca}\n${other.ca}` }
      asked.push(given)
      return given
    }
    const other = await TestAuthority.make()
    await using client = await connectTo(port, { tls, retry: { backoffMinMs: 1, backoffMaxMs: 10 } })
    for (let round = 1; round <= 3; round++) {
      await client.describeBroker()
      expect(asked).toHaveLength(round)
      seen.at(-1)!.socket.destroy()
      await expect.poll(() => sockets.size).toBe(0)
    }
    expect(seen.map(({ isResumed }) => isResumed)).toEqual([false, true, false])
  })

  it('is found by another name where the application says which', async () => {
    const cert = await authority.sign(['broker.example.org'])
    const { port } = await tlsBefore(cert)
    const tls = { ca: authority.ca, serverName: 'broker.example.org' }
    await using client = await connectTo(port, { tls })
    expect((await client.describeBroker()).hosts).toHaveLength(1)
  })

  it('sees the certificate of a client that has one', async () => {
    const { port, seen } = await tlsBefore({ requestCert: true, ca: authority.ca })
    const shop = await authority.sign(['shop'], { purpose: 'client' })
    await using client = await connectTo(port, { tls: { ca: authority.ca, ...shop } })
    await client.describeBroker()
    expect(seen[0]!.socket.getPeerX509Certificate()?.subjectAltName).toBe('DNS:shop')
  })
})

describe('a broker is given up at once, and a sentence says why, where it', () => {
  it('has a certificate for another name', async () => {
    const { port } = await tlsBefore(await authority.sign(['other.example.org']))
    const error = await refusalOf(connectTo(port))
    expect(error.code).toBe('tlsFailed')
    expect(error.retry).toBe('never')
    expect(error.message).toBe(
      `No connection to localhost:${port}: the certificate there is not for localhost, but for DNS:other.example.org: ` +
        'use one of its names in the url, or in tls.serverName.',
    )
  })

  it.each([
    ['has expired', 'has expired', async () => authority.sign(['localhost'], { endsAfterDays: -1 })],
    [
      'is signed by an authority that the client does not know',
      'does not trust the certificate there',
      async () => (await TestAuthority.make()).sign(['localhost']),
    ],
    [
      'is signed by itself',
      'does not trust the certificate there',
      async () => (await TestAuthority.make()).pair,
    ],
    [
      'is that of a client',
      'does not trust the certificate there',
      async () => authority.sign(['localhost'], { purpose: 'client' }),
    ],
  ])('has a certificate that %s', async (_, sentence, certificate) => {
    const { port, seen } = await tlsBefore(await certificate())
    const error = await refusalOf(connectTo(port))
    expect(error).toMatchObject({ code: 'tlsFailed', message: expect.stringContaining(sentence) as string })
    expect(seen.every(({ socket }) => socket.bytesRead === 0)).toBe(true)
  })

  it('wants a certificate of the client', async () => {
    const { port } = await tlsBefore({ requestCert: true, rejectUnauthorized: true, ca: authority.ca })
    const error = await refusalOf(connectTo(port))
    expect(error).toMatchObject({
      code: 'tlsFailed',
      message: expect.stringContaining('wants a certificate of the client') as string,
    })
  })

  it.each([
    [{ ALPNProtocols: ['h2'] }, "speaks TLS, but not the broker's protocol"],
    [{ ALPNProtocols: [] }, "speaks TLS, but not the broker's protocol"],
    [{ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }, 'does not speak TLS 1.3'],
  ] as const)('agrees to something else: %o', async (options, sentence) => {
    const { port } = await tlsBefore({
      ...options,
      ALPNProtocols: [...('ALPNProtocols' in options ? options.ALPNProtocols : ['millrace/1'])],
    })
    const error = await refusalOf(connectTo(port))
    expect(error).toMatchObject({ code: 'tlsFailed', message: expect.stringContaining(sentence) as string })
  })

  it('speaks no TLS', async () => {
    const { port } = new URL(broker.url)
    const error = await refusalOf(connectTo(port))
    expect(error.code).toBe('tlsFailed')
    expect(error.message).toBe(
      `No connection to localhost:${port}: the broker there does not speak TLS; use millrace://.`,
    )
  })

  it('cannot be trusted any more when a client that is connected comes back to it', async () => {
    const options: ServerOptions = await authority.sign(['localhost'])
    const first = await tlsBefore(options)
    await using client = await connectTo(first.port, { retry: { backoffMinMs: 1, backoffMaxMs: 10 } })
    ;(servers[0] as unknown as { setSecureContext(options: ServerOptions): void }).setSecureContext(
      await authority.sign(['other.example.org']),
    )
    first.seen[0]!.socket.destroy()
    await expect.poll(() => sockets.size).toBe(0)
    expect(await refusalOf(client.describeBroker())).toMatchObject({ code: 'tlsFailed' })
  })
})

describe('what may heal by itself is not called untrusted', () => {
  it('a silent peer, a peer that hangs up, and a port where nothing listens', async () => {
    const silent = await listening(createTcpServer(() => {}))
    const signal = AbortSignal.timeout(200)
    expect(await refusalOf(connectTo(silent, { signal }))).toMatchObject({ code: 'aborted' })
    const rude = await listening(createTcpServer((socket) => socket.destroy()))
    expect(await refusalOf(connectTo(rude))).toMatchObject({ code: 'unavailable' })
    const closed = await tlsBefore()
    await new Promise((resolve) => servers[servers.length - 1]!.close(resolve))
    expect(await refusalOf(connectTo(closed.port))).toMatchObject({ code: 'unavailable' })
  })

  it('a function that fails to get certificates', async () => {
    const { port } = await tlsBefore()
    const tls = () => Promise.reject(new Error('the vault is sealed'))
    expect(await refusalOf(connectTo(port, { tls }))).toMatchObject({
      code: 'unavailable',
      message: `No connection to localhost:${port}: the vault is sealed.`,
    })
  })
})

describe('options that cannot be used are refused by name', () => {
  it.each<[ConnectOptions, string]>([
    [{ tls: { ca: 5 as never } }, 'tls.ca is 5; it must be bytes'],
    [{ tls: () => ({ cas: 'x' }) as never }, 'There is no option tls().cas. Did you mean tls().ca?'],
    [{ tls: { cert: 'x' } }, 'tls.cert and tls.key belong together'],
    [{ tls: { ca: 'x' } }, 'tls.ca holds no certificate in PEM'],
    [{ tls: { cert: 'x', key: 'y' } }, 'tls is not made of certificates and a matching key in PEM'],
  ])('%o', async (options, sentence) => {
    const { port } = await tlsBefore()
    const error = await refusalOf(connectTo(port, options))
    expect(error).toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining(sentence) as string,
    })
  })

  it('tls for a plaintext url, which would not be used', async () => {
    const error = await refusalOf(connect(broker.url, { tls: { ca: authority.ca } }))
    expect(error).toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('millraces://') as string,
    })
  })
})
