// What lies in a sealed segment, shard by shard. Runs on the maintenance thread. The heads tell it; where one is damaged
// or gone, the shard's batches do. What is answered leaves no batch out: whatever is removed, is removed by it.
import { storageFailure } from '../../channels/failure.ts'
import type { SegmentSpan, Survey, SurveyTask } from '../../threads/maintenance-contract.ts'
import { allRows } from '../all-rows.ts'
import type { Environment, OpenEnvironment } from '../environment.ts'
import { decodeKey, decodeRow } from '../key-space.ts'
import { extentOfBatches, slotsWithBatches } from '../segments/batch-extent.ts'
import { segmentPath } from '../segments/segment-name.ts'
import { openForReading } from '../segments/segment.ts'

/** Rejects with `corruptData` where nothing tells of a shard any more. */
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
  // A shard whose head is damaged and that has no batches here takes no room: it is left out.
  return [...spans.values()]
}

function spanOf(slot: number, extent: Omit<SegmentSpan, 'slot'>): SegmentSpan {
  const { first, next, firstArrival, lastArrival, bytes } = extent
  return { slot, first, next, firstArrival, lastArrival, bytes }
}
