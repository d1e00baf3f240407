// Restores an owner's directory at start, and after a failed commit. Runs on the owner thread. Nothing is replayed: the
// manifest says which segments count, the active one is opened, and the remains of an interrupted step are removed.
// Batches that could have been acknowledged are never removed.
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { removeDirectory, removeLeftovers } from '../disk/durable-files.ts'
import { dataFileOf, hasEnvironment } from '../disk/lmdb-files.ts'
import { releaseReserved } from '../disk/reserved-room.ts'
import { isDamage, type Environment } from '../environment.ts'
import { rangeOf } from '../rows/key-space.ts'
import { readManifest, writeManifest, type Manifest } from './manifest.ts'
import {
  createSegment,
  listSegmentDirectories,
  mapBytesOf,
  openSegment,
  type Segment,
  type SegmentPlace,
} from './segment.ts'
import { formatSegmentName, segmentPath, type SegmentName } from './segment-name.ts'
import type { Clock } from '../../time.ts'

export interface Recovered {
  readonly manifest: Manifest
  readonly active: Segment
}

/** Opens an existing, locked directory. An empty directory gets its first segment. */
export async function recover(place: SegmentPlace, now: Clock): Promise<Recovered> {
  const { directory, ownerId } = place
  const manifest = await readManifest(directory)
  if (manifest === undefined) return createFirst(place, now)
  if (manifest.ownerId !== ownerId) {
    throw new Error(`${directory} belongs to owner ${manifest.ownerId}, not ${ownerId}: was it moved?`)
  }
  // Opened before anything is removed: a refused start changes nothing.
  const active = await openSegment(place, manifest.active)
  try {
    await removeLeftovers(directory)
    await removeUnlisted(place, manifest)
    releaseSealed(place, manifest)
  } catch (error) {
    await active.environment.close()
    throw error
  }
  return { manifest, active }
}

/** Truncates the reserved room of the newest sealed segment, in case a process was killed before it did so. */
function releaseSealed({ directory }: SegmentPlace, { sealed }: Manifest): void {
  const newest = sealed.at(-1)
  if (newest === undefined) return
  try {
    releaseReserved(dataFileOf(segmentPath(directory, formatSegmentName(newest))))
  } catch {
    // A damaged file is reported when it is read.
  }
}

async function createFirst(place: SegmentPlace, now: Clock): Promise<Recovered> {
  const { directory, ownerId, faults } = place
  await removeLeftovers(directory)
  for (const name of await listSegmentDirectories(directory)) await removeEmptySegment(place, name)
  const manifest: Manifest = { ownerId, sealed: [], active: 1 }
  const active = await createSegment(place, manifest.active, now())
  try {
    await writeManifest(directory, manifest, faults)
  } catch (error) {
    await active.environment.close()
    throw error
  }
  return { manifest, active }
}

/**
 * Removes what an interrupted first start left in a locked directory. Does nothing where there is a manifest: it is written
 * last, and without it no record was ever stored.
 */
export async function removeUnbegun(directory: string): Promise<void> {
  if ((await readManifest(directory)) !== undefined) return
  await removeLeftovers(directory)
  for (const name of await listSegmentDirectories(directory))
    await removeDirectory(segmentPath(directory, formatSegmentName(name)))
}

/** Removes segments that the manifest does not name: an interrupted roll or compaction made them, or they were replaced. */
async function removeUnlisted(place: SegmentPlace, { sealed, active }: Manifest): Promise<void> {
  const listed = new Set([...sealed, { number: active, generation: 0 }].map(formatSegmentName))
  const found = await listSegmentDirectories(place.directory)
  const foundNames = new Set(found.map(formatSegmentName))
  // If a listed segment is missing, the manifest may be older than the data, and unlisted segments may hold lost
  // records.
  const isWhole = [...listed].every((name) => foundNames.has(name))
  for (const name of found) {
    if (listed.has(formatSegmentName(name))) continue
    if (name.number > active) await removeEmptySegment(place, name)
    else if (isWhole)
      await removeDirectory(segmentPath(place.directory, formatSegmentName(name)), place.faults)
  }
}

/**
 * Removes a segment that never became active, and so has no batches. If it has batches, the manifest is missing or
 * older than the data: then throws, and nothing is removed or opened.
 */
async function removeEmptySegment(place: SegmentPlace, name: SegmentName): Promise<void> {
  const path = segmentPath(place.directory, formatSegmentName(name))
  switch (await contentOf(place, path)) {
    case 'batches':
      throw new Error(
        `${path} holds batches, but the manifest beside it does not name it: the manifest is lost or was replaced by ` +
          'an older one. Restore the whole data directory from one backup; nothing was changed.',
      )
    case 'unreadable':
      // Probably half made when the power failed. It is renamed and not removed, in case it is more than that.
      await rename(path, unusedName(`${path}-unreadable`))
      return
    case 'nothing':
      await removeDirectory(path, place.faults)
  }
}

/** `path`, or `path` with a number added: the same segment may be half made more than once. */
function unusedName(path: string): string {
  for (let i = 1; ; i++) {
    const name = i === 1 ? path : `${path}-${i}`
    if (!existsSync(name)) return name
  }
}

async function contentOf(place: SegmentPlace, path: string): Promise<'nothing' | 'batches' | 'unreadable'> {
  if (!hasEnvironment(path)) return 'nothing'
  let environment: Environment
  try {
    environment = await place.openEnvironment({
      path,
      mapBytes: mapBytesOf(place.segmentBytes),
      readOnly: false,
    })
  } catch (error) {
    if (isDamage(error)) return 'unreadable'
    throw error
  }
  const found = environment.keys(rangeOf('batch'), 1).length > 0
  await environment.close()
  return found ? 'batches' : 'nothing'
}
