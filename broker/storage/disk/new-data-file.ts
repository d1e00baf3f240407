// The data file of a new environment, written before LMDB opens it. Runs wherever storage opens an environment. LMDB would
// write this header itself, but ends the process where the disk refuses it; and a look at the free room beforehand proves
// nothing, because another owner or program may take the room in between. LMDB opens a file that has the header without a
// write.
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { FILE_MODE } from './private-files.ts'

export const PAGE_BYTES = 4096
/** LMDB's header is two meta pages, of which the newer one counts. */
export const META_PAGES = 2
/** Offsets in a meta page, in bytes. Values are in the machine's byte order. */
export const metaAt = {
  page: 0,
  flags: 18,
  magic: 24,
  version: 28,
  mapBytes: 40,
  pageSize: 48,
  freeFlags: 52,
  freeRoot: 88,
  mainRoot: 136,
  lastPage: 144,
  txn: 152,
} as const
export const META_FLAG = 0x08
export const MAGIC = 0xbeefc0de
export const DATA_VERSION = 2
/** The list of free pages has whole numbers as keys. */
const INTEGER_KEYS = 0x08
/** The root of an empty tree. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn

/** Creates a data file without rows, or replaces an empty file. Throws, and leaves nothing, if the disk has no room. */
export function createDataFile(path: string, mapBytes: number): void {
  const draft = draftOf(path)
  try {
    writeFileSync(draft, headerOf(mapBytes), { flag: 'wx', mode: FILE_MODE })
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

/** A name beside `path` for a file that is not whole yet. */
export function draftOf(path: string): string {
  return `${path}.${randomBytes(4).toString('hex')}`
}

/** The bytes that LMDB writes into a new data file: two meta pages that differ by their numbers alone. */
export function headerOf(mapBytes: number): Uint8Array {
  const header = new Uint8Array(META_PAGES * PAGE_BYTES)
  const isLittle = endianness() === 'LE'
  for (let page = 0; page < META_PAGES; page++) {
    const meta = new DataView(header.buffer, page * PAGE_BYTES, PAGE_BYTES)
    meta.setBigUint64(metaAt.page, BigInt(page), isLittle)
    meta.setUint16(metaAt.flags, META_FLAG, isLittle)
    meta.setUint32(metaAt.magic, MAGIC, isLittle)
    meta.setUint32(metaAt.version, DATA_VERSION, isLittle)
    meta.setBigUint64(metaAt.mapBytes, BigInt(mapBytes), isLittle)
    meta.setUint32(metaAt.pageSize, PAGE_BYTES, isLittle)
    meta.setUint16(metaAt.freeFlags, INTEGER_KEYS, isLittle)
    meta.setBigUint64(metaAt.freeRoot, NO_PAGE, isLittle)
    meta.setBigUint64(metaAt.mainRoot, NO_PAGE, isLittle)
    meta.setBigUint64(metaAt.lastPage, BigInt(META_PAGES - 1), isLittle)
  }
  return header
}
