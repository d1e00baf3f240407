// Reads a family of rows from first to last. Runs anywhere in storage. Reads in chunks, so that no read transaction
// stays open while the caller works on a row; LMDB can then reuse pages that commits free meanwhile.
import type { Environment, Row } from '../environment.ts'
import { rangeOf, type FamilyName } from './key-space.ts'

const CHUNK_ROWS = 1000

/** All rows of a family, in the order of their keys. */
export function* allRows(environment: Environment, family: FamilyName): Generator<Row> {
  const { start, end } = rangeOf(family)
  let from: Uint8Array = start
  for (;;) {
    const rows = environment.rows({ start: from, end }, CHUNK_ROWS)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < CHUNK_ROWS) return
    from = keyAfter(last.key)
  }
}

/** The least key above `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1)
  after.set(key)
  return after
}
