// Which records to trim when a stream is larger than its bound: the oldest, on whichever host. Runs in the controller; pure.
// It relies only on what hosts have just reported: a host that did not answer counts as holding nothing, so that it never
// trims too much. Within the last span that it trims, the sequence number is interpolated.
import type { BoundedTrim, StoredSpans } from '../../host-contract.ts'

/** Fields of a span in `StoredSpans.spans`. */
const SPAN_FIELDS = 5

/** What one host reports to hold of a stream. */
export interface HostedPart extends StoredSpans {
  readonly hostId: number
}

export interface SizeTrim extends BoundedTrim {
  readonly hostId: number
}

interface Candidate {
  readonly hostId: number
  readonly shardIndex: number
  readonly from: number
  readonly next: number
  readonly lastArrival: number
  readonly bytes: number
}

/**
 * Returns the trim horizons that bring a stream down to its bound, or as near as sealed segments allow; none where the
 * reported bytes are within the bound. `parts` are of different hosts.
 */
export function planSizeTrims(retentionBytes: number, parts: readonly HostedPart[]): readonly SizeTrim[] {
  let excess = parts.reduce((sum, { bytes }) => sum + bytes, 0) - retentionBytes
  if (excess <= 0) return []
  // One host may have left out spans newer than its `completeTo`, so beyond it another's span may not be the oldest.
  const completeTo = Math.min(...parts.map((part) => part.completeTo))
  const trims = new Map<string, SizeTrim>()
  const candidates = parts.flatMap(candidatesOf).filter(({ lastArrival }) => lastArrival <= completeTo)
  // The sort is stable, and arrival times never fall: the spans of one shard stay in their order.
  for (const span of candidates.toSorted((a, b) => a.lastArrival - b.lastArrival)) {
    if (excess <= 0) break
    const { hostId, shardIndex, from, next, bytes } = span
    const isWhole = bytes <= excess
    const trimHorizon = isWhole ? next : Math.min(next, from + Math.floor(((next - from) * excess) / bytes))
    if (trimHorizon > from) {
      trims.set(`${hostId}/${shardIndex}`, {
        hostId,
        shardIndex,
        trimHorizon,
        isEstimate: trimHorizon < next,
      })
    }
    excess -= bytes
  }
  return [...trims.values()]
}

function candidatesOf({ hostId, spans }: HostedPart): readonly Candidate[] {
  return Array.from({ length: spans.length / SPAN_FIELDS }, (_, i) => {
    const [shardIndex, from, next, lastArrival, bytes] = spans.subarray(
      i * SPAN_FIELDS,
    ) as unknown as number[]
    return {
      hostId,
      shardIndex: shardIndex!,
      from: from!,
      next: next!,
      lastArrival: lastArrival!,
      bytes: bytes!,
    }
  })
}
