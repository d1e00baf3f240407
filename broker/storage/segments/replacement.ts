// Computes the manifest after segments are replaced by a compacted one, or dropped. Runs on the owner thread, pure.
// Only neighbours are replaced together: otherwise the compacted segment would lie between the segments it overlaps.
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { Manifest, SealedSegment } from './manifest.ts'
import { formatSegmentName, type SegmentName } from './segment-name.ts'

export interface ReplacementRequest {
  readonly sources: readonly string[]
  readonly target: string | null
}

export interface Replacement {
  /** Neighbours in the manifest, oldest first. */
  readonly sources: readonly SealedSegment[]
  /** The segment that takes the sources' place; undefined if the sources are dropped. */
  readonly target: SegmentName | undefined
}

/** Checks a request against the manifest. Throws `invalidArgument` if they do not fit. */
export function planReplacement({ sealed }: Manifest, { sources, target }: ReplacementRequest): Replacement {
  if (sources.length === 0) throw refused('No segments are named that are to be replaced.')
  const at = sealed.findIndex((segment) => formatSegmentName(segment) === sources[0])
  const found = at < 0 ? [] : sealed.slice(at, at + sources.length)
  const names = found.map(formatSegmentName)
  if (names.length !== sources.length || names.some((name, i) => name !== sources[i])) {
    throw refused(
      `${sources.join(', ')} are not (any more) neighbours among the sealed segments: read the list again.`,
    )
  }
  if (target === null) return { sources: found, target: undefined }
  const expected = compactedName(found)
  if (target !== formatSegmentName(expected)) {
    throw refused(`${target} cannot replace ${sources.join(', ')}: ${formatSegmentName(expected)} could.`)
  }
  return { sources: found, target: expected }
}

/** The name of the segment that compacts these: the number of the newest, and one generation above the highest. */
export function compactedName(sources: readonly SegmentName[]): SegmentName {
  const generation = 1 + Math.max(...sources.map((source) => source.generation))
  return { number: sources.at(-1)!.number, generation }
}

/** The manifest with the target, of `bytes`, in place of the sources. */
export function replacedIn(
  manifest: Manifest,
  { sources, target }: Replacement,
  { bytes }: { bytes: number },
): Manifest {
  const at = manifest.sealed.indexOf(sources[0]!)
  const { sealedAt } = sources.at(-1)!
  const put: SealedSegment[] = target ? [{ ...target, bytes, sealedAt }] : []
  return { ...manifest, sealed: manifest.sealed.toSpliced(at, sources.length, ...put) }
}

export function refused(message: string): MillraceError {
  return refusal('invalidArgument', message)
}
