// Looks for a file beside where it was: under another name, or as a copy. Only in its own directory, where rotation leaves it.
import { basename, dirname, join } from 'node:path'
import type { Fingerprint } from '../../lines/line-run.ts'
import type { Disk, FileFacts } from '../disk.ts'
import { isIgnored } from '../path-pattern.ts'
import { isIntact } from '../run-reader.ts'
import { inodeKey } from './tracked-file.ts'

/** Files of a directory that are looked at. */
const LOOKED_AT_MAX = 20_000
/** Files whose bytes are compared. */
const COMPARED_MAX = 50

export interface FoundFile {
  readonly path: string
  readonly facts: FileFacts
}

/** What is looked for: its name, and what is known of its bytes. */
export interface SoughtFile {
  readonly path: string
  readonly device: string
  readonly inode: string
  readonly offset: number
  readonly head: Fingerprint
  readonly tail: Fingerprint
}

/** The files of a directory by their inodes, whatever their names. */
export async function inodesBeside(disk: Disk, directory: string): Promise<Map<string, FoundFile>> {
  const found = new Map<string, FoundFile>()
  for (const path of await namesBeside(disk, join(directory, 'any'))) {
    const facts = await disk.facts(path).catch(() => undefined)
    if (facts?.kind === 'file') found.set(inodeKey(facts), { path, facts })
  }
  return found
}

/** Finds the youngest file that has the bytes which were read of another, up to where they were read. */
export async function findCopy(
  disk: Disk,
  file: SoughtFile,
  isFree: (key: string) => boolean,
): Promise<FoundFile | undefined> {
  if (file.head.bytes === 0 && file.tail.bytes === 0) return undefined
  const candidates: FoundFile[] = []
  for (const path of await namesBeside(disk, file.path)) {
    const facts = await disk.facts(path).catch(() => undefined)
    if (facts?.kind !== 'file' || facts.size < file.offset || inodeKey(facts) === inodeKey(file)) continue
    if (isFree(inodeKey(facts))) candidates.push({ path, facts })
  }
  candidates.sort((one, other) => other.facts.modifiedAt - one.facts.modifiedAt)
  for (const candidate of candidates.slice(0, COMPARED_MAX)) {
    const handle = await disk.open(candidate.path).catch(() => undefined)
    if (handle === undefined) continue
    try {
      if (await isIntact(handle, file)) return candidate
    } catch {
      // What cannot be read is no copy that can be used.
    } finally {
      await handle.close()
    }
  }
  return undefined
}

/** Names that may be a file's after rotation: those that begin as its own does come first. */
async function namesBeside(disk: Disk, path: string): Promise<readonly string[]> {
  const directory = dirname(path)
  const stem = basename(path).replace(/\.[^.]*$/, '')
  const entries = (await disk.list(directory).catch(() => undefined)) ?? []
  const names = entries
    .filter(({ name, kind }) => kind === 'file' && !isIgnored(name))
    .map(({ name }) => name)
  const isNear = (name: string) => (name.startsWith(stem) ? 0 : 1)
  const sorted = names.toSorted((one, other) => isNear(one) - isNear(other))
  return sorted.slice(0, LOOKED_AT_MAX).map((name) => join(directory, name))
}
