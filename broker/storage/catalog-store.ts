// The catalog's rows in their own LMDB environment. Runs in the controller. All changes of one commit or none, durable
// when it fulfils. Every row carries a checksum and is checked against its shape when it is loaded: a damaged catalog
// is refused at start, by name, and never served.
import { join } from 'node:path'
import { z } from 'zod'
import type { CatalogChange, CatalogRow, CatalogStore } from '../catalog-contract.ts'
import { allRows } from './all-rows.ts'
import { ensureDirectory, syncDirectory } from './disk/durable-files.ts'
import { NoRoomForCommit, openLmdb, type Environment, type OpenEnvironment, type Row } from './environment.ts'
import { Ballast } from './segments/ballast.ts'
import { checksumOf, decodeKey, decodeRow, encodeKey, encodeRow, type FamilyName } from './key-space.ts'

const CATALOG_FORMAT = 2
/** Far above what the limits on streams and shards allow; address space, not memory. */
export const CATALOG_MAP_BYTES = 4 * 1024 * 1024 * 1024
const CHECKSUM_BYTES = 4

const count = z.int().nonnegative()
const hashKey = z.string().regex(/^[0-9a-f]{32}$/)

const shardLimits = z.strictObject({
  writeBytesPerSecond: count,
  writeRecordsPerSecond: count,
  readBytesPerSecond: count,
  readsPerSecond: count,
  subscriptionBytesPerSecond: count,
})

const scaling = z.strictObject({
  shardsMin: count,
  shardsMax: count,
  targetBytesPerSecond: count,
  targetRecordsPerSecond: count,
})

const plannedShard = z.strictObject({
  shardIndex: count,
  ownerId: count,
  slot: count,
  startingHashKey: hashKey,
  endingHashKey: hashKey,
})

/** What each family's JSON must look like. */
const shapes = {
  broker: z.strictObject({
    brokerId: z.string().min(1),
    createdAt: count,
    nextStreamId: count,
    nextSlot: count,
  }),
  stream: z.strictObject({
    name: z.string().min(1),
    status: z.enum(['CREATING', 'ACTIVE', 'DELETING']),
    retentionMs: count,
    createdAt: count,
    epoch: count,
    nextShardIndex: count,
    retentionBytes: count,
    mode: z.enum(['provisioned', 'on-demand']),
    shardLimits,
    scaling,
    targetShardCount: count.nullable(),
  }),
  shard: z.strictObject({
    ownerId: count,
    slot: count,
    parents: z.array(count).max(2),
    startingHashKey: hashKey,
    endingHashKey: hashKey,
    state: z.enum(['OPEN', 'CLOSED']),
    startingSequenceNumber: count,
    endingSequenceNumber: count.nullable(),
    createdAt: count,
    closedAt: count.nullable(),
  }),
  reshard: z.strictObject({
    step: z.enum(['sealing', 'opening']),
    moves: z.array(
      z.strictObject({
        parents: z.array(count).min(1).max(2),
        children: z.array(plannedShard).min(1).max(3),
      }),
    ),
    startedAt: count,
    cause: z.enum(['split', 'merge', 'scale', 'autoscale']),
  }),
  retired: z.strictObject({ ownerId: count, streamId: count, shardIndex: count }),
} as const

type CatalogFamily = CatalogRow['family']

/** Opens the catalog in `directory`, creating it if it is new. The caller holds the data directory's lock. */
export async function openCatalogStore(
  directory: string,
  options: { openEnvironment?: OpenEnvironment } = {},
): Promise<CatalogStore> {
  const { openEnvironment = openLmdb } = options
  await ensureDirectory(directory)
  const environment = await openEnvironment({ path: directory, mapBytes: CATALOG_MAP_BYTES, readOnly: false })
  try {
    await ensureFormat(environment, directory)
    const rows = loadCatalog(environment)
    const ballast = new Ballast(directory)
    await ballast.keep()
    return {
      load: () => rows,
      // A full disk is when streams are deleted and their retention shortened: for that there is room put by.
      commit: (changes) =>
        commitChanges(environment, changes).catch(async (error: unknown) => {
          if (!(error instanceof NoRoomForCommit) || !(await ballast.giveUpFor(error))) throw error
          await commitChanges(environment, changes)
        }),
      close: () => environment.close(),
    }
  } catch (error) {
    await environment.close()
    throw new Error(`${directory}: ${(error as Error).message}`, { cause: error })
  }
}

/** Every row of an open catalog. Throws where one is damaged. */
export function loadCatalog(environment: Environment): CatalogRow[] {
  if (isEmpty(environment)) return []
  const key = encodeKey('catalogMeta')
  const value = environment.get(key)
  if (value === undefined) throw new Error('the row that says which format it has is missing')
  const meta = decodeRow('catalogMeta', key, value)
  if (meta === undefined) throw new Error('the row that says which format it has does not match its checksum')
  if (meta.format !== CATALOG_FORMAT) {
    throw new Error(`it has format ${meta.format}; this version reads ${CATALOG_FORMAT}`)
  }
  return (['broker', 'stream', 'shard', 'reshard', 'retired'] as const).flatMap((family) =>
    [...allRows(environment, family)].map((row) => decodeCatalogRow(family, row)),
  )
}

/** A first start was interrupted before the format was written. */
function isEmpty(environment: Environment): boolean {
  return environment.keys({ start: Uint8Array.of(0), end: Uint8Array.of(0xff) }, 1).length === 0
}

export function catalogPath(dataDirectory: string): string {
  return join(dataDirectory, 'catalog')
}

/** A new catalog says its format first; its files are made to survive a power cut before anything is kept in them. */
async function ensureFormat(environment: Environment, directory: string): Promise<void> {
  if (!isEmpty(environment)) return
  const key = encodeKey('catalogMeta')
  const meta = encodeRow('catalogMeta', key, { format: CATALOG_FORMAT })
  await environment.commit((writer) => writer.put(key, meta))
  await syncDirectory(directory)
}

async function commitChanges(environment: Environment, changes: readonly CatalogChange[]): Promise<void> {
  // Encoded before the commit begins, where a row that cannot be encoded does no harm.
  const writes = changes.map((change) => {
    if (!('put' in change)) return { key: catalogKey(change.remove), value: undefined }
    const key = catalogKey(change.put)
    return { key, value: encodeCatalogValue(key, change.put) }
  })
  if (writes.length === 0) return
  await environment.commit((writer) => {
    for (const { key, value } of writes) {
      if (value === undefined) writer.remove(key)
      else writer.put(key, value)
    }
  })
}

function catalogKey(row: Pick<CatalogRow, 'family' | 'key'>): Uint8Array {
  switch (row.family) {
    case 'broker':
      return encodeKey('broker')
    case 'stream':
    case 'reshard':
    case 'retired':
      return encodeKey(row.family, row.key as number)
    case 'shard': {
      const { streamId, shardIndex } = row.key as { streamId: number; shardIndex: number }
      return encodeKey('shard', streamId, shardIndex)
    }
  }
}

/** JSON behind the CRC-32 of key and JSON, little-endian. */
function encodeCatalogValue(key: Uint8Array, { family, value }: CatalogRow): Uint8Array {
  const json = Buffer.from(JSON.stringify(shapes[family].parse(value)))
  const bytes = Buffer.allocUnsafeSlow(CHECKSUM_BYTES + json.length)
  bytes.writeUInt32LE(checksumOf(key, json), 0)
  json.copy(bytes, CHECKSUM_BYTES)
  return bytes
}

function decodeCatalogRow(family: CatalogFamily, { key, value }: Row): CatalogRow {
  const name = `row ${Buffer.from(key).toString('hex')} of the family ${family}`
  const json = Buffer.from(value).subarray(CHECKSUM_BYTES)
  if (value.length < CHECKSUM_BYTES || Buffer.from(value).readUInt32LE(0) !== checksumOf(key, json)) {
    throw new Error(`${name} does not match its checksum`)
  }
  const parsed = shapes[family].safeParse(JSON.parse(json.toString()))
  if (!parsed.success) throw new Error(`${name} is not what it should be: ${z.prettifyError(parsed.error)}`)
  return { family, key: rowKey(family, key), value: parsed.data } as CatalogRow
}

function rowKey(family: CatalogFamily & FamilyName, key: Uint8Array): CatalogRow['key'] {
  switch (family) {
    case 'broker':
      return 'broker'
    case 'stream':
    case 'reshard':
      return decodeKey(family, key).streamId
    case 'retired':
      return decodeKey('retired', key).slot
    case 'shard':
      return decodeKey('shard', key)
  }
}
