// What a data directory takes of the disk, files that are deleted and still held open included: their space is not back.
// Runs in the process of the test, with the broker in it. Linux only.
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface DiskUse {
  /** Bytes of the owners' segments. */
  readonly bytes: number
  /** Names of the segments' directories, over all owners. */
  readonly segments: readonly string[]
  /** Files of the directory that this process holds open though they are deleted. */
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

/** A file that goes while it is looked for takes nothing. */
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

/** Of those, the ones that nobody else can see any more. */
export function deletedButOpen(directory: string): string[] {
  return openFilesUnder(directory).filter((path) => path.endsWith(' (deleted)'))
}
