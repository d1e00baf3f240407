// Two tables of results, compared: which rows only one of them has, and which have other values under the same keys. Runs wherever there is a
// client.
import type { EngineRow, EngineSession } from '../../engine/index.ts'
import { quotedName } from '../../rows/index.ts'
import type { ResultKeys } from './result-keys.ts'

/** Results of a stream, in a table. */
export interface ComparedSide {
  readonly table: string
  readonly keys: ResultKeys
  /** Records of it that are no results. */
  readonly unreadable: number
}

/** A result that has other values. */
export interface ChangedResult {
  readonly key: EngineRow
  readonly old: EngineRow
  readonly new: EngineRow
}

export interface Difference {
  /** Columns by which results are the same one. */
  readonly keys: readonly string[]
  readonly count: {
    readonly old: number
    readonly new: number
    readonly onlyOld: number
    readonly onlyNew: number
    readonly changed: number
    /** Records that are no results, of both streams. */
    readonly unreadable: number
  }
  /** The first ones of each kind. */
  readonly onlyOld: readonly EngineRow[]
  readonly onlyNew: readonly EngineRow[]
  readonly changed: readonly ChangedResult[]
}

/** Compares the rows for which `where` is true, as often as they occur, by the columns that both have. */
export async function comparison(
  session: EngineSession,
  of: {
    readonly sides: readonly [old: ComparedSide, next: ComparedSide]
    readonly where: string
    readonly rows: number
  },
): Promise<Difference> {
  const { sides, where, rows } = of
  const [old, next] = sides
  const columns = sharedColumns(old.keys, next.keys)
  const names = columns.map(({ name }) => quotedName(name))
  const keys = columns
    .map(({ name }) => name)
    .filter((name) => old.keys.keys.has(name) && next.keys.keys.has(name))
  const values = columns.map(({ name }) => name).filter((name) => !keys.includes(name))
  const selected = ({ table }: ComparedSide): string =>
    `SELECT ${columns.map(({ name, as }) => `${quotedName(name)}${as} AS ${quotedName(name)}`).join(', ') || '1 AS one'} FROM ${table} WHERE ${where}`
  const numbered = `row_number() OVER (${keys.length > 0 ? `PARTITION BY ${keys.map(quotedName).join(', ')} ` : ''}ORDER BY ${names.join(', ') || 'one'}) AS millrace_number`
  const apart = (one: ComparedSide, other: ComparedSide): string =>
    `SELECT *, ${numbered} FROM (${selected(one)} EXCEPT ALL ${selected(other)})`
  await session.run(`
    CREATE OR REPLACE TEMP TABLE only_old AS ${apart(old, next)};
    CREATE OR REPLACE TEMP TABLE only_new AS ${apart(next, old)}`)
  // Without keys, and without values, nothing is the same result with another value.
  const isSame =
    keys.length > 0 && values.length > 0
      ? [...keys, 'millrace_number']
          .map((key) => `o.${quotedName(key)} IS NOT DISTINCT FROM n.${quotedName(key)}`)
          .join(' AND ')
      : 'false'
  const [count] = (await session.rows(`
    SELECT (SELECT count(*) FROM ${old.table} WHERE ${where})::DOUBLE AS old, (SELECT count(*) FROM ${next.table} WHERE ${where})::DOUBLE AS new,
    (SELECT count(*) FROM only_old)::DOUBLE AS apart_old, (SELECT count(*) FROM only_new)::DOUBLE AS apart_new,
    (SELECT count(*) FROM only_old o JOIN only_new n ON ${isSame})::DOUBLE AS changed`)) as readonly {
    readonly old: number
    readonly new: number
    readonly apart_old: number
    readonly apart_new: number
    readonly changed: number
  }[]
  const { changed, apart_old: apartOld, apart_new: apartNew } = count!
  const order = [...keys, ...values].map((name) => `o.${quotedName(name)}`).join(', ') || '1'
  const only = (table: string, other: string): Promise<readonly EngineRow[]> =>
    session.rows(
      `SELECT ${names.join(', ') || '1'} FROM ${table} o WHERE NOT EXISTS (SELECT 1 FROM ${other} n WHERE ${isSame}) ORDER BY ${order} LIMIT ${rows}`,
    )
  const changedRows = await session.rows(
    `SELECT ${[...keys, ...values].map((name) => `o.${quotedName(name)} AS ${quotedName(`old ${name}`)}, n.${quotedName(name)} AS ${quotedName(`new ${name}`)}`).join(', ') || '1'}
     FROM only_old o JOIN only_new n ON ${isSame} ORDER BY ${order} LIMIT ${rows}`,
  )
  const part = (row: EngineRow, side: string, of: readonly string[]): EngineRow =>
    Object.fromEntries(of.map((name) => [name, row[`${side} ${name}`]]))
  return {
    keys,
    count: {
      old: count!.old,
      new: count!.new,
      onlyOld: apartOld - changed,
      onlyNew: apartNew - changed,
      changed,
      unreadable: old.unreadable + next.unreadable,
    },
    onlyOld: await only('only_old', 'only_new'),
    onlyNew: await only('only_new', 'only_old'),
    changed: changedRows.map((row) => ({
      key: part(row, 'old', keys),
      old: part(row, 'old', values),
      new: part(row, 'new', values),
    })),
  }
}

/** Columns that both have, and what makes one type of two. */
function sharedColumns(
  old: ResultKeys,
  next: ResultKeys,
): readonly { readonly name: string; readonly as: string }[] {
  return old.columns.flatMap(({ name, type }) => {
    const other = next.columns.find((column) => column.name === name)?.type
    if (other === undefined) return []
    if (other === type) return [{ name, as: '' }]
    return [{ name, as: isNumber(type) && isNumber(other) ? '::DOUBLE' : '::VARCHAR' }]
  })
}

function isNumber(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL|FLOAT|DOUBLE)/.test(type)
}
