// The files of a TLS directory: which are there, and how `millrace tls` writes them. Runs in the command line. Keys are written
// for their owner alone, no file is ever overwritten, and a pair is written key first: what waits for the certificate finds both.
import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../failure.ts'
import {
  makeAuthority,
  makeCertificate,
  type CertificateRequest,
  type KeyedCertificate,
} from './certificates.ts'

const AUTHORITY = { cert: 'ca.pem', key: 'ca-key.pem' } as const
const SERVER = { cert: 'cert.pem', key: 'key.pem' } as const

/** Names that every server certificate has, so that this machine reaches its broker by any of them. */
export const LOCAL_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1']

/** Ten years: clients hold a copy of it, which is the tedious thing to replace. */
const AUTHORITY_DAYS = 3650
/** The longest that common verifiers accept. */
const CERTIFICATE_DAYS = 825
const DAY_MS = 86_400_000
/** Clocks of other machines may be behind. */
const EARLY_MS = 3_600_000

/** Paths of what was made, and of the authority that signed it. */
export interface MadeFiles {
  readonly authority: string
  readonly cert: string
  readonly key: string
  readonly madeAuthority: boolean
  readonly until: Date
}

/** A certificate of a client, and the name in it as a broker compares it: `DNS:shop`. */
export interface MadeClient extends MadeFiles {
  readonly knownAs: string
}

type FileNames = { readonly cert: string; readonly key: string }

/** Makes a server's certificate, and the authority first where the directory has none. */
export async function initDirectory(
  directory: string,
  names: readonly string[],
  now: Date,
): Promise<MadeFiles> {
  await mkdir(directory, { recursive: true })
  const all = [...new Set([...names, ...LOCAL_NAMES])]
  await refuseExisting(directory, SERVER)
  const known = await readPair(directory, AUTHORITY)
  const authority = known ?? (await makeAuthority(validity(now, AUTHORITY_DAYS)))
  const made = await sign(authority, {
    names: all,
    purpose: 'server',
    validity: validity(now, CERTIFICATE_DAYS),
  })
  if (known === undefined) await writePair(directory, AUTHORITY, authority)
  await writePair(directory, SERVER, made)
  return { ...placesOf(directory, SERVER), madeAuthority: known === undefined, until: endOf(now) }
}

/** Makes a client's certificate by the authority of the directory. */
export async function addClient(directory: string, name: string, now: Date): Promise<MadeClient> {
  const authority = await readPair(directory, AUTHORITY)
  if (authority === undefined) {
    throw new Failure(`${directory} has no ${AUTHORITY.cert}: make it first, with \`millrace tls init\`.`)
  }
  const files = clientFiles(name)
  await refuseExisting(directory, files)
  const made = await sign(authority, {
    names: [name],
    purpose: 'client',
    validity: validity(now, CERTIFICATE_DAYS),
  })
  await writePair(directory, files, made)
  const knownAs = new X509Certificate(made.cert).subjectAltName!
  return { ...placesOf(directory, files), madeAuthority: false, until: endOf(now), knownAs }
}

async function sign(authority: KeyedCertificate, request: CertificateRequest): Promise<KeyedCertificate> {
  try {
    return await makeCertificate(authority, request)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `No certificate can be made by ${AUTHORITY.cert} and ${AUTHORITY.key}: ${why}.`
    throw new Failure(message, 'failed', { cause: error })
  }
}

function validity(now: Date, days: number): CertificateRequest['validity'] {
  return { notBefore: new Date(now.getTime() - EARLY_MS), notAfter: new Date(now.getTime() + days * DAY_MS) }
}

function endOf(now: Date): Date {
  return validity(now, CERTIFICATE_DAYS).notAfter
}

function placesOf(directory: string, files: FileNames): Pick<MadeFiles, 'authority' | 'cert' | 'key'> {
  return {
    authority: join(directory, AUTHORITY.cert),
    cert: join(directory, files.cert),
    key: join(directory, files.key),
  }
}

/** Names of files have up to 255 bytes. */
const STEM_CHARACTERS_MAX = 200

/** `spiffe://a/b` has characters that a file name must not have. */
function clientFiles(name: string): FileNames {
  const stem = name
    .replace(/[^\p{L}\p{N}@._-]+/gu, '-')
    .replace(/^[-.]+/, '')
    .slice(0, STEM_CHARACTERS_MAX)
  return { cert: `client-${stem}.pem`, key: `client-${stem}-key.pem` }
}

/** Reads a pair; undefined if neither file is there. One alone is refused: the other would not match. */
async function readPair(directory: string, files: FileNames): Promise<KeyedCertificate | undefined> {
  const [cert, key] = await Promise.all([
    readOrMissing(directory, files.cert),
    readOrMissing(directory, files.key),
  ])
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert === undefined && key === undefined) return undefined
  const [there, missing] = cert === undefined ? [files.key, files.cert] : [files.cert, files.key]
  throw new Failure(`${directory} has ${there} without ${missing}: add it, or use another directory.`)
}

async function readOrMissing(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, name), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

async function refuseExisting(directory: string, files: FileNames): Promise<void> {
  for (const name of [files.cert, files.key]) {
    if ((await readOrMissing(directory, name)) === undefined) continue
    throw new Failure(
      `${join(directory, name)} is there already, and is not overwritten. To replace the pair, remove both of its files first: ` +
        'a broker that runs keeps its certificate until the new pair is there.',
    )
  }
}

async function writePair(directory: string, names: FileNames, pair: KeyedCertificate): Promise<void> {
  await writeNew(join(directory, names.key), pair.key, 0o600)
  await writeNew(join(directory, names.cert), pair.cert, 0o644)
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await chmod(path, mode) // whatever the umask, which could only have taken rights away
}
