// A shard's extent in a segment, computed from its batches. Runs on owner threads and in the reader pool, only for a
// head that is damaged, because it reads all of the shard's batches in the segment.
import { arrivalTimeAt, checkStoredBatch, recordCountAt } from '../../../protocol/batch/batch.ts'
import { keyAfter } from '../rows/all-rows.ts'
import type { Environment } from '../environment.ts'
import { decodeKey, rangeOf, type HeadRow } from '../rows/key-space.ts'

const CHUNK_KEYS = 256

export type BatchExtent = Pick<
  HeadRow,
  'first' | 'next' | 'firstArrival' | 'lastArrival' | 'bytes' | 'batches'
>

/** Undefined if the shard has no batches here; 'damaged' if one is damaged or numbers between batches are missing. */
export function extentOfBatches(environment: Environment, slot: number): BatchExtent | 'damaged' | undefined {
  let extent: BatchExtent | undefined
  for (const key of batchKeys(environment, slot)) {
    const { base } = decodeKey('batch', key)
    const batch = environment.peek(key)
    if (batch === undefined || checkStoredBatch(batch, base) !== undefined) return 'damaged'
    const arrival = arrivalTimeAt(batch, 0)
    extent ??= { first: base, next: base, firstArrival: arrival, lastArrival: arrival, bytes: 0, batches: 0 }
    if (base !== extent.next) return 'damaged'
    extent = {
      ...extent,
      next: base + recordCountAt(batch, 0),
      lastArrival: arrival,
      bytes: extent.bytes + batch.length,
      batches: extent.batches + 1,
    }
  }
  return extent
}

function* batchKeys(environment: Environment, slot: number): Generator<Uint8Array> {
  const { start, end } = rangeOf('batch', slot)
  for (let from: Uint8Array = start; ;) {
    const keys = environment.keys({ start: from, end }, CHUNK_KEYS)
    yield* keys
    const last = keys.at(-1)
    if (last === undefined) return
    from = keyAfter(last)
  }
}

/** The slots that have batches in a segment. Reads one key per slot. */
export function* slotsWithBatches(environment: Environment): Generator<number> {
  const { start, end } = rangeOf('batch')
  for (let from = start; ;) {
    const key = environment.keys({ start: from, end }, 1)[0]
    if (key === undefined) return
    const { slot } = decodeKey('batch', key)
    yield slot
    from = rangeOf('batch', slot).end
  }
}
