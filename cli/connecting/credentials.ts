// What a verb shows to the broker: the options of `connect` that its target asks for. Files are read by the client, at each dial.
import { lstat, stat } from 'node:fs/promises'
import type { ConnectOptions } from '../../client/index.ts'
import { parseToken } from '../../protocol/access/token.ts'
import { Failure } from '../failure.ts'
import type { Target, TokenSource } from './resolve.ts'

/** Bits of a file's mode by which others than its owner may do something. */
const OTHERS = 0o077

/**
 * Returns the options of `connect` for the token and the certificates of the target. The client is loaded only here. `warn` is
 * told of a token that others can read.
 */
export async function credentialsOf(
  { tls, token }: Target,
  warn: (line: string) => void = () => {},
): Promise<Pick<ConnectOptions, 'tls' | 'token'>> {
  const paths = { ca: tls.ca?.value, cert: tls.cert?.value, key: tls.certKey?.value }
  const hasFiles = Object.values(paths).some((path) => path !== undefined)
  if (!hasFiles && token === undefined) return {}
  const { tlsFiles, tokenFile } = await import('../../client/index.ts')
  if (token?.kind === 'file') await checkTokenFile(token, warn)
  if (token?.kind === 'value' && parseToken(token.value) === undefined) {
    throw new Failure(`${token.origin} holds no token: one reads mr_<id>_<secret>.`, 'usage')
  }
  return {
    ...(token === undefined ? {} : { token: token.kind === 'file' ? tokenFile(token.path) : token.value }),
    ...(hasFiles ? { tls: tlsFiles(paths) } : {}),
  }
}

async function checkTokenFile(
  { path, origin, followsLinks }: TokenSource & { kind: 'file' },
  warn: (line: string) => void,
): Promise<void> {
  const status = await (followsLinks ? stat(path) : lstat(path)).catch((error: unknown) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new Failure(
      `${origin} names the token file ${path}, which ${isMissing ? 'does not exist' : 'this user may not read'}.`,
      'usage',
    )
  })
  if (status.isSymbolicLink()) {
    throw new Failure(`${path} is a link: a token of this broker lies beside ${origin} itself.`, 'usage')
  }
  // Windows has no such modes.
  if (process.platform !== 'win32' && (status.mode & OTHERS) !== 0) {
    warn(`millrace: The token in ${path} can be read by others than its owner: chmod 600 ${path}`)
  }
}
