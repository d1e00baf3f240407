// The rows of the catalog in memory: one map per family of the table in families.ts. Runs in the controller and in the
// check; pure. A family whose key has two fields is a map by the first field of maps by the second.
import {
  catalogFamilies,
  catalogFamilyNames,
  heldOf,
  keyFieldsOf,
  type AnyName,
  type CatalogFamily,
  type HeldIn,
  type IsOne,
  type RowIn,
  type RowNameIn,
} from './families.ts'
import { OrderedMap } from './ordered-map.ts'

type Families = typeof catalogFamilies

type TableOf<F extends CatalogFamily> = [keyof Families[F]['key']] extends [never]
  ? OrderedMap<number, HeldIn<F>>
  : IsOne<keyof Families[F]['key']> extends true
    ? OrderedMap<number, HeldIn<F>>
    : OrderedMap<number, OrderedMap<number, HeldIn<F>>>

/** The rows of each family, under the family's `held` name. */
export type Tables = { readonly [F in CatalogFamily as Families[F]['held']]: TableOf<F> }

type AnyRow = HeldIn<CatalogFamily>
type AnyTable = OrderedMap<number, AnyRow | OrderedMap<number, AnyRow>>
type Draft = Record<string, AnyTable>

/** Key of the single row of a family whose key has no fields. */
const ONLY = 0

export const noTables = Object.fromEntries(
  catalogFamilyNames.map((family) => [catalogFamilies[family].held, OrderedMap.empty()]),
) as unknown as Tables

/** The rows of a family, in the order of their keys. */
export function* rowsOf<F extends CatalogFamily>(tables: Tables, family: F): Generator<HeldIn<F>> {
  const { held, key } = catalogFamilies[family]
  for (const row of (tables as unknown as Draft)[held]!.values()) {
    if (Object.keys(key).length === 2) yield* (row as OrderedMap<number, HeldIn<F>>).values()
    else yield row as HeldIn<F>
  }
}

/** Returns the row with that name, or undefined. */
export function rowNamed<F extends CatalogFamily>(tables: Tables, name: RowNameIn<F>): HeldIn<F> | undefined {
  const table = (tables as unknown as Draft)[catalogFamilies[name.family].held]!
  const [first = ONLY, second] = keyFieldsOf(name)
  const found = table.get(first)
  if (second === undefined) return found as HeldIn<F> | undefined
  return (found as OrderedMap<number, HeldIn<F>> | undefined)?.get(second)
}

/** Puts a row into a draft of tables; returns the row as the draft holds it. */
export function putRow<F extends CatalogFamily>(draft: Tables, row: RowIn<F>): HeldIn<F> {
  const held = heldOf(row)
  replace(draft, row, held)
  return held
}

/** Removes the row with that name from a draft of tables. */
export function removeRow(draft: Tables, name: RowNameIn<CatalogFamily>): void {
  replace(draft, name, undefined)
}

function replace(draft: Tables, name: AnyName, row: AnyRow | undefined): void {
  const tables = draft as unknown as Draft
  const { held } = catalogFamilies[name.family]
  const table = tables[held]!
  const [first = ONLY, second] = keyFieldsOf(name)
  if (second === undefined) {
    tables[held] = row === undefined ? table.delete(first) : table.set(first, row)
    return
  }
  const inner =
    (table.get(first) as OrderedMap<number, AnyRow> | undefined) ?? OrderedMap.empty<number, AnyRow>()
  const changed = row === undefined ? inner.delete(second) : inner.set(second, row)
  tables[held] = changed.size === 0 ? table.delete(first) : table.set(first, changed)
}
