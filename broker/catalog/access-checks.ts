// The rules that rows about principals, tokens and access keys must keep together: the integrity check reports what breaks one. Runs
// in the check; pure. A start does not refuse such rows: a token whose principal does not exist proves nothing.
import { wrongWith } from '../../protocol/access/grant-text.ts'
import { checkPrincipalName, ROOT } from '../../protocol/access/principal-name.ts'
import { ACCESS_KEY_ID_LENGTH } from '../../protocol/access/access-key.ts'
import { TOKEN_ID_LENGTH } from '../../protocol/access/token.ts'
import type { SmallFamilyName, SmallValueIn } from './small-families.ts'

type RowOf<F extends SmallFamilyName> = {
  readonly family: F
  readonly key: string
  readonly value: SmallValueIn<F>
}
export type AccessRow = RowOf<'principal'> | RowOf<'token'> | RowOf<'accessKey'>

/** True for a row that these checks are about. */
export function isAccessRow<R extends { readonly family: SmallFamilyName }>(row: R): row is R & AccessRow {
  return row.family === 'principal' || row.family === 'token' || row.family === 'accessKey'
}

/** Reports every row that is wrong by itself, or contradicts others. `rows`: all of the three families. */
export function accessProblems(rows: readonly AccessRow[], report: (what: string) => void): void {
  const principals = new Set([ROOT])
  const owners = new Map<string, string>()
  for (const row of rows) {
    if (row.family !== 'principal') continue
    principals.add(row.key)
    const wrong = checkPrincipalName(row.key)
    if (wrong !== undefined) report(wrong)
    for (const grant of row.value.grants) {
      const problem = wrongWith(grant)
      if (problem !== undefined) report(`principal ${row.key} has a grant that is none: ${problem}`)
    }
    for (const name of row.value.certificateNames) {
      const other = owners.get(name)
      if (other !== undefined) report(`${name} stands for the principals ${other} and ${row.key}`)
      owners.set(name, row.key)
    }
  }
  for (const row of rows) {
    if (row.family === 'principal') continue
    const { family, key, value } = row
    if (!principals.has(value.principal)) {
      report(`${family} ${key} belongs to the principal ${value.principal}, which does not exist`)
    }
    const length = family === 'token' ? TOKEN_ID_LENGTH : ACCESS_KEY_ID_LENGTH
    if (key.length !== length) report(`${family} ${key} has an id of ${key.length} characters, not ${length}`)
  }
}
