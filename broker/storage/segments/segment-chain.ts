// An owner's segments: the sealed ones by name, the active one open, and the next one made in advance. Runs on the
// owner thread. The order of steps makes a crash between any two harmless. A roll: next segment durable, state carried
// into it, manifest switched, then the first append to it. A replacement: target durable, manifest switched, then the
// sources removed.
import { existsSync } from 'node:fs'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { storageFailure } from '../../channels/failure.ts'
import type { SegmentList } from '../../threads/owner-contract.ts'
import { removeDirectory } from '../disk/durable-files.ts'
import { noFaults, type Faults } from '../disk/faults.ts'
import { dataFileOf } from '../disk/lmdb-files.ts'
import { releaseReserved } from '../disk/reserved-room.ts'
import { isDamage, type Environment } from '../environment.ts'
import { Ballast } from './ballast.ts'
import { recover } from './recovery.ts'
import { writeManifest, type Manifest } from './manifest.ts'
import { SegmentRemoval } from './removal.ts'
import { clearReopeningMark, withoutReaders } from './reopening.ts'
import {
  planReplacement,
  refused,
  replacedIn,
  type Replacement,
  type ReplacementRequest,
} from './replacement.ts'
import {
  createSegment,
  markReopened,
  openSealed,
  segmentFault,
  type Segment,
  type SegmentPlace,
} from './segment.ts'
import { formatSegmentName, parseSegmentName, segmentPath, type SegmentName } from './segment-name.ts'
import type { Clock } from '../../time.ts'

/** Growth of the file beyond the bytes of a commit's batches: tree pages and rounding. */
const COMMIT_OVERHEAD_BYTES = 64 * 1024

/** The newest sealed segment that is still listed. */
export interface SegmentBefore {
  /** Undefined if no sealed segment is left. */
  readonly environment: Environment | undefined
  /**
   * True if the active segment directly follows this one. With `environment` undefined: if the active segment is the
   * first.
   */
  readonly isNeighbour: boolean
}

export class SegmentChain {
  readonly #place: SegmentPlace
  readonly #faults: Faults
  readonly #now: Clock
  readonly #ballast: Ballast
  readonly #removal: SegmentRemoval
  #manifest: Manifest
  #active: Segment
  /** The next segment, if it was begun. */
  #next: Promise<Segment> | undefined

  private constructor(place: SegmentPlace, now: Clock, manifest: Manifest, active: Segment) {
    const { directory, faults = noFaults } = place
    this.#place = place
    this.#faults = faults
    this.#now = now
    this.#ballast = new Ballast(directory)
    this.#removal = new SegmentRemoval({ directory, faults, onRemoved: () => this.#ballast.keep() })
    this.#manifest = manifest
    this.#active = active
  }

  /** Opens the chain in an existing, locked directory. Only the active segment is opened. */
  static async open(place: SegmentPlace, now: Clock): Promise<SegmentChain> {
    await clearReopeningMark(place.directory)
    // May use the ballast: a full disk must not keep a start from reading and from removing records.
    const { manifest, active } = await new Ballast(place.directory).withRoom(() => recover(place, now))
    const chain = new SegmentChain(place, now, manifest, active)
    await chain.#ballast.keep()
    return chain
  }

  get active(): Environment {
    return this.#active.environment
  }

  /** When the active segment was created, in milliseconds since 1970. */
  get activeSince(): number {
    return this.#active.createdAt
  }

  /** Opens the newest sealed segment for reading. The caller closes it. */
  async openBefore(): Promise<SegmentBefore> {
    const before = this.#manifest.sealed.at(-1)
    return {
      environment: before && (await openSealed(this.#place, before)),
      isNeighbour: (before?.number ?? 0) === this.#active.number - 1,
    }
  }

  list(): SegmentList {
    const names = [...this.#manifest.sealed, this.#active].map(formatSegmentName)
    return { directory: this.#place.directory, segments: names }
  }

  /** Returns true if a commit of `bytes` would take the active segment beyond its size. */
  isFullFor(bytes: number): boolean {
    return this.active.bytesUsed() + bytes + COMMIT_OVERHEAD_BYTES > this.#place.segmentBytes
  }

  /** Begins to create the next segment when the active one is half full, so that a roll need not wait for it. */
  prepareAhead(): void {
    if (this.#next !== undefined || this.active.bytesUsed() < this.#place.segmentBytes / 2) return
    this.#next = this.#create()
    // The roll that needs the segment tries again, and reports the failure.
    this.#next.catch(() => {
      this.#next = undefined
    })
  }

  /**
   * Seals the active segment and switches to the next. `carry` writes the state of all shards into it. After a
   * rejection, call `reopen`.
   */
  async roll(carry: (environment: Environment) => Promise<void>): Promise<void> {
    this.#next ??= this.#create()
    const next = await this.#next
    await this.#faults.at('rollStarted')
    await carry(next.environment)
    await this.#faults.at('rollCarried')
    const full = this.#active
    const { number, generation } = full
    const sealed = { number, generation, bytes: full.environment.bytesUsed(), sealedAt: this.#now() }
    const manifest = { ...this.#manifest, sealed: [...this.#manifest.sealed, sealed], active: next.number }
    await writeManifest(this.#place.directory, manifest, this.#faults)
    this.#manifest = manifest
    this.#active = next
    this.#next = undefined
    await this.#faults.at('rollFinished')
    await full.environment.close()
    releaseReserved(dataFileOf(segmentPath(this.#place.directory, formatSegmentName(full))))
  }

  /**
   * Replaces the sources by a compacted segment in the manifest, or drops them, durably. Throws a MillraceError if the
   * request cannot be done: then nothing has changed, and the target is removed. After any other rejection, call
   * `reopen`. The sources stay on disk: `remove` them after readers have the new list.
   */
  async replace(request: ReplacementRequest): Promise<void> {
    const { replacement, bytes } = await this.#check(request)
    await this.#faults.at('replacementStarted')
    const manifest = replacedIn(this.#manifest, replacement, { bytes })
    await this.#writeSmaller(manifest)
    this.#manifest = manifest
    await this.#faults.at('replacementListed')
  }

  /** Removes segments that are no longer listed, in the background. */
  remove(names: readonly string[]): void {
    this.#removal.start(names)
  }

  async #check(request: ReplacementRequest): Promise<{ replacement: Replacement; bytes: number }> {
    try {
      const replacement = planReplacement(this.#manifest, request)
      return { replacement, bytes: replacement.target ? await this.#checkTarget(replacement.target) : 0 }
    } catch (error) {
      await this.#removeRefused(request.target)
      throw error
    }
  }

  /**
   * Removes a refused target, which would otherwise stay until the next start. The caller waits for this: a retry may
   * make a new target of the same name.
   */
  async #removeRefused(target: string | null): Promise<void> {
    const name = target === null ? undefined : parseSegmentName(target)
    const isCompacted = name !== undefined && name.generation > 0
    if (!isCompacted || this.list().segments.includes(target!)) return
    await removeDirectory(segmentPath(this.#place.directory, target!)).catch(() => undefined)
  }

  /**
   * Size of a compacted segment that is not listed yet. Throws unless the segment exists and its first row fits its
   * name.
   */
  async #checkTarget(target: SegmentName): Promise<number> {
    const path = segmentPath(this.#place.directory, formatSegmentName(target))
    if (!existsSync(dataFileOf(path))) throw refused(`${path} is not there.`)
    try {
      const environment = await openSealed(this.#place, target)
      try {
        const fault = segmentFault(environment, this.#place.ownerId, target)
        if (fault !== undefined) throw refused(`${path}: ${fault}.`)
        return environment.bytesUsed()
      } finally {
        await environment.close()
      }
    } catch (error) {
      if (MillraceError.is(error)) throw error
      const { message } = error as Error
      throw storageFailure(isDamage(error) ? 'corruptData' : 'unavailable', message, { cause: error })
    }
  }

  /** Writes a manifest that lets space be freed; on a full disk it may use the ballast's room. */
  async #writeSmaller(manifest: Manifest): Promise<void> {
    await this.#ballast.withRoom(() => writeManifest(this.#place.directory, manifest, this.#faults))
  }

  /**
   * Closes everything and opens it from disk, after a failed write. Rejects if that is not possible yet; then try again
   * with `readersLetGo`, which asks readers to close the active segment first.
   */
  async reopen({ readersLetGo }: { readersLetGo: boolean }): Promise<void> {
    await this.#closeAll()
    const reopen = () => this.#ballast.withRoom(() => this.#reopenClosed())
    if (readersLetGo) await withoutReaders(this.#place.directory, reopen)
    else await reopen()
  }

  async #reopenClosed(): Promise<void> {
    const { manifest, active } = await recover(this.#place, this.#now)
    try {
      await markReopened(active)
      // A rename that failed halfway may have happened without being durable.
      await writeManifest(this.#place.directory, manifest, this.#faults)
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

  /** Closes all segments. Returns the next segment, if there was one. */
  async #closeAll(): Promise<Segment | undefined> {
    const next = await this.#next?.catch(() => undefined)
    this.#next = undefined
    await this.#removal.idle()
    await next?.environment.close()
    await this.#active.environment.close()
    return next
  }

  async #create(): Promise<Segment> {
    const number = this.#active.number + 1
    const path = segmentPath(this.#place.directory, formatSegmentName({ number, generation: 0 }))
    if (existsSync(path)) await removeDirectory(path) // left by a failed attempt
    return createSegment(this.#place, number, this.#now())
  }
}
