// Verifies one owner's directory: the manifest, the segments, and how segments follow each other. Runs in the checking
// process, read-only, on a directory that no process has open. What a crash leaves and the next start removes is no
// damage.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment, OpenEnvironment } from '../environment.ts'
import { rangeOf, type HeadRow } from '../rows/key-space.ts'
import { readManifest, type Manifest } from '../segments/manifest.ts'
import { listSegmentDirectories, openForReading, segmentFault } from '../segments/segment.ts'
import { formatSegmentName, segmentPath, type SegmentName } from '../segments/segment-name.ts'
import type { SlotRanges } from './catalog-check.ts'
import type { Findings } from './findings.ts'
import { ProducerHistory } from './producer-check.ts'
import { checkSegment } from './segment-check.ts'
import { SlotHistory } from './slot-history.ts'

export interface OwnerCheck {
  readonly findings: Findings
  readonly openEnvironment: OpenEnvironment
  readonly ranges: SlotRanges
}

/** Checks an owner's directory, and returns the heads of its newest segment. */
export async function checkOwner(directory: string, check: OwnerCheck): Promise<Map<number, HeadRow>> {
  const manifest = await readManifestOf(directory, check.findings)
  if (manifest === undefined) return new Map()
  const { ownerId, sealed, active } = manifest
  const segments: SegmentName[] = [...sealed, { number: active, generation: 0 }]
  const producers = new ProducerHistory({ isWhole: isWhole(segments) })
  const histories = new Map<number, SlotHistory>()
  let heads = new Map<number, HeadRow>()
  for (const segment of segments) {
    const where = segmentPath(directory, formatSegmentName(segment))
    const found = await readSegment(where, { ...check, segment, ownerId, producers })
    if (found === undefined) continue
    heads = found
    addHeads(histories, { segment, where, heads, findings: check.findings })
  }
  for (const slot of heads.keys()) histories.get(slot)!.checkWhole(directory)
  await checkUnlisted(directory, active, check)
  return heads
}

/** True if nothing was ever removed from these segments: the first is there, and none is compacted. */
function isWhole(segments: readonly SegmentName[]): boolean {
  return segments.every(({ number, generation }, i) => number === i + 1 && generation === 0)
}

/** Checks one segment; undefined if it cannot be read. */
async function readSegment(
  where: string,
  check: OwnerCheck & { segment: SegmentName; ownerId: number; producers: ProducerHistory },
): Promise<Map<number, HeadRow> | undefined> {
  const { findings, segment, ownerId } = check
  if (!existsSync(join(where, 'data.mdb'))) {
    findings.problem(where, 'The manifest names it, and it is not there.')
    return undefined
  }
  const environment = await openAt(where, check)
  if (environment === undefined) return undefined
  try {
    findings.segments++
    const fault = segmentFault(environment, ownerId, segment)
    if (fault !== undefined) findings.problem(where, fault)
    return await checkSegment({ ...check, environment, where })
  } catch (error) {
    findings.problem(where, `It cannot be read to its end: ${(error as Error).message}`)
    return undefined
  } finally {
    await environment.close()
  }
}

/** Adds a segment's heads to the shards' histories. */
function addHeads(
  histories: Map<number, SlotHistory>,
  found: { segment: SegmentName; where: string; heads: ReadonlyMap<number, HeadRow>; findings: Findings },
): void {
  const { segment, where, heads, findings } = found
  for (const [slot, history] of histories) {
    if (heads.has(slot) || !history.isMissingFrom(segment)) continue
    findings.problem(`${where}, slot ${slot}`, 'It was not carried over from the segment before.')
  }
  for (const [slot, head] of heads) {
    const history = histories.get(slot) ?? new SlotHistory(slot, findings)
    histories.set(slot, history)
    history.add(where, segment, head)
  }
}

async function readManifestOf(directory: string, findings: Findings): Promise<Manifest | undefined> {
  try {
    const manifest = await readManifest(directory)
    if (manifest !== undefined) return manifest
    // An interrupted first start leaves one segment without a batch; the next start removes it.
    const names = await listSegmentDirectories(directory)
    if (names.some(({ number }) => number > 1))
      findings.problem(directory, 'It has segments and no manifest.')
  } catch (error) {
    findings.problem(directory, (error as Error).message)
  }
  return undefined
}

/**
 * Reports unlisted segments above the active one that hold batches: a start would refuse. It removes all other unlisted
 * ones.
 */
async function checkUnlisted(directory: string, active: number, check: OwnerCheck): Promise<void> {
  for (const name of await listSegmentDirectories(directory)) {
    const where = segmentPath(directory, formatSegmentName(name))
    if (name.number <= active || !existsSync(join(where, 'data.mdb'))) continue
    // A segment that cannot be opened was half made: a start renames it.
    const environment = await openForReading(check.openEnvironment, where).catch(() => undefined)
    const holdsBatches = (environment?.keys(rangeOf('batch'), 1).length ?? 0) > 0
    await environment?.close()
    if (holdsBatches) check.findings.problem(where, 'It holds batches, and the manifest does not name it.')
  }
}

async function openAt(
  path: string,
  { findings, openEnvironment }: OwnerCheck,
): Promise<Environment | undefined> {
  try {
    return await openForReading(openEnvironment, path)
  } catch (error) {
    findings.problem(path, `It cannot be opened: ${(error as Error).message}`)
    return undefined
  }
}
