// Reads the TLS directory, and checks what it holds: a key that belongs to the certificate, and authorities that can be parsed.
// Runs in the controller. While files are being replaced, what is read may not fit together: the fault says so as a sentence.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClientCertificates, ServedCertificates } from '../../certificates-contract.ts'
import { faultOf } from '../../server/tls/tls-door.ts'

export interface CertificateFiles {
  readonly served: ServedCertificates
  /** Path of the certificate of the broker's authority, for clients on this machine; undefined where the directory has none. */
  readonly authority: string | undefined
  /** When what each file holds expires: file name → milliseconds since the epoch. */
  readonly expiry: ReadonlyMap<string, number>
  /** Who else may read the key, as a sentence; undefined if nobody may. */
  readonly exposure: string | undefined
}

/** The directory cannot be used as it is. The message is a sentence for an operator. */
export class CertificateFault extends Error {}

const CERT = 'cert.pem'
const KEY = 'key.pem'
const AUTHORITY = 'ca.pem'
const CLIENTS_AUTHORITY = 'clients-ca.pem'

/** Reads and checks the files. Throws CertificateFault. */
export async function readCertificateFiles(
  directory: string,
  clients: ClientCertificates,
): Promise<CertificateFiles> {
  const [cert, key] = await Promise.all([required(directory, CERT), required(directory, KEY)])
  const [leaf, ...chain] = certificatesIn(cert, join(directory, CERT))
  if (!belongsTo(key, leaf!, join(directory, KEY))) {
    throw new CertificateFault(`${join(directory, KEY)} is not the key of ${CERT} beside it.`)
  }
  const hasAuthority = (await optional(directory, AUTHORITY)) !== undefined
  const authority = hasAuthority ? join(directory, AUTHORITY) : undefined
  const expiry = new Map([[CERT, firstExpiry([leaf!, ...chain])]])
  const exposure = await exposureOf(join(directory, KEY))
  const common = { authority, expiry, exposure }
  if (clients === 'none') {
    return { ...common, served: servable({ cert, key, clients, clientsCa: null }, directory) }
  }
  const clientsCa = await authorityOfClients(directory)
  expiry.set(clientsCa.name, firstExpiry(certificatesIn(clientsCa.text, join(directory, clientsCa.name))))
  return { ...common, served: servable({ cert, key, clients, clientsCa: clientsCa.text }, directory) }
}

/** Certificates that parse one by one may still be none that OpenSSL takes: a chain that is half written, for example. */
function servable(certificates: ServedCertificates, directory: string): ServedCertificates {
  const fault = faultOf(certificates)
  if (fault === undefined) return certificates
  throw new CertificateFault(`What is in ${directory} cannot be served (${fault}): write the files anew.`)
}

/** A key of the system's administrator may be shared with a group, as Debian's ssl-cert; PostgreSQL draws the same line. */
const SHARED_BITS = 0o037
const OWN_BITS = 0o077

/** Warned about and not refused: volumes of containers have modes that nobody chooses. */
async function exposureOf(path: string): Promise<string | undefined> {
  // Windows has no such modes.
  if (process.platform === 'win32') return undefined
  const status = await stat(path).catch(() => undefined)
  if (status === undefined) return undefined
  const isShared = status.uid === 0 && process.getuid!() !== 0
  if ((status.mode & (isShared ? SHARED_BITS : OWN_BITS)) === 0) return undefined
  return `${path} can be read or changed by others than its owner, who could pass for this broker: chmod 600 ${path}`
}

async function authorityOfClients(directory: string): Promise<{ name: string; text: string }> {
  for (const name of [CLIENTS_AUTHORITY, AUTHORITY]) {
    const text = await optional(directory, name)
    if (text !== undefined) return { name, text }
  }
  throw new CertificateFault(
    `${directory} has neither ${CLIENTS_AUTHORITY} nor ${AUTHORITY}: one of them says which certificates of clients are trusted.`,
  )
}

async function required(directory: string, name: string): Promise<string> {
  const text = await optional(directory, name)
  if (text !== undefined) return text
  throw new CertificateFault(
    `${directory} has no ${name}: put it there, or make ${CERT} and ${KEY} with \`millrace tls init --dir ${directory}\`.`,
  )
}

async function optional(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, name), 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const why =
      code === 'EACCES'
        ? 'may not be read by the user of the broker: give it to them'
        : `cannot be read: ${message}`
    throw new CertificateFault(`${join(directory, name)} ${why}.`)
  }
}

/** Parses all certificates of a file; there is at least one. */
function certificatesIn(text: string, path: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  try {
    const certificates = blocks.map((block) => new X509Certificate(block))
    if (certificates.length > 0) return certificates
  } catch {
    // As good as none.
  }
  throw new CertificateFault(`${path} holds no certificate in PEM, or a broken one.`)
}

function belongsTo(key: string, certificate: X509Certificate, path: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    throw new CertificateFault(`${path} holds no private key in PEM that can be read without a passphrase.`)
  }
}

function firstExpiry(certificates: readonly X509Certificate[]): number {
  return Math.min(...certificates.map(({ validTo }) => Date.parse(validTo)))
}
