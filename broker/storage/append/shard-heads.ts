// Reads where every shard stands from the heads of the active segment. Runs on the owner thread, when it opens. A head that
// is damaged is put together again from what is beside it: the shard's batches here, which carry their numbers and are
// checksummed, and its head in the segment before. Where those do not tell either, the shard is refused: a tail that is
// too low would give numbers out twice, and write new batches over acknowledged ones.
import { allRows } from '../all-rows.ts'
import type { Environment } from '../environment.ts'
import { decodeKey, decodeRow, type HeadRow } from '../key-space.ts'
import { extentOfBatches, slotsWithBatches } from '../segments/batch-extent.ts'

export interface ShardHeads {
  /** By slot, those that were rebuilt among them. */
  readonly heads: ReadonlyMap<number, HeadRow>
  readonly rebuilt: ReadonlyMap<number, HeadRow>
  /** Slots of which nobody can say where they stand. */
  readonly refused: readonly number[]
}

/** Opens the segment before the active one for reading; undefined where there is none. */
export type OpenBefore = () => Promise<Environment | undefined>

export async function readShardHeads(active: Environment, openBefore: OpenBefore): Promise<ShardHeads> {
  const { heads, damaged } = headsIn(active)
  if (damaged.size === 0) return { heads, rebuilt: new Map(), refused: [] }
  const before = await headsBefore(openBefore)
  // The key may be what is damaged: then the head is missing where it should be, and stands where no shard is.
  const expected = new Set([
    ...damaged,
    ...before.heads.keys(),
    ...before.damaged,
    ...slotsWithBatches(active),
  ])
  const rebuilt = new Map<number, HeadRow>()
  const refused: number[] = []
  for (const slot of expected) {
    if (heads.has(slot)) continue
    const isKnown = before.isReadable && !before.damaged.has(slot)
    const head = isKnown ? rebuildHead(active, slot, before.heads.get(slot)) : 'unknown'
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

/** The heads of the segment before: none where there is no such segment. */
async function headsBefore(
  openBefore: OpenBefore,
): Promise<ReturnType<typeof headsIn> & { isReadable: boolean }> {
  const nothing = { heads: new Map<number, HeadRow>(), damaged: new Set<number>() }
  let environment: Environment | undefined
  try {
    environment = await openBefore()
    return { ...(environment ? headsIn(environment) : nothing), isReadable: true }
  } catch {
    return { ...nothing, isReadable: false }
  } finally {
    await environment?.close()
  }
}

/**
 * A shard's head as everything but its row tells of it; undefined for one without records. That it was forgotten is told
 * by the row alone: such a shard takes room until its stream's deletion is asked for again, and nobody reads it.
 */
function rebuildHead(
  active: Environment,
  slot: number,
  before: HeadRow | undefined,
): HeadRow | 'unknown' | undefined {
  const extent = extentOfBatches(active, slot)
  if (extent === 'damaged') return 'unknown'
  if (before === undefined || before.forgotten !== 0) {
    return extent && { ...extent, trimHorizon: extent.first, bytesBefore: 0, forgotten: 0 }
  }
  const { next, lastArrival, trimHorizon } = before
  if (extent !== undefined && extent.first !== next) return 'unknown'
  const empty = {
    first: next,
    next,
    firstArrival: lastArrival,
    lastArrival,
    bytes: 0,
    batches: 0,
  }
  return {
    ...(extent ?? empty),
    trimHorizon,
    bytesBefore: before.bytesBefore + before.bytes,
    forgotten: 0,
  }
}
