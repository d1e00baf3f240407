// An owner's segments: the sealed ones by name, the active one open, and the next one made ahead of need. Runs on the
// owner thread. The order of a roll is what makes a crash between any two steps harmless: next segment durable, state
// carried into it, manifest switched, and only then is anything appended to it.
import { existsSync } from 'node:fs'
import type { SegmentList } from '../../threads/owner-contract.ts'
import { removeDirectory } from '../disk/durable-files.ts'
import { noFaults } from '../disk/faults.ts'
import type { Environment } from '../environment.ts'
import { recover } from './recovery.ts'
import { writeManifest, type Manifest } from './manifest.ts'
import { clearReopeningMark, withoutReaders } from './reopening.ts'
import { createSegment, markReopened, openSealed, type Segment, type SegmentPlace } from './segment.ts'
import { formatSegmentName, segmentPath } from './segment-name.ts'

/** Growth of the file beyond the bytes of a commit's batches: tree pages and rounding. */
const COMMIT_OVERHEAD_BYTES = 64 * 1024

export class SegmentChain {
  readonly #place: SegmentPlace
  readonly #clock: () => number
  #manifest: Manifest
  #active: Segment
  /** The next segment, once it was asked for. */
  #next: Promise<Segment> | undefined

  private constructor(place: SegmentPlace, clock: () => number, manifest: Manifest, active: Segment) {
    this.#place = place
    this.#clock = clock
    this.#manifest = manifest
    this.#active = active
  }

  /** Opens the chain in a directory that exists and is locked. Only the active segment is opened. */
  static async open(place: SegmentPlace, clock: () => number): Promise<SegmentChain> {
    await clearReopeningMark(place.directory)
    const { manifest, active } = await recover(place, clock)
    return new SegmentChain(place, clock, manifest, active)
  }

  get active(): Environment {
    return this.#active.environment
  }

  /** The segment before the active one, for reading; undefined where there is none. Whoever asks closes it. */
  async openBefore(): Promise<Environment | undefined> {
    const before = this.#manifest.sealed.at(-1)
    return before && openSealed(this.#place, before)
  }

  list(): SegmentList {
    const names = [...this.#manifest.sealed, this.#active].map(formatSegmentName)
    return { directory: this.#place.directory, segments: names }
  }

  /** Whether a commit of so many bytes would take the active segment beyond its size. */
  isFullFor(bytes: number): boolean {
    return this.active.bytesUsed() + bytes + COMMIT_OVERHEAD_BYTES > this.#place.segmentBytes
  }

  /** Begins to make the next segment when the active one is half full, so that a roll does not wait for it. */
  prepareAhead(): void {
    if (this.#next !== undefined || this.active.bytesUsed() < this.#place.segmentBytes / 2) return
    this.#next = this.#create()
    // A failure shows when the roll needs the segment, and it is tried again there.
    this.#next.catch(() => {
      this.#next = undefined
    })
  }

  /** Goes on in the next segment. `carry` writes the state of all shards into it. After a rejection, call `reopen`. */
  async roll(carry: (environment: Environment) => Promise<void>): Promise<void> {
    const { directory, faults = noFaults } = this.#place
    this.#next ??= this.#create()
    const next = await this.#next
    await faults.at('rollStarted')
    await carry(next.environment)
    await faults.at('rollCarried')
    const full = this.#active
    const { number, generation } = full
    const sealed = { number, generation, bytes: full.environment.bytesUsed(), sealedAt: this.#clock() }
    const manifest = { ...this.#manifest, sealed: [...this.#manifest.sealed, sealed], active: next.number }
    await writeManifest(directory, manifest, faults)
    this.#manifest = manifest
    this.#active = next
    this.#next = undefined
    await faults.at('rollFinished')
    await full.environment.close()
  }

  /**
   * Closes everything and opens it from disk, after a write failed. Rejects where that cannot be done yet; try again, and
   * then have readers let go of the segment first.
   */
  async reopen({ readersLetGo }: { readersLetGo: boolean }): Promise<void> {
    await this.#closeAll()
    if (readersLetGo) await withoutReaders(this.#place.directory, () => this.#reopenClosed())
    else await this.#reopenClosed()
  }

  async #reopenClosed(): Promise<void> {
    const { manifest, active } = await recover(this.#place, this.#clock)
    try {
      await markReopened(active)
      // A rename that failed halfway may be in place without being durable.
      await writeManifest(this.#place.directory, manifest, this.#place.faults)
    } catch (error) {
      await active.environment.close()
      throw error
    }
    this.#manifest = manifest
    this.#active = active
  }

  async close(): Promise<void> {
    const unused = await this.#closeAll()
    if (unused !== undefined)
      await removeDirectory(segmentPath(this.#place.directory, formatSegmentName(unused)))
  }

  /** Answers the next segment, if there was one. */
  async #closeAll(): Promise<Segment | undefined> {
    const next = await this.#next?.catch(() => undefined)
    this.#next = undefined
    await next?.environment.close()
    await this.#active.environment.close()
    return next
  }

  async #create(): Promise<Segment> {
    const number = this.#active.number + 1
    const path = segmentPath(this.#place.directory, formatSegmentName({ number, generation: 0 }))
    if (existsSync(path)) await removeDirectory(path) // an attempt that failed
    return createSegment(this.#place, number, this.#clock())
  }
}
