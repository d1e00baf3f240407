// The catalog as an immutable value: its rows, and what is derived from them. A change makes the next state. Runs in the
// controller and in the check; pure. Code may keep a state across an `await` and read it as it was. The next state shares
// everything that a change does not touch, so a change costs what it changes, not what exists.
import { InvariantError } from '../../protocol/invariant.ts'
import type { CatalogChange, CatalogRow } from '../catalog-contract.ts'
import { rowProblems, wholeProblems } from './checks.ts'
import { derivations, nothingDerived, type Derivation, type Derived, type Report } from './derived.ts'
import { keyFieldsOf, type CatalogFamily, type HeldIn, type RowNameIn } from './families.ts'
import { noTables, putRow, removeRow, rowNamed, type Tables } from './tables.ts'

export type CatalogState = Tables & Derived

export const emptyCatalog: CatalogState = { ...noTables, ...nothingDerived }

/** One row before and after a change; undefined where there was or is none. */
interface Touched {
  readonly family: CatalogFamily
  readonly before: HeldIn<CatalogFamily> | undefined
  after: HeldIn<CatalogFamily> | undefined
}

/** Returns the state after all of `changes`. Throws where two streams would have one name, or two shards one slot. */
export function applyChanges(state: CatalogState, changes: readonly CatalogChange[]): CatalogState {
  return changed(state, changes, refuse)
}

/** Returns the state that stored rows describe; throws where rows contradict each other. */
export function readCatalog(rows: readonly CatalogRow[]): CatalogState {
  return checkedCatalog(rows, refuse)
}

/** Like `readCatalog`, but reports each contradiction instead of throwing; the state it returns can still be read. */
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
  // Old rows are removed before new ones are added: a name or a slot may pass from one row to another in one change.
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
