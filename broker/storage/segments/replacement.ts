// What the list of segments becomes when some are replaced by a compacted one, or dropped. Runs on the owner thread, pure. Only
// neighbours go together: else the compacted one would stand before or behind segments that its records lie around.
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
  /** The segment that takes their place; undefined where they are dropped. */
  readonly target: SegmentName | undefined
}

/** Checks a request against the manifest. Throws `invalidArgument` where the two do not fit. */
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

/** How a segment is named that holds what is wanted of these: in the place of the newest, one generation on. */
export function compactedName(sources: readonly SegmentName[]): SegmentName {
  const generation = 1 + Math.max(...sources.map((source) => source.generation))
  return { number: sources.at(-1)!.number, generation }
}

/** The manifest with `bytes` of target in the place of the sources. */
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
