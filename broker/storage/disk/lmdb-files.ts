// Looks at an environment's files before LMDB opens them. Runs wherever storage opens one. A native open that fails ends the
// process, and so does a page that is mapped and not there: a damaged header, a file cut short, no more descriptors, no
// room for the lock file. Here each of them is an error that says so.
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const PAGE_BYTES = 4096
/** Holds the reader table. It is mapped and written: a hole in it on a full disk would be fatal, so it has none. */
const LOCK_BYTES = 64 * 1024
/** LMDB opens the lock file once and the data file twice. */
const DESCRIPTORS = 3

// The two meta pages, of which the newer one counts. All in the machine's own byte order.
const META_PAGES = 2
const META_FLAG = 0x08
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const at = { flags: 18, magic: 24, version: 28, pageSize: 48, lastPage: 144, txn: 152 } as const

/** The files are not an environment, or no longer: opening them again will not help. */
export class DamagedEnvironment extends Error {
  override readonly name = 'DamagedEnvironment'

  constructor(path: string, what: string) {
    super(`${path} is damaged: ${what}.`)
  }
}

export function dataFileOf(path: string): string {
  return join(path, 'data.mdb')
}

/** Throws unless LMDB can open the environment in the directory `path`, which exists. */
export function checkBeforeOpening(path: string, { readOnly }: { readOnly: boolean }): void {
  const dataFile = dataFileOf(path)
  if (existsSync(dataFile)) checkDataFile(dataFile, readOnly)
  else if (readOnly) throw new Error(`${path} holds no environment.`)
  const lockFile = join(path, 'lock.mdb')
  if (!existsSync(lockFile)) writeFileSync(lockFile, new Uint8Array(LOCK_BYTES))
  checkDescriptors(lockFile)
}

function checkDataFile(dataFile: string, readOnly: boolean): void {
  const file = openSync(dataFile, readOnly ? 'r' : 'r+')
  try {
    const metas = new Uint8Array(META_PAGES * PAGE_BYTES)
    const read = readSync(file, metas, 0, metas.length, 0)
    // Asked for after the header: an owner may be writing, and its pages are in the file before its header names them.
    const { size } = fstatSync(file)
    // A creation that went no further: LMDB begins it again.
    if (size === 0 && !readOnly) return
    if (read < metas.length) {
      throw new DamagedEnvironment(dataFile, `it has ${size} bytes, less than its header`)
    }
    const first = readMeta(metas.subarray(0, PAGE_BYTES), dataFile)
    const second = readMeta(metas.subarray(PAGE_BYTES), dataFile)
    const newer = first.txn > second.txn ? first : second
    const needed = (newer.lastPage + 1) * PAGE_BYTES
    if (size >= needed) return
    if (readOnly) throw new DamagedEnvironment(dataFile, `it has ${size} of its ${needed} bytes`)
    // Free pages at the end may never have been written. If it was data, checksums tell; without the pages nobody could.
    ftruncateSync(file, needed)
  } finally {
    closeSync(file)
  }
}

function readMeta(page: Uint8Array, dataFile: string): { txn: bigint; lastPage: number } {
  const u32 = new Uint32Array(page.buffer, page.byteOffset, PAGE_BYTES / 4)
  const u64 = new BigUint64Array(page.buffer, page.byteOffset, PAGE_BYTES / 8)
  const flags = new Uint16Array(page.buffer, page.byteOffset, PAGE_BYTES / 2)[at.flags / 2]!
  if ((flags & META_FLAG) === 0 || u32[at.magic / 4] !== MAGIC) {
    throw new DamagedEnvironment(dataFile, 'its header is not one of LMDB')
  }
  const version = u32[at.version / 4]! & 0xffff
  if (version !== DATA_VERSION) {
    throw new DamagedEnvironment(
      dataFile,
      `its format is ${version}; this version of LMDB reads ${DATA_VERSION}`,
    )
  }
  const pageSize = u32[at.pageSize / 4]!
  if (pageSize !== PAGE_BYTES) {
    throw new DamagedEnvironment(dataFile, `its pages have ${pageSize} bytes, not ${PAGE_BYTES}`)
  }
  return { txn: u64[at.txn / 8]!, lastPage: Number(u64[at.lastPage / 8]!) }
}

/** Throws where the process has too few descriptors left. */
function checkDescriptors(file: string): void {
  const opened: number[] = []
  try {
    for (let i = 0; i < DESCRIPTORS; i++) opened.push(openSync(file, 'r+'))
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}
