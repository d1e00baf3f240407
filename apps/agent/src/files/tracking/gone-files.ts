// Files that a flow had and that are gone: what was lost of them, for the status, and where they were read to, should they come back.
import type { FlowPositions } from '../../positions/flow-positions.ts'
import { inodeKey, type LostBytes, type TrackedFile } from './tracked-file.ts'

/** What is remembered of files that vanished. */
const LOST_MAX = 100

export class GoneFiles {
  readonly #positions: FlowPositions
  #lost: LostBytes[] = []
  /** By inode. Of these something is under way, which their positions do not have. */
  readonly #parked = new Map<string, TrackedFile>()

  constructor(positions: FlowPositions) {
    this.#positions = positions
  }

  get lost(): readonly LostBytes[] {
    return this.#lost
  }

  /** Says what was never read of a file of this size, where anything was not. */
  lose(file: TrackedFile, reason: string, size = file.facts.size): void {
    const { path, facts, offset, isEnded } = file
    if (isEnded || offset >= size) return
    this.#lost.push({ file: file.file, path, facts: { ...facts, size }, offset, reason })
    if (this.#lost.length > LOST_MAX) this.#lost.shift()
  }

  /** Keeps a file for as long as not all that was read of it is delivered. */
  park(file: TrackedFile): void {
    this.#parked.set(inodeKey(file), file)
    for (const [key, each] of this.#parked)
      if (this.#positions.delivered(each.file).offset >= each.offset) this.#parked.delete(key)
  }

  /** Gives back the file that was parked with an inode. */
  unpark(key: string): TrackedFile | undefined {
    const file = this.#parked.get(key)
    this.#parked.delete(key)
    if (file !== undefined) this.#lost = this.#lost.filter((each) => each.file !== file.file)
    return file
  }
}
