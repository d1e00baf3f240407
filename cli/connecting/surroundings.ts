// What surrounds a command line as far as it decides where a verb connects: environment, directories, files, addresses of this
// machine. The rim of resolve.ts: tests replace it.
import { constants, closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { homedir, networkInterfaces } from 'node:os'
import { isAbsolute } from 'node:path'
import { processEnvironment, type EnvironmentVariables } from '../../broker/config/environment.ts'

/** What came of reading a file. */
export type FileRead =
  | { readonly state: 'read'; readonly text: string }
  | { readonly state: 'missing' }
  /** `reason` completes "cannot be read: …". */
  | { readonly state: 'unreadable'; readonly reason: string }

export interface Surroundings {
  readonly environment: EnvironmentVariables
  readonly workingDirectory: string
  /** Undefined for a user who has none, as in a container, or whose `HOME` is no absolute path. */
  readonly homeDirectory: string | undefined
  /** Reads a small text file. A path that leads through something that is not a directory counts as missing. */
  readFile(path: string): FileRead
  /** Addresses of this machine, as text. */
  addresses(): readonly string[]
}

/** A file of settings is far smaller; what is larger is something else, or does not end. */
const FILE_BYTES_MAX = 1024 * 1024

/** The surroundings of this process. */
export function processSurroundings(): Surroundings {
  return {
    environment: processEnvironment(),
    workingDirectory: process.cwd(),
    homeDirectory: homeDirectory(),
    readFile,
    addresses: () =>
      Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map(({ address }) => address)),
  }
}

/** A relative path would be found below the directory that one happens to be in, which may be another user's. */
function homeDirectory(): string | undefined {
  try {
    const home = homedir()
    return isAbsolute(home) ? home : undefined
  } catch {
    return undefined
  }
}

function readFile(path: string): FileRead {
  let file: number | undefined
  try {
    // Opening a pipe would wait for someone who writes to it.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const status = fstatSync(file)
    if (!status.isFile()) return { state: 'unreadable', reason: 'it is not a file' }
    if (status.size > FILE_BYTES_MAX) return { state: 'unreadable', reason: 'it is larger than 1 MiB' }
    return { state: 'read', text: readFileSync(file, 'utf8') }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'missing' }
    const isForbidden = code === 'EACCES' || code === 'EPERM'
    return { state: 'unreadable', reason: isForbidden ? 'this user may not read it' : message }
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
