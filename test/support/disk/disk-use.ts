// The disk use of a data directory, including deleted files that are still open: their space is not freed. Runs in the
// test's process, which also runs the broker. Linux only.
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface DiskUse {
  /** Bytes of the owners' segments. */
  readonly bytes: number
  /** Names of the segment directories of all owners. */
  readonly segments: readonly string[]
  /** Deleted files of the directory that this process still has open. */
  readonly deletedButOpen: readonly string[]
}

export function diskUseOf(dataDir: string): DiskUse {
  const owners = join(dataDir, 'owners')
  const segments: string[] = []
  let bytes = 0
  for (const owner of readdirSync(owners)) {
    for (const name of readdirSync(join(owners, owner)).filter((entry) => entry.startsWith('segment-'))) {
      segments.push(name)
      bytes += sizeOf(join(owners, owner, name, 'data.mdb'))
    }
  }
  return { bytes, segments, deletedButOpen: deletedButOpen(dataDir) }
}

/** Size of a file; 0 if it was removed meanwhile. */
function sizeOf(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512
}

/** Files of a directory that this process has open. */
export function openFilesUnder(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`)
      return path.startsWith(directory) ? [path] : []
    } catch {
      return [] // closed meanwhile
    }
  })
}

/** The open files under `directory` that are deleted. */
export function deletedButOpen(directory: string): string[] {
  return openFilesUnder(directory).filter((path) => path.endsWith(' (deleted)'))
}
