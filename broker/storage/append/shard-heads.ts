// Reads every shard's position from the heads of the active segment. Runs on the owner thread, when it opens. A damaged
// head is rebuilt from the shard's batches here, which carry numbers and checksums, and from its head in the segment
// before. If these are missing or damaged, the shard is refused: a tail that is too low would assign numbers twice, and
// overwrite acknowledged batches.
import { allRows } from '../rows/all-rows.ts'
import type { Environment } from '../environment.ts'
import { decodeKey, decodeRow, type HeadRow } from '../rows/key-space.ts'
import { extentOfBatches, slotsWithBatches } from '../segments/batch-extent.ts'
import type { SegmentBefore } from '../segments/segment-chain.ts'

export interface ShardHeads {
  /** By slot, including rebuilt heads. */
  readonly heads: ReadonlyMap<number, HeadRow>
  readonly rebuilt: ReadonlyMap<number, HeadRow>
  /** Slots of shards whose tail is unknown. */
  readonly refused: readonly number[]
}

/** Opens the newest sealed segment for reading; the caller closes it. */
export type OpenBefore = () => Promise<SegmentBefore>

/** The heads of the segment before. */
interface HeadsBefore {
  readonly heads: ReadonlyMap<number, HeadRow>
  readonly damaged: ReadonlySet<number>
  readonly isNeighbour: boolean
}

export async function readShardHeads(active: Environment, openBefore: OpenBefore): Promise<ShardHeads> {
  const { heads, damaged } = headsIn(active)
  if (damaged.size === 0) return { heads, rebuilt: new Map(), refused: [] }
  const before = await headsBefore(openBefore)
  // The damage may be in a key: then the head is missing where it belongs, and lies at a slot without a shard.
  const expected = new Set([
    ...damaged,
    ...(before?.heads.keys() ?? []),
    ...(before?.damaged ?? []),
    ...slotsWithBatches(active),
  ])
  const rebuilt = new Map<number, HeadRow>()
  const refused: number[] = []
  for (const slot of expected) {
    if (heads.has(slot)) continue
    const isKnown = before !== undefined && !before.damaged.has(slot)
    const head = isKnown ? rebuildHead(active, slot, before) : 'unknown'
    if (head === 'unknown') refused.push(slot)
    else if (head !== undefined) rebuilt.set(slot, head)
  }
  return { heads: new Map([...heads, ...rebuilt]), rebuilt, refused }
}

function headsIn(environment: Environment): { heads: Map<number, HeadRow>; damaged: Set<number> } {
  const heads = new Map<number, HeadRow>()
  const damaged = new Set<number>()
  for (const { key, value } of allRows(environment, 'head')) {
    const { slot } = decodeKey('head', key)
    const head = decodeRow('head', key, value)
    if (head === undefined) damaged.add(slot)
    else heads.set(slot, head)
  }
  return { heads, damaged }
}

/** Undefined if that segment cannot be read. */
async function headsBefore(openBefore: OpenBefore): Promise<HeadsBefore | undefined> {
  let environment: Environment | undefined
  try {
    const before = await openBefore()
    environment = before.environment
    const found = environment ? headsIn(environment) : { heads: new Map(), damaged: new Set<number>() }
    return { ...found, isNeighbour: before.isNeighbour }
  } catch {
    return undefined
  } finally {
    await environment?.close()
  }
}

/**
 * Rebuilds a shard's head without its row; undefined for a shard that never stored anything. Only the row knows that
 * the shard was forgotten or sealed in this segment. A forgotten shard keeps its room until forgetting is requested
 * again, and no reader asks for it; a sealed shard is sealed again by the controller, which knows of it.
 */
function rebuildHead(
  active: Environment,
  slot: number,
  { heads, isNeighbour }: HeadsBefore,
): HeadRow | 'unknown' | undefined {
  const extent = extentOfBatches(active, slot)
  if (extent === 'damaged') return 'unknown'
  const before = heads.get(slot)
  const isKnownBefore = before !== undefined && before.forgotten === 0
  if (extent === undefined) {
    // A dropped segment may have assigned numbers that no other segment names.
    if (!isNeighbour) return 'unknown'
    return isKnownBefore ? emptyHead(before) : undefined
  }
  if (!isKnownBefore) return { ...extent, trimHorizon: extent.first, closed: 0, forgotten: 0 }
  const { closed, trimHorizon } = before
  if (extent.first === before.next) return { ...extent, trimHorizon, closed, forgotten: 0 }
  if (isNeighbour) return 'unknown'
  // The dropped segments between them held nothing wanted, so nothing below this extent is wanted either.
  return { ...extent, trimHorizon: extent.first, closed, forgotten: 0 }
}

/** The head of a shard that stored nothing in the following segment. */
function emptyHead({ next, lastArrival, trimHorizon, closed }: HeadRow): HeadRow {
  return {
    first: next,
    next,
    firstArrival: lastArrival,
    lastArrival,
    bytes: 0,
    batches: 0,
    trimHorizon,
    closed,
    forgotten: 0,
  }
}
