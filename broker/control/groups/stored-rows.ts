// Reads the rows of one group from the store, also where some are damaged, and writes those of a change. Runs in the
// controller.
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { SmallRow, SmallRowsStore, SmallWrite } from '../../small-rows-contract.ts'
import { keysOf, type GroupRows } from './machine/rows.ts'

/** Rows that are read without a pause: a few milliseconds. */
const ROWS_AT_ONCE = 500
/** Rows that one change of the store takes. */
export const CHANGE_ROWS_MAX = 240

type Family = 'member' | 'lease'

/** The rows of a group, and the keys of those that are damaged. */
export interface StoredGroup extends GroupRows {
  readonly isGroupDamaged: boolean
  readonly damagedMembers: readonly string[]
}

interface Listed<F extends Family> {
  readonly rows: readonly SmallRow<F>[]
  readonly damaged: readonly string[]
}

/** Reads all rows of a group. `pause` lets others run in between. */
export async function readGroup(
  store: SmallRowsStore,
  name: string,
  pause: () => Promise<void>,
): Promise<StoredGroup> {
  const group = readable(() => store.get('group', name))
  const members = await listed(store, 'member', name, pause)
  const leases = await listed(store, 'lease', name, pause)
  return {
    group: group === 'damaged' ? undefined : group?.value,
    isGroupDamaged: group === 'damaged',
    members: members.rows,
    damagedMembers: members.damaged,
    leases: leases.rows,
    damagedLeases: leases.damaged,
  }
}

/**
 * Writes the rows of a change: at once, or, where they are too many, in parts, of which the last row is in the last one.
 * Returns 'partly' where some are stored and others found no room.
 */
export async function writeRows(
  store: SmallRowsStore,
  writes: readonly SmallWrite[],
): Promise<'stored' | 'noRoom' | 'partly'> {
  for (let from = 0; from < writes.length; from += CHANGE_ROWS_MAX) {
    const { is } = await store.change(writes.slice(from, from + CHANGE_ROWS_MAX))
    if (is !== 'stored') return from === 0 ? 'noRoom' : 'partly'
  }
  return 'stored'
}

async function listed<F extends Family>(
  store: SmallRowsStore,
  family: F,
  name: string,
  pause: () => Promise<void>,
): Promise<Listed<F>> {
  const prefix = keysOf(name)
  const rows: SmallRow<F>[] = []
  for (;;) {
    const after = rows.at(-1)?.key
    const page = { prefix, limit: ROWS_AT_ONCE, ...(after !== undefined && { after }) }
    const read = readable(() => store.list(family, page))
    if (read === 'damaged') return oneByOne(store, family, prefix)
    rows.push(...read)
    if (read.length < ROWS_AT_ONCE) return { rows, damaged: [] }
    await pause()
  }
}

/** A page does not say which of its rows is damaged. */
function oneByOne<F extends Family>(store: SmallRowsStore, family: F, prefix: string): Listed<F> {
  const rows: SmallRow<F>[] = []
  const damaged: string[] = []
  for (const { key } of store.extents(family)) {
    if (!key.startsWith(prefix)) continue
    const row = readable(() => store.get(family, key))
    if (row === 'damaged') damaged.push(key)
    else if (row !== undefined) rows.push(row)
  }
  return { rows, damaged }
}

function readable<T>(read: () => T): T | 'damaged' {
  try {
    return read()
  } catch (error) {
    if (MillraceError.is(error, 'corruptData')) return 'damaged'
    throw error
  }
}
