// The TLS port as `openssl s_client` sees it: what is offered, and what is not. Skipped where there is no openssl.
import { execFile, execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SecureServing } from './support/secure-serving.ts'

let version: string | undefined
try {
  version = execFileSync('openssl', ['version'], { encoding: 'utf8' })
} catch {
  // There is none.
}

let home: SecureServing
beforeAll(async () => {
  home = await SecureServing.start()
})
afterAll(() => home[Symbol.asyncDispose]())

/** Runs s_client with an input; returns everything that it says, and whether it connected. */
function probe(args: readonly string[], input = ''): Promise<{ said: string; connected: boolean }> {
  const all = ['s_client', '-connect', `127.0.0.1:${home.port}`, ...args]
  return new Promise((resolve) => {
    const child = execFile('openssl', all, (error, stdout, stderr) => {
      resolve({ said: stdout + stderr, connected: error === null && /New, TLSv|Reused, TLSv/.test(stdout) })
    })
    child.stdin!.on('error', () => {})
    child.stdin!.end(input)
  })
}

const ALPN = ['-alpn', 'millrace/1']

describe.skipIf(version === undefined)('openssl s_client (skipped where openssl is not installed)', () => {
  it('is offered TLS 1.3, a strong cipher, its protocol, and no compression', async () => {
    const { said, connected } = await probe([...ALPN, '-tls1_3'])
    expect(connected).toBe(true)
    expect(said).toMatch(
      /New, TLSv1\.3, Cipher is TLS_(AES_256_GCM_SHA384|AES_128_GCM_SHA256|CHACHA20_POLY1305_SHA256)/,
    )
    expect(said).toContain('ALPN protocol: millrace/1')
    expect(said).toContain('Compression: NONE')
    expect(said).toContain('Early data was not sent')
    expect(said).not.toContain('Acceptable client certificate CA names')
  })

  it.each(['-tls1_2', '-tls1_1', '-tls1'])('is refused with %s', async (flag) => {
    // Level 0 lets the client itself offer what is out of date.
    const { said, connected } = await probe([...ALPN, flag, '-cipher', 'ALL:@SECLEVEL=0'])
    expect(connected).toBe(false)
    expect(said).toMatch(
      /protocol version|unsupported protocol|no protocols available|alert handshake failure/,
    )
  })

  it('is refused with a cipher without integrity of its own or with another protocol', async () => {
    expect((await probe([...ALPN, '-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_8_SHA256'])).connected).toBe(
      false,
    )
    expect((await probe(['-alpn', 'h2', '-tls1_3'])).said).toContain('no application protocol')
  })

  it('cannot negotiate anew', async () => {
    // A line `R` asks s_client to negotiate anew.
    const { said } = await probe([...ALPN, '-tls1_3'], 'R\n')
    expect(said).not.toContain('RENEGOTIATING\ndepth')
    expect(said).toMatch(/RENEGOTIATING[^]*(wrong ssl version|SSL_renegotiate|error)|New, TLSv1\.3/)
    await expect.poll(() => home.serving.server.sessionCount).toBe(0)
  })
})
