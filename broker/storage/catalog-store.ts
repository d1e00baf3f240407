// The catalog's rows in their own LMDB environment. Runs in the controller. A commit stores all of its changes or
// none, and they are durable when it fulfils. Every row carries a checksum and is checked against its shape when it
// is loaded: a damaged catalog is refused at start, with an error that names the row, and is never served.
import { join } from 'node:path'
import type { CatalogChange, CatalogRow, CatalogStore } from '../catalog-contract.ts'
import {
  catalogFamilies,
  catalogFamilyNames,
  keyFieldsOf,
  keyOfFields,
  type CatalogFamily,
  type RowNameIn,
} from '../catalog/families.ts'
import { checkShape } from '../catalog/shape.ts'
import { allRows } from './rows/all-rows.ts'
import { ensureDirectory, syncDirectory } from './disk/durable-files.ts'
import { refuseUnlessDirectory } from './disk/private-files.ts'
import { NoRoomForCommit, openLmdb, type Environment, type OpenEnvironment, type Row } from './environment.ts'
import { Ballast } from './segments/ballast.ts'
import { checksumOf, decodeKey, decodeRow, encodeKey, encodeRow } from './rows/key-space.ts'

const CATALOG_FORMAT = 2
/** Far above what the limits on streams and shards allow. The map takes address space, not memory. */
export const CATALOG_MAP_BYTES = 4 * 1024 * 1024 * 1024
const CHECKSUM_BYTES = 4

/** Opens the catalog in `directory`, creating it if it is new. The caller holds the data directory's lock. */
export async function openCatalogStore(
  directory: string,
  options: { openEnvironment?: OpenEnvironment } = {},
): Promise<CatalogStore> {
  const { openEnvironment = openLmdb } = options
  await refuseUnlessDirectory(directory)
  await ensureDirectory(directory)
  const ballast = new Ballast(directory)
  const environment = await ballast.withRoom(() =>
    openEnvironment({ path: directory, mapBytes: CATALOG_MAP_BYTES, readOnly: false }),
  )
  try {
    await ensureFormat(environment, directory)
    let rows = loadCatalog(environment)
    await ballast.keep()
    return {
      load: () => {
        const loaded = rows
        // Drops this copy of the rows: the caller builds its own, and two copies of a hundred thousand rows take too
        // much memory.
        rows = []
        return loaded
      },
      // Streams must be deleted and retention shortened to free a full disk, so these commits may use the ballast's
      // room.
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

/** Reads every row of an open catalog. Throws if a row is damaged. */
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
  return catalogFamilyNames.flatMap((family) =>
    Array.from(allRows(environment, family), (row) => decodeCatalogRow(family, row)),
  )
}

/** True if the catalog has no row, not even its format: it is new, or its first start was interrupted. */
function isEmpty(environment: Environment): boolean {
  return environment.keys({ start: Uint8Array.of(0), end: Uint8Array.of(0xff) }, 1).length === 0
}

export function catalogPath(dataDirectory: string): string {
  return join(dataDirectory, 'catalog')
}

/** Writes the format row of a new catalog, and syncs its directory: a power cut must not lose the files of later rows. */
async function ensureFormat(environment: Environment, directory: string): Promise<void> {
  if (!isEmpty(environment)) return
  const key = encodeKey('catalogMeta')
  const meta = encodeRow('catalogMeta', key, { format: CATALOG_FORMAT })
  await environment.commit((writer) => writer.put(key, meta))
  await syncDirectory(directory)
}

async function commitChanges(environment: Environment, changes: readonly CatalogChange[]): Promise<void> {
  // Rows are encoded before the commit begins: a row that cannot be encoded must not fail a commit under way.
  const writes = changes.map((change) => {
    if (!('put' in change)) return { key: catalogKey(change.remove), value: undefined }
    const key = catalogKey(change.put)
    return { key, value: encodeCatalogValue(key, change.put) }
  })
  if (writes.length === 0) return
  const bytes = writes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
  await environment.commit(
    (writer) => {
      for (const { key, value } of writes) {
        if (value === undefined) writer.remove(key)
        else writer.put(key, value)
      }
    },
    { rows: writes.length, bytes },
  )
}

function catalogKey(name: RowNameIn<CatalogFamily>): Uint8Array {
  return encodeKey(name.family, ...keyFieldsOf(name))
}

/** JSON behind the CRC-32 of key and JSON, little-endian. */
function encodeCatalogValue(key: Uint8Array, { family, value }: CatalogRow): Uint8Array {
  const checked = checkShape(catalogFamilies[family].value, value)
  if (checked.problem !== undefined)
    throw new Error(`a row of the family ${family} is not what it should be: ${checked.problem}`)
  const json = Buffer.from(JSON.stringify(checked.value))
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
  const checked = checkShape(catalogFamilies[family].value, JSON.parse(json.toString()))
  if (checked.problem !== undefined) throw new Error(`${name} is not what it should be: ${checked.problem}`)
  return { family, key: keyOfFields(family, decodeKey(family, key)), value: checked.value } as CatalogRow
}
