// The TLS port of a server: who gets in, who does not and what he is told, and that nobody in between locks others out.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { encodeRequest } from '../../../../protocol/index.ts'
import { TestAuthority } from '../../../support/certificates.ts'
import { RawConnection } from '../../../support/raw-connection.ts'
import { certificatesOf, endOf, SecureServing } from './support/secure-serving.ts'

describe('a client of the protocol', () => {
  it('speaks TLS 1.3 and millrace/1, and a session goes on without a whole handshake', async () => {
    await using home = await SecureServing.start()
    const first = home.dial()
    const session = once(first, 'session') as Promise<[Buffer]>
    const connection = new RawConnection(first)
    await connection.hello()
    expect([first.getProtocol(), first.alpnProtocol]).toEqual(['TLSv1.3', 'millrace/1'])
    const again = home.dial({ session: (await session)[0] })
    await new RawConnection(again).hello()
    expect(again.isSessionReused()).toBe(true)
    expect([home.outcome('begun'), home.outcome('resumed')]).toEqual([1, 1])
  })

  it('gets new certificates at its next handshake, and no old session goes on; connections stay', async () => {
    await using home = await SecureServing.start()
    const first = home.dial()
    const session = once(first, 'session') as Promise<[Buffer]>
    const connection = new RawConnection(first)
    await connection.hello()
    const other = await TestAuthority.make()
    home.serving.server.renewCertificates(await certificatesOf(other))
    const next = home.dial({ ca: other.ca, session: (await session)[0] })
    await new RawConnection(next).hello()
    expect(next.isSessionReused()).toBe(false)
    expect(await endOf(home.dial())).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    expect(await connection.request('ping', {})).toHaveProperty('now')
  })
})

describe('refused by the handshake', () => {
  it('are older versions of TLS and other protocols', async () => {
    await using home = await SecureServing.start()
    expect(await endOf(home.dial({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }))).toBe(
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    )
    expect(await endOf(home.dial({ ALPNProtocols: ['h2', 'http/1.1'] }))).toBe(
      'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    )
    await expect.poll(() => home.outcome('failed')).toBe(2)
    await expect.poll(() => home.serving.server.sessionCount).toBe(0)
  })

  it('is what begins like TLS and is something else', async () => {
    await using home = await SecureServing.start()
    const socket = home.plain()
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x04, 1, 2, 3, 4]))
    socket.resume()
    await once(socket, 'close')
    await expect.poll(() => home.outcome('failed')).toBe(1)
  })
})

describe('told what to do', () => {
  it('is a client that names no protocol', async () => {
    await using home = await SecureServing.start()
    const connection = new RawConnection(home.dial({ ALPNProtocols: [] }))
    await connection.closed
    expect(connection.connectionErrors).toMatchObject([
      { code: 'tlsFailed', message: 'A client of this port asks by ALPN for millrace/1.' },
    ])
  })

  it('is a client without TLS, of this protocol or of HTTP', async () => {
    await using home = await SecureServing.start()
    const connection = new RawConnection(home.plain())
    connection.write(...encodeRequest('hello', 1, { versionMin: 1, versionMax: 1, client: 'x' }))
    await connection.closed
    expect(connection.connectionErrors).toMatchObject([
      { code: 'tlsFailed', message: expect.stringContaining('millraces://') as string },
    ])
    const web = new RawConnection(home.plain())
    web.write(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    await web.closed
    expect(web.unframed).toContain('HTTP/1.1 400')
    expect(home.outcome('plaintext')).toBe(2)
    await expect.poll(() => home.serving.server.sessionCount).toBe(0)
  })
})

describe('certificates of clients', () => {
  const pair = async (home: SecureServing, ...names: string[]) =>
    home.authority.sign(names, { purpose: 'client' })

  it('are neither wanted nor looked at by default', async () => {
    await using home = await SecureServing.start()
    await home.connect(await (await TestAuthority.make()).sign(['shop'], { purpose: 'client' }))
    expect(home.outcome('begun')).toBe(1)
  })

  it.each(['optional', 'required'] as const)(
    'that are trusted are welcome where they are %s',
    async (clients) => {
      await using home = await SecureServing.start({}, clients)
      await home.connect(await pair(home, 'shop'))
      expect(home.outcome('begun')).toBe(1)
    },
  )

  it('may be missing where they are optional, and not where they are required', async () => {
    await using optional = await SecureServing.start({}, 'optional')
    await optional.connect()
    await using required = await SecureServing.start({}, 'required')
    const connection = new RawConnection(required.dial())
    await connection.closed
    expect(connection.connectionErrors).toMatchObject([
      { code: 'tlsFailed', message: expect.stringContaining('wants a certificate') as string },
    ])
    expect(required.outcome('refused')).toBe(1)
  })

  it.each([
    ['missing', 'wants a certificate'],
    ['not to be trusted', 'is not trusted here'],
  ])('that are %s are so also where a session goes on', async (what, said) => {
    await using home = await SecureServing.start({}, 'required')
    const stranger = await TestAuthority.make()
    const own = what === 'missing' ? {} : await stranger.sign(['shop'], { purpose: 'client' })
    const first = home.dial(own)
    const session = once(first, 'session') as Promise<[Buffer]>
    await new RawConnection(first).closed
    const again = home.dial({ ...own, session: (await session)[0] })
    const isResumed = once(again, 'secureConnect').then(() => again.isSessionReused())
    const connection = new RawConnection(again)
    await expect(connection.hello()).rejects.toMatchObject({ code: 'connectionLost' })
    expect(await isResumed).toBe(true)
    expect(connection.connectionErrors).toMatchObject([
      { code: 'tlsFailed', message: expect.stringContaining(said) as string },
    ])
  })

  it.each(['optional', 'required'] as const)(
    'that are not to be trusted are refused where they are %s',
    async (clients) => {
      await using home = await SecureServing.start({}, clients)
      const stranger = await TestAuthority.make()
      const untrusted = [
        await stranger.sign(['shop'], { purpose: 'client' }),
        stranger.pair, // signed by itself
        await home.authority.sign(['shop'], { purpose: 'client', endsAfterDays: -1 }),
        await home.authority.sign(['shop'], { purpose: 'server' }),
      ]
      for (const certificate of untrusted) {
        const connection = new RawConnection(home.dial(certificate))
        const hello = connection.hello().catch((error: unknown) => error)
        await connection.closed
        expect(connection.connectionErrors).toMatchObject([
          { code: 'tlsFailed', message: expect.stringContaining('is not trusted here') as string },
        ])
        expect(await hello).toMatchObject({ code: 'connectionLost' })
      }
      expect(home.outcome('refused')).toBe(untrusted.length)
    },
  )
})

describe('handshakes that are not completed', () => {
  /** Enough of a handshake that the server goes on with it: a client hello that is cut. */
  const HALF = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])

  it('count as connections, and make room for clients that say hello', async () => {
    await using home = await SecureServing.start({ maxConnections: 32 })
    const silent = Array.from({ length: 200 }, (_, i) => {
      const socket = home.plain()
      socket.on('error', () => {})
      if (i % 2 === 0) socket.write(HALF)
      return socket
    })
    await Promise.all(silent.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])))
    for (let i = 0; i < 10; i++) {
      const connection = await home.connect()
      expect(await connection.request('ping', {})).toHaveProperty('now')
    }
    expect(home.serving.server.sessionCount).toBeLessThanOrEqual(32 + 64)
  })

  it('end at the deadline of hello, each counted until it is gone', async () => {
    const limits = { helloDeadlineMs: 100, sweepMs: 20 }
    await using home = await SecureServing.start({ limits })
    const [begun, silent] = [home.plain(), home.plain()]
    begun.write(HALF)
    const dead = home.plain() // says something by TLS, and then nothing
    dead.write(HALF.subarray(0, 1))
    const waiting = home.dial() // completes the handshake, and says no hello
    await Promise.all([begun, silent, dead, waiting].map((socket) => endOf(socket.resume())))
    await expect.poll(() => home.serving.server.sessionCount).toBe(0)
    // On a machine that stands still for a moment, Node's own limit on handshakes comes before the sweep: networkFailed.
    const { timedOut = 0, networkFailed = 0 } = home.serving.counted.sums('millrace_connections_closed_total')
    expect(timedOut + networkFailed).toBe(4)
    expect(home.serving.counted.sum('millrace_connections')).toBe(0)
  })

  it('leave nothing behind where clients go away in the middle of them, and others are served', async () => {
    await using home = await SecureServing.start({ maxConnections: 64 })
    const served = await home.connect()
    const abort = async (round: number): Promise<void> => {
      const socket = home.dial()
      socket.on('error', () => {})
      await once(socket, round % 3 === 0 ? 'secureConnect' : 'connect').catch(() => {})
      socket.destroy()
    }
    for (let round = 0; round < 20; round++) {
      const storm = Array.from({ length: 10 }, (_, i) => abort(round + i))
      expect(await served.request('ping', {})).toHaveProperty('now')
      await Promise.all(storm)
    }
    await expect.poll(() => home.serving.server.sessionCount).toBe(1)
    expect(home.serving.counted.sum('millrace_connections')).toBe(1)
    expect(home.serving.logged).toEqual([])
  })

  it('end with the server', async () => {
    const home = await SecureServing.start()
    const ended: Promise<string>[] = []
    for (const socket of [home.plain(), home.plain(), home.dial()]) {
      ended.push(endOf(socket))
      await once(socket, 'connect')
    }
    await expect.poll(() => home.serving.server.sessionCount).toBe(3)
    await home.serving.server.drain(10_000)
    await Promise.all(ended)
    expect(home.serving.server.sessionCount).toBe(0)
  })
})
