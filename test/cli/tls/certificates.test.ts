// What names become in a certificate.
import { X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import { makeAuthority, makeCertificate } from '../../../cli/tls/certificates.ts'

const validity = { notBefore: new Date('2026-01-01'), notAfter: new Date('2027-01-01') }

it('each name becomes the kind of name that it looks like', async () => {
  const names = [
    'broker.example.org',
    '10.0.0.5',
    '::1',
    'spiffe://example.org/shop',
    'shop@example.org',
    '*.lan',
  ]
  const { cert } = await makeCertificate(await makeAuthority(validity), {
    names,
    purpose: 'server',
    validity,
  })
  expect(new X509Certificate(cert).subjectAltName?.split(', ')).toEqual([
    'DNS:broker.example.org',
    'IP Address:10.0.0.5',
    'IP Address:0:0:0:0:0:0:0:1',
    'URI:spiffe://example.org/shop',
    'email:shop@example.org',
    'DNS:*.lan',
  ])
})

it('a certificate is signed by its authority, holds its own key, and signs nothing itself', async () => {
  const authority = await makeAuthority(validity)
  const { cert, key } = await makeCertificate(authority, {
    names: ['a'.repeat(90)],
    purpose: 'client',
    validity,
  })
  const certificate = new X509Certificate(cert)
  const issuer = new X509Certificate(authority.cert)
  expect(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)).toBe(true)
  expect(certificate.checkPrivateKey((await import('node:crypto')).createPrivateKey(key))).toBe(true)
  expect([certificate.ca, issuer.ca]).toEqual([false, true])
  expect(new Date(certificate.validTo)).toEqual(validity.notAfter)
})

it('an authority whose key is another one signs nothing', async () => {
  const { cert } = await makeAuthority(validity)
  const { key } = await makeAuthority(validity)
  const request = { names: ['a'], purpose: 'server', validity } as const
  await expect(makeCertificate({ cert, key }, request)).rejects.toThrow('key is not that of its certificate')
})
