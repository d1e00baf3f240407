// Keys in a directory, as `millrace key` keeps them. Runs in the client. One file a key, 32 bytes, for its owner alone; `current` names
// the key that encrypts. A directory `stream.NAME` in it has keys of the same kind for that one stream.
//
// A key whose file is gone is erased, and what it encrypted is passed over by those who ask for that. So a directory that is not
// there, or a mount that is empty, must not look like one whose keys were erased: without `current` it fails as a whole.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { Key, KeyProvider } from './options.ts'

const KEY_BYTES = 32
/** An id, and the end of a line. */
const CURRENT_BYTES_MAX = 256
const READABLE_BY_ALL = 0o004

/** The file that names the key to encrypt with. */
export const CURRENT_FILE = 'current'
export const KEY_SUFFIX = '.key'

/** Ids that can be names of files. Whoever may write can put any id into a batch: it must not lead out of the directory. */
export const KEY_FILE_ID = /^[a-zA-Z0-9_-]{1,64}$/

/** Where the keys of one stream alone are, if it has any. */
export function streamDirectory(directory: string, stream: string): string {
  return join(directory, `stream.${stream}`)
}

/** Where the key of an id is, in the directory itself. */
export function keyPath(directory: string, id: string): string {
  return join(directory, `${id}${KEY_SUFFIX}`)
}

/**
 * Makes a provider of the keys in a directory that `millrace key create` has made. A stream with keys of its own there is encrypted with
 * its own; others with those of the directory.
 */
export function fileKeys(directory: string): KeyProvider {
  const placesOf = (stream: string) => [streamDirectory(directory, stream), directory]
  return {
    async current(stream) {
      for (const place of placesOf(stream)) {
        const id = await readCurrent(place)
        if (id === undefined) continue
        const key = KEY_FILE_ID.test(id) ? await readKey(place, id) : undefined
        if (key !== undefined) return key
        throw noKey(`${join(place, CURRENT_FILE)} names ${JSON.stringify(id)}, and there is no such key.`, directory) // prettier-ignore
      }
      throw noKey(`${directory} has no key to encrypt with.`, directory)
    },
    async key(id, stream) {
      if (!KEY_FILE_ID.test(id)) return undefined
      for (const place of placesOf(stream)) {
        const key = await readKey(place, id)
        if (key !== undefined) return key
      }
      if ((await readCurrent(directory)) === undefined) {
        throw new Error(`${directory} is no directory of keys: it has no file named ${CURRENT_FILE}.`)
      }
      return undefined
    },
  }
}

/** The id of the key to encrypt with; undefined where the directory names none. */
export async function readCurrent(directory: string): Promise<string | undefined> {
  const read = await readSmall(join(directory, CURRENT_FILE), CURRENT_BYTES_MAX)
  return read?.bytes.toString('utf8').trim()
}

/** Reads the key of an id; undefined if there is none. Throws an error that says what is wrong with its file. */
async function readKey(directory: string, id: string): Promise<Key | undefined> {
  const path = keyPath(directory, id)
  const read = await readSmall(path, KEY_BYTES)
  if (read === undefined) return undefined
  const { bytes, mode } = read
  if (bytes.length !== KEY_BYTES)
    throw new Error(`${path} has ${bytes.length} bytes; a key has ${KEY_BYTES}.`)
  if (process.platform !== 'win32' && (mode & READABLE_BY_ALL) !== 0) {
    throw new Error(`${path} can be read by everyone on this machine: chmod 600 it, or replace the key.`)
  }
  return { id, bytes }
}

/** Reads a file; undefined if there is none. Throws if it is larger, or no file. */
async function readSmall(
  path: string,
  bytesMax: number,
): Promise<{ readonly bytes: Buffer; readonly mode: number } | undefined> {
  let file: FileHandle
  try {
    // Opening a pipe would wait for someone who writes to it, on one of the few threads that the process has for files.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const status = await file.stat()
    if (!status.isFile()) throw new Error(`${path} is not a file.`)
    if (status.size > bytesMax)
      throw new Error(`${path} has ${status.size} bytes; at most ${bytesMax} are expected.`)
    return { bytes: await file.readFile(), mode: status.mode }
  } finally {
    await file.close()
  }
}

function noKey(what: string, directory: string): MillraceError {
  return new MillraceError(
    'keyUnavailable',
    `${what} Make one with \`millrace key create --dir ${directory}\`.`,
  )
}
