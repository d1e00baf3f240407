// The files of a directory of keys, as `millrace key` writes them. Runs in the command line. Keys are written for their owner alone and
// never overwritten, but to erase them; a key is on the disk before `current` names it.
import { randomBytes } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { chmod, mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  CURRENT_FILE,
  KEY_FILE_ID,
  KEY_SUFFIX,
  keyPath,
  readCurrent,
  streamDirectory,
} from '../../client/encryption/file-keys.ts'
import { checkStreamName } from '../../protocol/stream-name.ts'
import { Failure } from '../failure.ts'

const KEY_BYTES = 32
const STREAM_PREFIX = 'stream.'

/** The keys of all streams, or those of one stream alone. */
export interface KeyPlace {
  readonly directory: string
  readonly stream?: string | undefined
}

export interface ListedKey {
  readonly id: string
  /** The only stream that it is for; null for a key of all streams. */
  readonly stream: string | null
  readonly createdAt: Date
  /** True if new batches are encrypted with it. */
  readonly isCurrent: boolean
}

/** Makes a key that new batches are encrypted with from now on, and returns its id. */
export async function createKey(place: KeyPlace, id: string | undefined, now: Date): Promise<string> {
  const made = id ?? newId(now)
  if (!KEY_FILE_ID.test(made)) {
    throw new Failure(
      `${JSON.stringify(made)} is no id of a key: it has 1 to 64 letters, digits, _ and -.`,
      'usage',
    )
  }
  const { directory, stream } = place
  await makeDirectory(directory)
  // Readers take the directory for a whole only where it names a key for all streams.
  if (stream !== undefined && (await readCurrent(directory)) === undefined) {
    throw new Failure(`${directory} has no key for all streams yet: create that one first, without --stream.`)
  }
  const own = directoryOf(place)
  await makeDirectory(own)
  await refuseKnownId(directory, own, made)
  await write(keyPath(own, made), randomBytes(KEY_BYTES))
  const draft = join(own, `${CURRENT_FILE}.${randomBytes(6).toString('hex')}`)
  await write(draft, Buffer.from(`${made}\n`))
  await rename(draft, join(own, CURRENT_FILE))
  await flushDirectory(own)
  return made
}

/**
 * A stream with keys of its own is also read with those of all streams, by the id alone. One id for two keys would make what was
 * encrypted with the one unreadable.
 */
async function refuseKnownId(directory: string, own: string, id: string): Promise<void> {
  const known = (await listKeys(directory)).find((key) => key.id === id)
  if (known === undefined) return
  const path = keyPath(directoryOf({ directory, stream: known.stream ?? undefined }), id)
  const what = path === keyPath(own, id) ? 'keys are never overwritten' : 'an id means one key for ever'
  throw new Failure(`${path} is there already: ${what}. Take another id.`)
}

/** The keys of a directory, those for all streams first, each kind from the oldest on. */
export async function listKeys(directory: string): Promise<ListedKey[]> {
  const names = await namesIn(directory, { directory })
  // What else lies there, such as a copy that somebody made of such a directory, is not of fileKeys either.
  const streams = names
    .filter((name) => (name.isDirectory() || name.isSymbolicLink()) && name.name.startsWith(STREAM_PREFIX))
    .map(({ name }) => name.slice(STREAM_PREFIX.length))
    .filter((stream) => checkStreamName(stream) === undefined)
  const places = [undefined, ...streams.toSorted()]
  const keys = await Promise.all(places.map((stream) => keysAt({ directory, stream })))
  return keys.flat()
}

/** Overwrites the file of a key and removes it. The key that encrypts is refused, unless it is forced. */
export async function eraseKey(place: KeyPlace, id: string, options: { force: boolean }): Promise<void> {
  const own = directoryOf(place)
  const path = keyPath(own, id)
  if (!(await keysAt(place)).some((key) => key.id === id)) {
    throw new Failure(`${own} has no key ${JSON.stringify(id)}: see \`millrace key list --dir ${place.directory}\`.`, 'notFound') // prettier-ignore
  }
  if (!options.force && (await readCurrent(own)) === id) {
    throw new Failure(
      `New batches are encrypted with ${id}: create another key first, or nothing can be written any more. --force erases it nevertheless.`,
    )
  }
  // Opened without truncating, so that the bytes land where the key was, as far as the file system overwrites at all.
  const file = await open(path, 'r+')
  await settled(file, async () => {
    await file.write(randomBytes(KEY_BYTES), 0, KEY_BYTES, 0)
    await file.sync()
  })
  await unlink(path)
  await flushDirectory(own)
}

/** Ids that sort by the time of their making. */
function newId(now: Date): string {
  const time = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  return `${time}-${randomBytes(3).toString('hex')}`
}

function directoryOf({ directory, stream }: KeyPlace): string {
  if (stream === undefined) return directory
  const fault = checkStreamName(stream)
  if (fault !== undefined) throw new Failure(fault, 'usage')
  return streamDirectory(directory, stream)
}

async function keysAt(place: KeyPlace): Promise<ListedKey[]> {
  const own = directoryOf(place)
  const current = await readCurrent(own)
  const ids = (await namesIn(own, place))
    .filter((name) => !name.isDirectory() && name.name.endsWith(KEY_SUFFIX))
    .map(({ name }) => name.slice(0, -KEY_SUFFIX.length))
    .filter((id) => KEY_FILE_ID.test(id))
  const keys = await Promise.all(
    ids.map(async (id) => ({
      id,
      stream: place.stream ?? null,
      createdAt: (await stat(keyPath(own, id))).mtime,
      isCurrent: id === current,
    })),
  )
  return keys.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
}

async function namesIn(path: string, { directory, stream }: KeyPlace): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const only = stream === undefined ? '' : ` --stream ${stream}`
    throw new Failure(
      `There is no directory ${path}: \`millrace key create --dir ${directory}${only}\` makes it.`,
      'notFound',
    )
  }
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  let file: FileHandle
  try {
    file = await open(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Failure(`${path} is there already: keys are never overwritten.`)
  }
  await settled(file, async () => {
    await file.writeFile(bytes)
    await file.sync()
  })
  await chmod(path, 0o600)
}

async function settled(file: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } finally {
    await file.close()
  }
}

/** Makes a directory where there is none. It, and those above it that were made, are still there after a crash. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  const top = dirname(resolve(first))
  for (let at = resolve(directory); at !== top; at = dirname(at)) await flushDirectory(dirname(at))
}

/** What was renamed or removed there stays so after a crash. Windows cannot open directories. */
async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  await settled(handle, () => handle.sync())
}
