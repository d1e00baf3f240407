// Verifies a whole data directory, offline and read-only: manifests against segments, every batch's checksums, the
// rows beside the batches, and the catalog's references. Runs in `millrace check` and at the end of every test that
// opens storage. Reports problems and repairs nothing.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { refusal } from '../../protocol/refusal.ts'
import type { CatalogRow } from '../catalog-contract.ts'
import { CATALOG_MAP_BYTES, catalogPath, loadCatalog } from './catalog-store.ts'
import { checkCatalog, rangesOf } from './checks/catalog-check.ts'
import { Findings, type IntegrityProgress, type IntegrityReport } from './checks/findings.ts'
import { checkSmallRows } from './checks/small-rows-check.ts'
import { checkOwner } from './checks/owner-check.ts'
import { holderOf } from './directory-lock.ts'
import { hasEnvironment } from './disk/lmdb-files.ts'
import { openLmdb, type OpenEnvironment } from './environment.ts'
import type { HeadRow } from './rows/key-space.ts'
import { smallRowsPath } from './small-rows/store.ts'
import { systemTime, type Clock } from '../time.ts'

export type { IntegrityProgress, IntegrityReport } from './checks/findings.ts'

export interface IntegrityOptions {
  /** Called every few hundred batches. */
  readonly onProgress?: (progress: IntegrityProgress) => void
  readonly openEnvironment?: OpenEnvironment
  /** What stamps are held against. Default: the system's clock. */
  readonly now?: Clock
}

/** Checks a data directory. Rejects with `unavailable` if a process has it open, or if there is no data directory. */
export async function checkDataDirectory(
  dataDir: string,
  options: IntegrityOptions = {},
): Promise<IntegrityReport> {
  const { openEnvironment = openLmdb } = options
  if (!existsSync(dataDir)) throw refusal('unavailable', `${dataDir} does not exist.`)
  if (!existsSync(catalogPath(dataDir)) && !existsSync(ownersPath(dataDir))) {
    const message = `${dataDir} is no data directory of millrace: it has neither a catalog nor stored shards.`
    throw refusal('unavailable', message)
  }
  const findings = new Findings(options.onProgress)
  const directories = await ownerDirectories(dataDir)
  for (const directory of [dataDir, ...directories.values()]) await refuseWhileHeld(directory)
  const catalog = await readCatalog(dataDir, findings, openEnvironment)
  const ranges = rangesOf(catalog)
  const owners = new Map<number, Map<number, HeadRow>>()
  for (const [ownerId, directory] of directories) {
    owners.set(ownerId, await checkOwner(directory, { findings, openEnvironment, ranges }))
  }
  checkCatalog(catalog, owners, findings, (options.now ?? systemTime.now)())
  await checkSmallRows(smallRowsPath(dataDir), findings, openEnvironment)
  findings.progress()
  return findings.report()
}

/** Checks one owner's directory alone. */
export async function checkOwnerDirectory(
  directory: string,
  options: IntegrityOptions = {},
): Promise<IntegrityReport> {
  const { openEnvironment = openLmdb } = options
  const findings = new Findings(options.onProgress)
  await refuseWhileHeld(directory)
  await checkOwner(directory, { findings, openEnvironment, ranges: new Map() })
  return findings.report()
}

async function refuseWhileHeld(directory: string): Promise<void> {
  const holder = await holderOf(directory)
  if (holder === undefined) return
  throw refusal('unavailable', `${directory} is in use by ${holder}: stop it before the check.`)
}

const ownersPath = (dataDir: string) => join(dataDir, 'owners')

/** Owner directories by the owner number in their names. */
async function ownerDirectories(dataDir: string): Promise<Map<number, string>> {
  const owners = ownersPath(dataDir)
  const names = existsSync(owners) ? await readdir(owners) : []
  const numbered = names.filter((name) => /^\d+$/.test(name)).toSorted()
  return new Map(numbered.map((name) => [Number(name), join(owners, name)]))
}

async function readCatalog(
  dataDir: string,
  findings: Findings,
  openEnvironment: OpenEnvironment,
): Promise<CatalogRow[]> {
  const path = catalogPath(dataDir)
  if (!hasEnvironment(path)) return []
  try {
    const environment = await openEnvironment({ path, mapBytes: CATALOG_MAP_BYTES, readOnly: true })
    try {
      return loadCatalog(environment)
    } finally {
      await environment.close()
    }
  } catch (error) {
    findings.problem(path, (error as Error).message)
    return []
  }
}
