// The list of an owner's segments, as a small JSON file with a checksum. Runs on owner threads; integrity reads it too.
// A segment that the manifest does not name does not exist: it counts from the moment a manifest that names it is
// durable. The manifest is replaced as a whole, never changed in place.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { replaceFile } from '../disk/durable-files.ts'
import type { Faults } from '../disk/faults.ts'
import { refuseUnlessFileNow } from '../disk/private-files.ts'
import type { SegmentName } from './segment-name.ts'

const MANIFEST_FORMAT = 2
const MANIFEST_FILE = 'manifest.json'

/**
 * A sealed segment, and the size of its file when it was sealed. Of the active segment, the manifest has only the
 * number.
 */
export interface SealedSegment extends SegmentName {
  readonly bytes: number
  readonly sealedAt: number
}

export interface Manifest {
  readonly ownerId: number
  /** Oldest first, numbers rising. */
  readonly sealed: readonly SealedSegment[]
  /** Number of the active segment, above all sealed ones. */
  readonly active: number
}

/** Reads the manifest of an owner's directory; undefined if there is none. Throws if it is damaged, or a link. */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  const path = join(directory, MANIFEST_FILE)
  refuseUnlessFileNow(path)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const read = parseManifest(text)
  if (typeof read !== 'string') return read
  throw new Error(
    `${path}: ${read}. Restore it from a backup of the whole data directory, taken while it was closed.`,
  )
}

/** Replaces the manifest, durably. */
export async function writeManifest(directory: string, manifest: Manifest, faults?: Faults): Promise<void> {
  await replaceFile(join(directory, MANIFEST_FILE), formatManifest(manifest), faults)
}

export function formatManifest(manifest: Manifest): string {
  const { ownerId, sealed, active } = manifest
  const body = { format: MANIFEST_FORMAT, ownerId, sealed, active }
  return `${JSON.stringify({ ...body, checksum: checksumOf(body) }, null, 2)}\n`
}

/** Parses a manifest, or says what is wrong with the text. */
export function parseManifest(text: string): Manifest | string {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return 'it is not JSON'
  }
  if (typeof json !== 'object' || json === null) return 'it is not a JSON object'
  const { checksum, ...body } = json as Record<string, unknown>
  if (body.format !== MANIFEST_FORMAT)
    return `it has format ${String(body.format)}; this version reads ${MANIFEST_FORMAT}`
  if (checksum !== checksumOf(body)) return 'it does not match its checksum'
  return manifestFault(body) ?? (body as unknown as Manifest)
}

function manifestFault({ ownerId, sealed, active }: Record<string, unknown>): string | undefined {
  if (!isCount(ownerId)) return 'its ownerId is not a whole number'
  if (!Array.isArray(sealed) || !sealed.every(isSealedSegment))
    return 'its sealed segments are not listed as they should be'
  if (!isCount(active)) return 'its active segment is not a whole number'
  const numbers = [...sealed.map(({ number }) => number), active]
  if (numbers.some((number, i) => number <= (numbers[i - 1] ?? 0))) return 'its segment numbers do not rise'
  return undefined
}

function isSealedSegment(value: unknown): value is SealedSegment {
  if (typeof value !== 'object' || value === null) return false
  const { number, generation, bytes, sealedAt } = value as Record<string, unknown>
  return isCount(number) && isCount(generation) && isCount(bytes) && isCount(sealedAt)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function checksumOf(body: object): string {
  return crc32(JSON.stringify(body)).toString(16).padStart(8, '0')
}
