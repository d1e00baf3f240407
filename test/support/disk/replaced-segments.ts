// Makes a compacted segment by hand: a copy of its source, under the name that may replace it.
import { cp } from 'node:fs/promises'
import { decodeRow, encodeKey, encodeRow } from '../../../broker/storage/rows/key-space.ts'
import { compactedName } from '../../../broker/storage/segments/replacement.ts'
import {
  formatSegmentName,
  parseSegmentName,
  segmentPath,
  type SegmentName,
} from '../../../broker/storage/segments/segment-name.ts'
import type { StorageFixture } from './storage.ts'

/** Copies a sealed segment of owner 0 to the name that may replace it, or to another name. Returns the name. */
export async function copyAsTarget(
  storage: StorageFixture,
  source: string,
  name: SegmentName = compactedName([parseSegmentName(source)!]),
): Promise<string> {
  const target = formatSegmentName(name)
  const directory = storage.ownerDirectory()
  await cp(segmentPath(directory, source), segmentPath(directory, target), { recursive: true })
  await storage.tamper(target, (environment) => {
    const key = encodeKey('segmentMeta')
    const meta = decodeRow('segmentMeta', key, environment.get(key)!)!
    return { key, value: encodeRow('segmentMeta', key, { ...meta, ...name }) }
  })
  return target
}
