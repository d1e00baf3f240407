// Credentials in files, read anew for each connection, so that they can be replaced while a program runs. Runs in the client.
// What a file holds is in no error.
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseToken } from '../../protocol/access/token.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { endSentence } from '../errors.ts'
import { findAuthorityFault } from './authorities.ts'
import type { AskTls, TlsOptions } from './tls-transport.ts'

/** Paths of the files that a TLS connection needs. */
export interface TlsFiles {
  /** Certificates of the authorities that may sign the broker's. */
  readonly ca?: string | undefined
  /** The client's certificate. */
  readonly cert?: string | undefined
  /** The private key of `cert`. */
  readonly key?: string | undefined
  /** The name that the broker's certificate must have, where it is neither in the url nor the broker's own address. */
  readonly serverName?: string | undefined
}

/**
 * Returns a function for the option `tls` of `connect`, which reads the files at each dial. While they are being replaced, and a
 * file is missing or cut off, or a certificate does not go with its key, it gives what it read before. It rejects with `invalidArgument`,
 * which names the file, if there is nothing from before.
 */
export function tlsFiles({ ca, cert, key, serverName }: TlsFiles): AskTls {
  let sound: string | undefined
  const authorities = async (path: string) => {
    const text = await read(path)
    // To look at a whole bundle takes tens of milliseconds: once, and not at each dial.
    const fault = text === sound ? undefined : findAuthorityFault(text)
    if (fault !== undefined) throw invalid(`${path} ${fault}`)
    return (sound = text)
  }
  return kept(async () => {
    const options: TlsOptions = {
      ...(ca === undefined ? {} : { ca: await authorities(ca) }),
      ...(cert === undefined ? {} : { cert: await read(cert) }),
      ...(key === undefined ? {} : { key: await read(key) }),
      ...(serverName === undefined ? {} : { serverName }),
    }
    checkPair(options, { cert, key })
    return options
  })
}

/**
 * Returns a function for the option `token` of `connect`, which reads the file at each dial. While the file is being replaced, and
 * is missing or holds none, it gives the token that it read before. It rejects with `invalidArgument`, which names the file, if there is
 * none from before.
 */
export function tokenFile(path: string): () => Promise<string> {
  return kept(async () => {
    const token = (await read(path)).trim()
    // Whatever else it holds may be another secret: it must not be sent, nor be told.
    if (parseToken(token) === undefined) throw invalid(`${path} holds no token: one reads mr_<id>_<secret>`)
    return token
  })
}

/** Lets a reading that fails give what the one before gave. */
function kept<T>(ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly value: T } | undefined
  return async () => {
    try {
      last = { value: await ask() }
    } catch (error) {
      if (last === undefined) throw error
    }
    return last.value
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reasons: Record<string, string> = {
      ENOENT: 'it does not exist',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a directory',
    }
    throw invalid(`${path} cannot be read: ${reasons[code ?? ''] ?? message}`, error)
  }
}

function checkPair({ cert, key }: TlsOptions, paths: TlsFiles): void {
  if (cert === undefined || key === undefined) return
  let isPair: boolean
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key as string))
  } catch (error) {
    throw invalid(`${paths.cert} and ${paths.key} are no certificate and key in PEM`, error)
  }
  if (!isPair) throw invalid(`${paths.key} is not the key of the certificate in ${paths.cert}`)
}

function invalid(what: string, cause?: unknown): MillraceError {
  return new MillraceError('invalidArgument', endSentence(what), cause === undefined ? {} : { cause })
}
