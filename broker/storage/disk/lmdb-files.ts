// Checks an environment's files before LMDB opens them, and makes those that are missing. Runs wherever storage opens an
// environment. A native open that fails ends the process, and so does access to a mapped page that is missing: a damaged
// header, a truncated file, no free descriptor, no room for a new file. Here each of these is an error with a message.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  createDataFile,
  DATA_VERSION,
  draftOf,
  MAGIC,
  META_FLAG,
  META_PAGES,
  metaAt,
  PAGE_BYTES,
} from './new-data-file.ts'
import { FILE_MODE, NO_FOLLOW, refuseUnlessDirectoryNow, refuseUnlessFileNow } from './private-files.ts'
import { countOf } from '../../../protocol/text/count-text.ts'

/**
 * Size of the lock file, which holds the reader table. LMDB maps and writes it: a hole in it on a full disk would end
 * the process, so it is written in full.
 */
const LOCK_BYTES = 64 * 1024
/** Descriptors that an open needs: LMDB opens the lock file once and the data file twice. */
const DESCRIPTORS = 3

/** The files are no environment, or a damaged one: opening them again does not help. */
export class DamagedEnvironment extends Error {
  override readonly name = 'DamagedEnvironment'

  constructor(path: string, what: string) {
    super(`${path} is damaged: ${what}.`)
  }
}

export function dataFileOf(path: string): string {
  return join(path, 'data.mdb')
}

/** Returns true if an environment was created in the directory `path`. */
export function hasEnvironment(path: string): boolean {
  return (lstatSync(dataFileOf(path), { throwIfNoEntry: false })?.size ?? 0) > 0
}

/** Bytes of the data file up to LMDB's last page, read from the file's header. The file may be longer. */
export function usedBytesOf(file: number, path: string): number {
  const metas = new Uint8Array(META_PAGES * PAGE_BYTES)
  const read = readSync(file, metas, 0, metas.length, 0)
  if (read < metas.length) throw new DamagedEnvironment(path, `it has ${read} bytes, less than its header`)
  return usedBytesIn(metas, path)
}

function usedBytesIn(metas: Uint8Array, path: string): number {
  const first = readMeta(metas.subarray(0, PAGE_BYTES), path)
  const second = readMeta(metas.subarray(PAGE_BYTES), path)
  const newer = first.txn > second.txn ? first : second
  return (newer.lastPage + 1) * PAGE_BYTES
}

/**
 * Throws unless LMDB can open the environment in the existing directory `path`. Creates the files of a new one that may be
 * written; `mapBytes` is as LMDB will be told.
 */
export function makeReadyToOpen(
  path: string,
  { readOnly, mapBytes }: { readOnly: boolean; mapBytes: number },
): void {
  const dataFile = dataFileOf(path)
  const lockFile = join(path, 'lock.mdb')
  refuseUnlessDirectoryNow(path)
  for (const file of [dataFile, lockFile]) refuseUnlessFileNow(file)
  if (hasEnvironment(path)) checkDataFile(dataFile, readOnly)
  else if (readOnly) throw new Error(`${path} holds no environment.`)
  // Created with mode 0600, because LMDB would let other users read it.
  else createDataFile(dataFile, mapBytes)
  ensureLockFile(lockFile)
  checkDescriptors(lockFile)
}

/** Makes the lock file whole before LMDB maps it. An existing one may be in use, so it is never replaced. */
function ensureLockFile(path: string): void {
  const bytes = lstatSync(path, { throwIfNoEntry: false })?.size
  if (bytes === undefined) createLockFile(path)
  else if (bytes < LOCK_BYTES) lengthen(path, bytes)
}

function createLockFile(path: string): void {
  const draft = draftOf(path)
  try {
    writeFileSync(draft, new Uint8Array(LOCK_BYTES), { flag: 'wx', mode: FILE_MODE })
    linkSync(draft, path)
  } catch (error) {
    // Another thread created it first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Lengthens a lock file that was copied or written in part; keeps the bytes it has. */
function lengthen(path: string, bytes: number): void {
  const file = openSync(path, constants.O_RDWR | NO_FOLLOW)
  try {
    for (let at = bytes; at < LOCK_BYTES;) at += writeSync(file, new Uint8Array(LOCK_BYTES - at), 0, null, at)
  } finally {
    closeSync(file)
  }
}

function checkDataFile(dataFile: string, readOnly: boolean): void {
  const file = openSync(dataFile, (readOnly ? constants.O_RDONLY : constants.O_RDWR) | NO_FOLLOW)
  try {
    const metas = new Uint8Array(META_PAGES * PAGE_BYTES)
    const read = readSync(file, metas, 0, metas.length, 0)
    // Read after the header: while an owner writes, pages are in the file before the header names them.
    const { size } = fstatSync(file)
    if (read < metas.length) {
      throw new DamagedEnvironment(dataFile, `it has ${countOf(size, 'byte')}, less than its header`)
    }
    const needed = usedBytesIn(metas, dataFile)
    if (size >= needed) return
    if (readOnly) throw new DamagedEnvironment(dataFile, `it has ${size} of its ${countOf(needed, 'byte')}`)
    // Free pages at the end may never have been written. If data was there, its checksums show the loss; a mapped page
    // that is missing would end the process.
    ftruncateSync(file, needed)
  } finally {
    closeSync(file)
  }
}

function readMeta(page: Uint8Array, dataFile: string): { txn: bigint; lastPage: number } {
  const u32 = new Uint32Array(page.buffer, page.byteOffset, PAGE_BYTES / 4)
  const u64 = new BigUint64Array(page.buffer, page.byteOffset, PAGE_BYTES / 8)
  const flags = new Uint16Array(page.buffer, page.byteOffset, PAGE_BYTES / 2)[metaAt.flags / 2]!
  if ((flags & META_FLAG) === 0 || u32[metaAt.magic / 4] !== MAGIC) {
    throw new DamagedEnvironment(dataFile, 'its header is not one of LMDB')
  }
  const version = u32[metaAt.version / 4]! & 0xffff
  if (version !== DATA_VERSION) {
    throw new DamagedEnvironment(
      dataFile,
      `its format is ${version}; this version of LMDB reads ${DATA_VERSION}`,
    )
  }
  const pageSize = u32[metaAt.pageSize / 4]!
  if (pageSize !== PAGE_BYTES) {
    throw new DamagedEnvironment(dataFile, `its pages have ${countOf(pageSize, 'byte')}, not ${PAGE_BYTES}`)
  }
  return { txn: u64[metaAt.txn / 8]!, lastPage: Number(u64[metaAt.lastPage / 8]!) }
}

/** Throws if the process has too few free descriptors. */
function checkDescriptors(file: string): void {
  const opened: number[] = []
  try {
    for (let i = 0; i < DESCRIPTORS; i++) opened.push(openSync(file, 'r+'))
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}
