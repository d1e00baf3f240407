// A shard's extent in a segment, for readers. Runs in the reader pool. Reads the head; if the head is damaged, the
// shard's batches, if there are any.
import type { Environment } from '../environment.ts'
import { DamagedRow, decodeRow, encodeKey, type HeadRow } from '../rows/key-space.ts'
import { extentOfBatches, type BatchExtent } from './batch-extent.ts'

/** `trimHorizon` is the value when the head was written: it may be higher by now, and records below it removed. */
export type ExtentInSegment = BatchExtent & Pick<HeadRow, 'trimHorizon'>

/** Undefined if the segment is older than the shard. Throws a DamagedRow if neither head nor batches are readable. */
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
  // The batches do not tell the trim horizon.
  return { ...extent, trimHorizon: 0 }
}
