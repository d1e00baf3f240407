// Finds a file whose bytes are to be read again: as it is tracked, as it is known from before, or in the copy that was made of it.
import { dirname } from 'node:path'
import type { FlowPositions } from '../positions/flow-positions.ts'
import type { Disk, OpenedFile } from './disk.ts'
import { inodesBeside } from './tracking/file-search.ts'
import type { FileTracker } from './tracking/file-tracker.ts'
import type { OpenHandles } from './open-handles.ts'
import { inodeKey } from './tracking/tracked-file.ts'

export interface FoundAgain {
  readonly path: string
  readonly handle: OpenedFile
  done(): Promise<void>
}

export interface FindingAgain {
  readonly tracker: FileTracker
  readonly handles: OpenHandles
  readonly positions: FlowPositions
  readonly disk: Disk
}

/** Copies of copies. */
const COPIES_MAX = 10

export async function findAgain(name: string, where: FindingAgain): Promise<FoundAgain | undefined> {
  const { tracker, handles, positions, disk } = where
  for (let file: string | undefined = name, tries = 0; file !== undefined && tries < COPIES_MAX; tries++) {
    const tracked = tracker.find({ file })
    const open = tracked && (await handles.of(tracked))
    if (tracked !== undefined && open !== undefined)
      return { path: tracked.path, handle: open, done: () => Promise.resolve() }
    const known = positions.position(file)
    if (known === undefined) return undefined
    file = known.continuedIn
    if (file !== undefined) continue
    const path = (await inodesBeside(disk, dirname(known.path))).get(inodeKey(known))?.path ?? known.path
    const handle = await disk.open(path)
    if (handle === undefined) return undefined
    if (inodeKey(await handle.facts()) === inodeKey(known))
      return { path, handle, done: () => handle.close() }
    await handle.close()
    return undefined
  }
  return undefined
}
