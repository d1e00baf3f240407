// Verifies one owner's directory: its manifest, its segments, and how they follow on each other. Runs in the checking
// process, read-only, on a directory that nobody else has open. What a crash leaves behind and the next start removes
// is no damage.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment, OpenEnvironment } from '../environment.ts'
import type { HeadRow } from '../key-space.ts'
import { readManifest, type Manifest } from '../segments/manifest.ts'
import { listSegmentDirectories, mapBytesOf, segmentFault } from '../segments/segment.ts'
import { formatSegmentName, segmentPath } from '../segments/segment-name.ts'
import type { SlotRanges } from './catalog-check.ts'
import type { Findings } from './findings.ts'
import { ProducerHistory } from './producer-check.ts'
import { checkSegment } from './segment-check.ts'

/** Checks an owner's directory, and answers the heads of its newest segment. */
export async function checkOwner(
  directory: string,
  {
    findings,
    openEnvironment,
    ranges,
  }: { findings: Findings; openEnvironment: OpenEnvironment; ranges: SlotRanges },
): Promise<Map<number, HeadRow>> {
  const manifest = await readManifestOf(directory, findings)
  if (manifest === undefined) return new Map()
  const producers = new ProducerHistory()
  let heads = new Map<number, HeadRow>()
  /** Of each slot, the number at which its oldest segment begins. */
  const begins = new Map<number, number>()
  for (const name of [...manifest.sealed, { number: manifest.active, generation: 0 }]) {
    const where = segmentPath(directory, formatSegmentName(name))
    const environment = await openAt(where, { findings, openEnvironment })
    if (environment === undefined) continue
    try {
      findings.segments++
      const fault = segmentFault(environment, manifest.ownerId, name)
      if (fault !== undefined) findings.problem(where, fault)
      const found = await checkSegment({ environment, findings, where, producers, ranges })
      checkSuccession({ before: heads, after: found, where, findings })
      heads = found
      for (const [slot, { first }] of found) if (!begins.has(slot)) begins.set(slot, first)
    } catch (error) {
      findings.problem(where, `It cannot be read to its end: ${(error as Error).message}`)
    } finally {
      await environment.close()
    }
  }
  checkBeginnings(begins, { heads, directory, findings })
  return heads
}

/** What a shard's newest head calls its oldest number must be in a segment. */
function checkBeginnings(
  begins: ReadonlyMap<number, number>,
  {
    heads,
    directory,
    findings,
  }: { heads: ReadonlyMap<number, HeadRow>; directory: string; findings: Findings },
): void {
  for (const [slot, { trimHorizon }] of heads) {
    const first = begins.get(slot)
    if (first === undefined || first <= trimHorizon) continue
    findings.problem(
      `${directory}, slot ${slot}`,
      `The numbers from ${trimHorizon} up to ${first} are in no segment that the manifest names.`,
    )
  }
}

async function readManifestOf(directory: string, findings: Findings): Promise<Manifest | undefined> {
  try {
    const manifest = await readManifest(directory)
    if (manifest !== undefined) return manifest
    // A first start that was interrupted leaves one segment, without a batch; the next start removes it.
    const names = await listSegmentDirectories(directory)
    if (names.some(({ number }) => number > 1))
      findings.problem(directory, 'It has segments and no manifest.')
  } catch (error) {
    findings.problem(directory, (error as Error).message)
  }
  return undefined
}

async function openAt(
  path: string,
  { findings, openEnvironment }: { findings: Findings; openEnvironment: OpenEnvironment },
): Promise<Environment | undefined> {
  if (!existsSync(join(path, 'data.mdb'))) {
    findings.problem(path, 'The manifest names it, and it is not there.')
    return undefined
  }
  try {
    return await openEnvironment({ path, mapBytes: mapBytesOf(0), readOnly: true })
  } catch (error) {
    findings.problem(path, `It cannot be opened: ${(error as Error).message}`)
    return undefined
  }
}

/** Each shard goes on in a segment where it stood at the end of the one before. */
function checkSuccession({
  before,
  after,
  where,
  findings,
}: {
  before: ReadonlyMap<number, HeadRow>
  after: ReadonlyMap<number, HeadRow>
  where: string
  findings: Findings
}): void {
  for (const [slot, head] of after) {
    const at = `${where}, slot ${slot}, head`
    const earlier = before.get(slot)
    const expect = (name: keyof HeadRow, expected: number) =>
      findings.expect(at, name, { found: head[name], expected })
    if (earlier !== undefined) {
      expect('first', earlier.next)
      expect('bytesBefore', earlier.bytesBefore + earlier.bytes)
      expect('trimHorizon', earlier.trimHorizon)
      if (head.firstArrival < earlier.lastArrival) findings.problem(at, 'Its arrival times go back.')
      if (earlier.forgotten !== 0) findings.problem(at, 'It was forgotten, and came back.')
    } else if (head.bytesBefore === 0) expect('trimHorizon', head.first)
  }
  for (const [slot, head] of before) {
    if (head.forgotten === 0 && !after.has(slot)) {
      findings.problem(`${where}, slot ${slot}`, 'It was not carried over from the segment before.')
    }
  }
}
