// Verifies the small rows of a data directory: their format, every checksum and shape, and that every version is below
// the next one to be assigned. Runs in the checking process.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { accessProblems, isAccessRow, type AccessRow } from '../../catalog/access-checks.ts'
import { smallFamilies, smallFamilyNames } from '../../catalog/small-families.ts'
import type { SmallRow } from '../../small-rows-contract.ts'
import { keyAfter } from '../rows/all-rows.ts'
import type { Environment, OpenEnvironment, Row } from '../environment.ts'
import { encodeKey } from '../rows/key-space.ts'
import { decodeSmallRow, encodeSmallKey } from '../small-rows/row-bytes.ts'
import { readSmallMeta, SMALL_ROWS_MAP_BYTES } from '../small-rows/store.ts'
import type { Findings } from './findings.ts'

const CHUNK_ROWS = 1000

/** Checks the small rows in `directory`. The directory may not exist: the controller's first start creates it. */
export async function checkSmallRows(
  directory: string,
  findings: Findings,
  openEnvironment: OpenEnvironment,
): Promise<void> {
  if (!existsSync(join(directory, 'data.mdb'))) return
  try {
    const environment = await openEnvironment({
      path: directory,
      mapBytes: SMALL_ROWS_MAP_BYTES,
      readOnly: true,
    })
    try {
      const meta = readSmallMeta(environment)
      if (meta === undefined) return
      const problem = (what: string): void => findings.problem(directory, what)
      const access: AccessRow[] = []
      for (const row of allOf(environment)) {
        const read = checkRow(row, meta.nextVersion, problem)
        if (read !== undefined && isAccessRow(read)) access.push(read)
      }
      accessProblems(access, problem)
    } finally {
      await environment.close()
    }
  } catch (error) {
    findings.problem(directory, (error as Error).message)
  }
}

/** Returns the row if it can be read. */
function checkRow(row: Row, nextVersion: number, problem: (what: string) => void): SmallRow | undefined {
  const family = smallFamilyNames.find((name) => smallFamilies[name].tag === row.key[0])
  if (family === undefined) {
    problem(`row ${Buffer.from(row.key).toString('hex')} is of no known family`)
    return undefined
  }
  try {
    const read: SmallRow = decodeSmallRow(family, row)
    const { key, version } = read
    if (!encodeSmallKey(family, key).equals(row.key)) problem(`${family} ${key} has a key that is no text`)
    if (version >= nextVersion) problem(`${family} ${key} has version ${version}, which was not given yet`)
    return read
  } catch (error) {
    problem((error as Error).message)
    return undefined
  }
}

/** All rows except the first, which has the format. */
function* allOf(environment: Environment): Generator<Row> {
  let start: Uint8Array = keyAfter(encodeKey('smallMeta'))
  const end = Uint8Array.of(0xff)
  for (;;) {
    const rows = environment.rows({ start, end }, CHUNK_ROWS)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined) return
    start = keyAfter(last.key)
  }
}
