// Lists what a sealed segment holds, shard by shard. Runs on the maintenance thread. Reads the heads; if a head is
// damaged or missing, the shard's batches. A survey leaves out no batch, because removal relies on it.
import { storageFailure } from '../../channels/failure.ts'
import type { SegmentSpan, Survey, SurveyTask } from '../../threads/maintenance-contract.ts'
import { allRows } from '../rows/all-rows.ts'
import type { Environment, OpenEnvironment } from '../environment.ts'
import { decodeKey, decodeRow } from '../rows/key-space.ts'
import { extentOfBatches, slotsWithBatches } from '../segments/batch-extent.ts'
import { segmentPath } from '../segments/segment-name.ts'
import { openForReading } from '../segments/segment.ts'

/** Rejects with `corruptData` if neither head nor batches of a shard are readable. */
export async function surveySegment(
  { directory, segment }: Omit<SurveyTask, 'task'>,
  openEnvironment: OpenEnvironment,
): Promise<Survey> {
  const path = segmentPath(directory, segment)
  const environment = await openForReading(openEnvironment, path)
  try {
    return { segment, fileBytes: environment.bytesUsed(), spans: spansIn(environment, path) }
  } finally {
    await environment.close()
  }
}

function spansIn(environment: Environment, path: string): SegmentSpan[] {
  const spans = new Map<number, SegmentSpan>()
  for (const { key, value } of allRows(environment, 'head')) {
    const { slot } = decodeKey('head', key)
    const head = decodeRow('head', key, value)
    if (head !== undefined) spans.set(slot, spanOf(slot, head))
  }
  for (const slot of slotsWithBatches(environment)) {
    if (spans.has(slot)) continue
    const extent = extentOfBatches(environment, slot)
    if (typeof extent !== 'object') {
      throw storageFailure(
        'corruptData',
        `${path}: the head of slot ${slot} is damaged, and so are its batches.`,
      )
    }
    spans.set(slot, spanOf(slot, extent))
  }
  // A shard with a damaged head and no batches takes no room here, so it is left out.
  return [...spans.values()]
}

function spanOf(slot: number, extent: Omit<SegmentSpan, 'slot'>): SegmentSpan {
  const { first, next, firstArrival, lastArrival, bytes } = extent
  return { slot, first, next, firstArrival, lastArrival, bytes }
}
