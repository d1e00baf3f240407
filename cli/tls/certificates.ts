// Makes a development authority, and certificates that it signs. Runs in the command line, and in tests. Keys are ECDSA P-256;
// everything is PEM. A server's certificate cannot be used by a client, nor the other way round.
import 'reflect-metadata' // the library asks for it, and does not bring it along
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509'
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'

type CryptoKey = webcrypto.CryptoKey

/** A certificate and its private key, both in PEM. */
export interface KeyedCertificate {
  readonly cert: string
  readonly key: string
}

/** When a certificate begins and ends to be valid. */
export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

/** What a certificate is made for. */
export interface CertificateRequest {
  /** Names of the holder: see `alternativeName`. There is at least one. */
  readonly names: readonly string[]
  readonly purpose: 'server' | 'client'
  readonly validity: Validity
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Makes an authority that signs certificates of servers and clients, and no other authorities. */
export async function makeAuthority(validity: Validity): Promise<KeyedCertificate> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Millrace development authority ${randomBytes(4).toString('hex')}`,
    ...validity,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: textOf(certificate), key: await keyText(keys.privateKey) }
}

/** Makes a certificate that the authority signs. Throws if the authority's key is not that of its certificate. */
export async function makeCertificate(
  authority: KeyedCertificate,
  request: CertificateRequest,
): Promise<KeyedCertificate> {
  const { names, purpose, validity } = request
  const issuer = new X509Certificate(authority.cert)
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subject,
    subject: [{ CN: [names[0]!.slice(0, COMMON_NAME_MAX)] }],
    ...validity,
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority.key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      ...(await ordinaryExtensions(keys, issuer)),
      new ExtendedKeyUsageExtension([
        purpose === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
      ]),
      new SubjectAlternativeNameExtension(names.map(alternativeName)),
    ],
  })
  if (!(await certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true }))) {
    throw new Error("the authority's key is not that of its certificate")
  }
  return { cert: textOf(certificate), key: await keyText(keys.privateKey) }
}

/** X.520 allows no longer one. */
const COMMON_NAME_MAX = 64

async function ordinaryExtensions(
  keys: webcrypto.CryptoKeyPair,
  issuer: X509Certificate,
): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ]
}

/** Reads a name as the kind of name that it looks like: an IP address, a URI, an e-mail address, else a DNS name. */
export function alternativeName(name: string): { type: 'ip' | 'url' | 'email' | 'dns'; value: string } {
  if (isIP(name) !== 0) return { type: 'ip', value: name }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name)) return { type: 'url', value: name }
  return { type: name.includes('@') ? 'email' : 'dns', value: name }
}

/** A random positive number of 16 bytes, in hex digits. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function signingKey(pem: string): Promise<CryptoKey> {
  const bytes = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' })
  return webcrypto.subtle.importKey('pkcs8', bytes, ALGORITHM, false, ['sign'])
}

async function keyText(key: CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return String(
    createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }),
  )
}

function textOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}
