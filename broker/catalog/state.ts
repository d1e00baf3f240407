// The catalog as a value: its rows, what is derived from them, and how a change makes the next value. Runs in the
// controller and in the check; pure. A state is never changed in place, so code may keep one across an `await` and read it
// as it was. The next one shares with it all that a change does not touch: a change costs what it changes, not what exists.
import { InvariantError } from '../../protocol/invariant.ts'
import type { CatalogChange, CatalogRow } from '../catalog-contract.ts'
import { rowProblems, wholeProblems } from './checks.ts'
import { derivations, nothingDerived, type Derivation, type Derived, type Report } from './derived.ts'
import { keyFieldsOf, type CatalogFamily, type HeldIn, type RowNameIn } from './families.ts'
import { noTables, putRow, removeRow, rowNamed, type Tables } from './tables.ts'

export type CatalogState = Tables & Derived

export const emptyCatalog: CatalogState = { ...noTables, ...nothingDerived }

/** What a change has done to one row. */
interface Touched {
  readonly family: CatalogFamily
  readonly before: HeldIn<CatalogFamily> | undefined
  after: HeldIn<CatalogFamily> | undefined
}

/** The state after all of `changes`. Throws where two streams would have one name, or two shards one slot. */
export function applyChanges(state: CatalogState, changes: readonly CatalogChange[]): CatalogState {
  return changed(state, changes, refuse)
}

/** The state that stored rows describe; throws where they cannot all be true. */
export function readCatalog(rows: readonly CatalogRow[]): CatalogState {
  return checkedCatalog(rows, refuse)
}

/** The same, with each thing that cannot be true reported; what is left of the state can be read all the same. */
export function checkedCatalog(rows: readonly CatalogRow[], report: Report): CatalogState {
  const puts = rows.map((put) => ({ put }))
  const state = changed(emptyCatalog, puts, report)
  rowProblems(state, report)
  wholeProblems(state, report)
  return state
}

function refuse(where: string, what: string): never {
  throw new InvariantError(`the catalog contradicts itself: ${where}: ${what}`)
}

function changed(state: CatalogState, changes: readonly CatalogChange[], report: Report): CatalogState {
  const draft: CatalogState = { ...state }
  const touched = new Map<string, Touched>()
  for (const change of changes) {
    const name: RowNameIn<CatalogFamily> = 'put' in change ? change.put : change.remove
    const id = idOf(name)
    const row = touched.get(id) ?? { family: name.family, before: rowNamed(state, name), after: undefined }
    touched.set(id, row)
    if ('put' in change) row.after = putRow(draft, change.put)
    else {
      row.after = undefined
      removeRow(draft, name)
    }
  }
  // All that was goes first: a name or a slot may pass from one row to another.
  for (const { family, before } of touched.values()) {
    if (before !== undefined) derive(family, before, { draft, tables: state, by: -1, report })
  }
  for (const { family, after } of touched.values()) {
    if (after !== undefined) derive(family, after, { draft, tables: draft, by: 1, report })
  }
  return draft
}

function derive(family: CatalogFamily, row: HeldIn<CatalogFamily>, derivation: Derivation): void {
  const derives = derivations[family] as
    ((row: HeldIn<CatalogFamily>, derivation: Derivation) => void) | undefined
  derives?.(row, derivation)
}

function idOf(name: RowNameIn<CatalogFamily>): string {
  return `${name.family} ${keyFieldsOf(name).join(' ')}`
}
