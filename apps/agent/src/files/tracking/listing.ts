// Asks for the facts of paths, some at a time: which files there are, each once, whatever names it has.
import { join, sep } from 'node:path'
import type { Disk, FileFacts } from '../disk.ts'
import { isNameLost, nameLost, unreadable, type PassedOver } from '../path-pattern.ts'
import { inodeKey } from './tracked-file.ts'

const ASKED_AT_A_TIME = 64

export interface Listed {
  readonly path: string
  readonly facts: FileFacts
}

export interface Listing {
  /** By inode. */
  readonly listed: Map<string, Listed>
  /** Names of what is no file, or may not be asked for. */
  readonly failed: readonly PassedOver[]
}

/** Tells which paths cannot be looked at, now: they, and what is below them, may be there or not. */
export function isHiddenBy(passedOver: readonly PassedOver[]): (path: string) => boolean {
  const hidden = passedOver.filter(({ state }) => state === 'unreadable').map(({ path }) => path)
  return (path) => hidden.some((each) => path === each || path.startsWith(join(each, sep)))
}

/** `isName` tells whether a file is known by a path already: of two names of one file, that one is taken. */
export async function listFiles(
  disk: Disk,
  paths: readonly string[],
  isName: (key: string, path: string) => boolean,
): Promise<Listing> {
  const listed = new Map<string, Listed>()
  const failed: PassedOver[] = []
  for (let at = 0; at < paths.length; at += ASKED_AT_A_TIME) {
    const asked = paths.slice(at, at + ASKED_AT_A_TIME).map(async (path) => {
      const facts = await disk.facts(path).catch((error: NodeJS.ErrnoException) => {
        failed.push(unreadable(path, error))
      })
      return { path, facts }
    })
    for (const { path, facts } of await Promise.all(asked)) {
      if (facts === undefined) {
        if (isNameLost(path)) failed.push(nameLost(path))
        continue
      }
      if (facts.kind !== 'file') {
        const what = facts.kind === 'directory' ? 'a directory' : 'neither a file nor a directory'
        failed.push({ path, state: facts.kind, reason: `${path} is ${what}.` })
        continue
      }
      const key = inodeKey(facts)
      if (!listed.has(key) || isName(key, path)) listed.set(key, { path, facts })
    }
  }
  return { listed, failed }
}
