// Reads where every shard stands from the heads of the active segment. Runs on the owner thread, when it opens. A head that
// is damaged is put together again from what is beside it: the shard's batches here, which carry their numbers and are
// checksummed, and its head in the segment before. Where those do not tell either, the shard is refused: a tail that is
// too low would give numbers out twice, and write new batches over acknowledged ones.
import { allRows } from '../all-rows.ts'
import type { Environment } from '../environment.ts'
import { decodeKey, decodeRow, type HeadRow } from '../key-space.ts'
import { extentOfBatches, slotsWithBatches } from '../segments/batch-extent.ts'
import type { SegmentBefore } from '../segments/segment-chain.ts'

export interface ShardHeads {
  /** By slot, those that were rebuilt among them. */
  readonly heads: ReadonlyMap<number, HeadRow>
  readonly rebuilt: ReadonlyMap<number, HeadRow>
  /** Slots of which nobody can say where they stand. */
  readonly refused: readonly number[]
}

/** Opens the newest sealed segment for reading; whoever asks closes it. */
export type OpenBefore = () => Promise<SegmentBefore>

/** What the segment before says. */
interface HeadsBefore {
  readonly heads: ReadonlyMap<number, HeadRow>
  readonly damaged: ReadonlySet<number>
  readonly isNeighbour: boolean
}

export async function readShardHeads(active: Environment, openBefore: OpenBefore): Promise<ShardHeads> {
  const { heads, damaged } = headsIn(active)
  if (damaged.size === 0) return { heads, rebuilt: new Map(), refused: [] }
  const before = await headsBefore(openBefore)
  // The key may be what is damaged: then the head is missing where it should be, and stands where no shard is.
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

/** Undefined where it cannot be read. */
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
 * A shard's head as everything but its row tells of it; undefined for one that never stored anything. That it was forgotten
 * in this segment is told by the row alone: such a shard takes room until that is asked for again, and nobody reads it.
 * The same holds for one that was sealed in this segment: whoever knows of it asks again.
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
    // A segment that was dropped may have given numbers that no other tells of.
    if (!isNeighbour) return 'unknown'
    return isKnownBefore ? emptyHead(before) : undefined
  }
  if (!isKnownBefore) return { ...extent, trimHorizon: extent.first, closed: 0, forgotten: 0 }
  const { closed, trimHorizon } = before
  if (extent.first === before.next) return { ...extent, trimHorizon, closed, forgotten: 0 }
  if (isNeighbour) return 'unknown'
  // What was dropped between them was not wanted, and so is nothing below it.
  return { ...extent, trimHorizon: extent.first, closed, forgotten: 0 }
}

/** Of a shard that stored nothing in the segment that follows. */
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
