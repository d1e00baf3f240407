// Calls over TLS to a port of this process, whose certificate an authority of the test's own has signed.
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TlsOptions } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestAuthority } from '../../../../test/support/certificates.ts'
import { trustingFetch } from '../../src/wire/trusting-fetch.ts'

let authority: TestAuthority
let other: TestAuthority
const servers: { close(): void; closeAllConnections(): void }[] = []
beforeAll(async () => {
  ;[authority, other] = await Promise.all([TestAuthority.make(), TestAuthority.make()])
})
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

/** A port that says what it was asked, and how. Returns its url. */
async function listening(names: readonly string[], status = 200): Promise<string> {
  const { cert, key } = await authority.sign(names)
  const server: Server = createServer({ cert, key }, (request, response) => {
    void buffer(request).then((body) => {
      response.writeHead(status, {
        'x-method': request.method,
        'x-length': request.headers['content-length'],
      })
      response.end(status === 204 ? undefined : `got ${body.toString()}`)
    })
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}/x?y=z`
}

const asked = (url: string, tls: TlsOptions | undefined, signal?: AbortSignal) =>
  trustingFetch(tls && (() => tls))(url, {
    method: 'POST',
    body: Buffer.from('öne'),
    ...(signal && { signal }),
  })

describe('trustingFetch', () => {
  it('trusts the authority of the broker', async () => {
    const url = await listening(['127.0.0.1'])
    for (const ca of [authority.ca, Buffer.from(authority.ca)]) {
      const response = await asked(url, { ca })
      expect([response.status, response.headers.get('x-method')]).toEqual([200, 'POST'])
      expect(response.headers.get('x-length')).toBe('4')
      expect(await response.text()).toBe('got öne')
    }
  })

  it.each<[string, () => TlsOptions | undefined]>([
    ['nobody is named', () => undefined],
    ['no authority is named', () => ({})],
    ['another authority is named', () => ({ ca: other.ca })],
  ])('refuses where %s', async (_, tls) => {
    const failure = await asked(await listening(['127.0.0.1']), tls()).catch((error: unknown) => error)
    const { cause = failure } = failure as Error
    expect(cause).toMatchObject({ code: expect.stringMatching(/CERT|UNABLE_TO_VERIFY/) as string })
  })

  it('takes a certificate for the name by which the broker is known, and for no other', async () => {
    const url = await listening(['broker.example.org'])
    const response = await asked(url, { ca: authority.ca, serverName: 'broker.example.org' })
    expect(response.status).toBe(200)
    await response.text()
    await expect(asked(url, { ca: authority.ca })).rejects.toThrow(/altnames|does not match/)
    await expect(asked(url, { ca: authority.ca, serverName: 'other.example.org' })).rejects.toThrow(
      /altnames|does not match/,
    )
  })

  it('gives an answer without a body', async () => {
    const response = await asked(await listening(['127.0.0.1'], 204), { ca: authority.ca })
    expect([response.status, await response.text()]).toEqual([204, ''])
  })

  it('ends with its signal', async () => {
    const ending = new AbortController()
    ending.abort()
    await expect(
      asked(await listening(['127.0.0.1']), { ca: authority.ca }, ending.signal),
    ).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('is fetch where there is no TLS', async () => {
    const server = createHttp((_request, response) => response.end('plain'))
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    expect(await (await asked(url, { ca: authority.ca })).text()).toBe('plain')
  })
})
