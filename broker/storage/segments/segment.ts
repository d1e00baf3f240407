// One segment: an LMDB environment in its own directory, holding a span of every shard of one owner. Runs on owner
// threads; compaction and integrity use its first row. That row says which segment it is. A segment is durable in its
// parent directory before anything in it is acknowledged.
import { mkdir, readdir } from 'node:fs/promises'
import { invariant } from '../../../protocol/invariant.ts'
import { syncDirectory } from '../disk/durable-files.ts'
import { hasEnvironment } from '../disk/lmdb-files.ts'
import { DIRECTORY_MODE } from '../disk/private-files.ts'
import { noFaults, type Faults } from '../disk/faults.ts'
import type { Environment, OpenEnvironment } from '../environment.ts'
import { decodeRow, encodeKey, encodeRow, type SegmentMetaRow } from '../rows/key-space.ts'
import { formatSegmentName, parseSegmentName, segmentPath, type SegmentName } from './segment-name.ts'

const SEGMENT_FORMAT = 4
/** Address space beyond a segment's planned size, for the commit that fills it and for rows carried into it. */
const MAP_SLACK_BYTES = 128 * 1024 * 1024

export interface Segment extends SegmentName {
  readonly createdAt: number
  readonly environment: Environment
}

export interface SegmentPlace {
  readonly directory: string
  readonly ownerId: number
  readonly segmentBytes: number
  readonly openEnvironment: OpenEnvironment
  readonly faults?: Faults
}

/** The segment directories in an owner's directory, listed in the manifest or not, numbers rising. */
export async function listSegmentDirectories(directory: string): Promise<SegmentName[]> {
  const names = (await readdir(directory)).map(parseSegmentName).filter((name) => name !== undefined)
  return names.toSorted((a, b) => a.number - b.number || a.generation - b.generation)
}

/** Map size for a segment of a planned size, wherever it is opened. */
export function mapBytesOf(segmentBytes: number): number {
  return segmentBytes + MAP_SLACK_BYTES
}

/** Creates a new, empty segment, durable in its parent directory. The segment's directory must not exist. */
export async function createSegment(
  place: SegmentPlace,
  number: number,
  createdAt: number,
): Promise<Segment> {
  const { directory, ownerId, faults = noFaults } = place
  const name = { number, generation: 0 }
  const path = segmentPath(directory, formatSegmentName(name))
  await mkdir(path, DIRECTORY_MODE)
  await faults.at('segmentDirectoryCreated')
  const environment = await openAt(place, path)
  try {
    await putSegmentMeta(environment, { ...name, ownerId, createdAt })
    await faults.at('segmentMetaCommitted')
    await syncDirectory(path)
    await syncDirectory(directory)
    await faults.at('segmentSynced')
  } catch (error) {
    await environment.close()
    throw error
  }
  return { ...name, createdAt, environment }
}

/** Opens a segment for writing. Refuses a missing segment, and one of another owner or number. */
export async function openSegment(place: SegmentPlace, number: number): Promise<Segment> {
  const name = { number, generation: 0 }
  const path = segmentPath(place.directory, formatSegmentName(name))
  // LMDB would create an empty environment here.
  if (!hasEnvironment(path)) {
    throw new Error(
      `${path} is not there, and the manifest names it. Restore the whole data directory from one backup.`,
    )
  }
  const environment = await openAt(place, path)
  const fault = segmentFault(environment, place.ownerId, name)
  if (fault === undefined) return { ...name, createdAt: metaOf(environment).createdAt, environment }
  await environment.close()
  throw new Error(`${path}: ${fault}`)
}

/** Opens a sealed segment for reading. */
export function openSealed(
  { directory, openEnvironment }: SegmentPlace,
  name: SegmentName,
): Promise<Environment> {
  return openForReading(openEnvironment, segmentPath(directory, formatSegmentName(name)))
}

/** Opens a segment's environment for reading, without looking at its rows. The map size does not limit existing files. */
export function openForReading(openEnvironment: OpenEnvironment, path: string): Promise<Environment> {
  return openEnvironment({ path, mapBytes: mapBytesOf(0), readOnly: true })
}

/**
 * Commits to a segment that was reopened after a failed commit. This proves that the device flushes again, and
 * overwrites what the failed commit left half written.
 */
export async function markReopened({ environment }: Segment): Promise<void> {
  const meta = metaOf(environment)
  await putMeta(environment, { ...meta, reopened: meta.reopened + 1 })
}

/** Says why an environment is not the segment that it should be. */
export function segmentFault(
  environment: Environment,
  ownerId: number,
  name: SegmentName,
): string | undefined {
  const meta = readMeta(environment)
  if (meta === undefined) return 'it does not say which segment it is'
  if (meta === 'damaged') return 'the row that says which segment it is does not match its checksum'
  if (meta.format !== SEGMENT_FORMAT)
    return `it has format ${meta.format}; this version reads ${SEGMENT_FORMAT}`
  const found = formatSegmentName(meta)
  const expected = formatSegmentName(name)
  if (meta.ownerId === ownerId && found === expected) return undefined
  return `it is ${found} of owner ${meta.ownerId}, not ${expected} of ${ownerId}: was it moved?`
}

/** Commits the first row of a segment, which says which segment it is. */
export async function putSegmentMeta(
  environment: Environment,
  meta: SegmentName & Pick<SegmentMetaRow, 'ownerId' | 'createdAt'>,
): Promise<void> {
  await putMeta(environment, { ...meta, format: SEGMENT_FORMAT, reopened: 0 })
}

function openAt(place: SegmentPlace, path: string): Promise<Environment> {
  return place.openEnvironment({ path, mapBytes: mapBytesOf(place.segmentBytes), readOnly: false })
}

/** The first row of a segment that was already checked. */
function metaOf(environment: Environment): SegmentMetaRow {
  const meta = readMeta(environment)
  invariant(typeof meta === 'object', 'a segment was opened that does not say which one it is')
  return meta
}

/** The first row; undefined if missing, 'damaged' if its checksum does not match. */
function readMeta(environment: Environment): SegmentMetaRow | 'damaged' | undefined {
  const key = encodeKey('segmentMeta')
  const value = environment.get(key)
  return value && (decodeRow('segmentMeta', key, value) ?? 'damaged')
}

async function putMeta(environment: Environment, meta: SegmentMetaRow): Promise<void> {
  const key = encodeKey('segmentMeta')
  const value = encodeRow('segmentMeta', key, meta)
  await environment.commit((writer) => writer.put(key, value))
}
