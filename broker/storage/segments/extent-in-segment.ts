// Where a shard lies in a segment, as a reader goes by it. Runs in the reader pool. The head tells it; where that is damaged,
// the shard's batches do, unless there are none.
import type { Environment } from '../environment.ts'
import { DamagedRow, decodeRow, encodeKey, type HeadRow } from '../key-space.ts'
import { extentOfBatches, type BatchExtent } from './batch-extent.ts'

/** `trimHorizon` is as it was when the head was written: it may be higher by now, and what lay below it gone. */
export type ExtentInSegment = BatchExtent & Pick<HeadRow, 'trimHorizon'>

/** Undefined where the segment is older than the shard. Throws a DamagedRow where nothing tells any more. */
export function extentInSegment(environment: Environment, slot: number): ExtentInSegment | undefined {
  const key = encodeKey('head', slot)
  const value = environment.get(key)
  if (value === undefined) return undefined
  return decodeRow('head', key, value) ?? extentWithoutHead(environment, slot)
}

function extentWithoutHead(environment: Environment, slot: number): ExtentInSegment {
  const extent = extentOfBatches(environment, slot)
  if (extent === undefined || extent === 'damaged') {
    throw new DamagedRow(`The head of slot ${slot} is damaged: run millrace check.`)
  }
  // Where the shard's oldest number was they do not tell.
  return { ...extent, trimHorizon: 0 }
}
