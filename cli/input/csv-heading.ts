// The heading of a CSV file: which column is the key, and that no two columns are meant by one name. Pure.
// Where a name stands twice, one of the two values would be lost, or the wrong one would decide the order of records.
import { Failure } from '../failure.ts'
import { InvalidRecord } from './invalid-record.ts'

export interface Heading {
  readonly names: readonly string[]
  /** The column that is the key. */
  readonly keyIndex: number
  /** The names as JSON strings, where rows become JSON. */
  readonly jsonNames: readonly string[] | undefined
}

/**
 * Takes the names as the file writes them. Throws Failure (usage) where the key column is missing, or where a column that
 * is read by its name has a name that another has too, or one that differs in case or blanks alone.
 */
export function checkedHeading(
  names: readonly string[],
  { keyColumn, asJson }: { readonly keyColumn: string; readonly asJson: boolean },
): Heading {
  if (names.some((name) => name.includes('\0'))) throw new InvalidRecord('it holds NUL bytes, as UTF-16 does')
  const keyIndex = names.indexOf(keyColumn)
  if (keyIndex === -1) {
    throw new Failure(`There is no column ${shown(keyColumn)} among ${names.map(shown).join(', ')}.`, 'usage')
  }
  const columns = new Map<string, number[]>()
  for (const [index, name] of names.entries()) {
    const alike = columns.get(foldedName(name))
    if (alike === undefined) columns.set(foldedName(name), [index])
    else alike.push(index)
  }
  const read = asJson ? [...columns.values()] : [columns.get(foldedName(keyColumn))!]
  const ambiguous = read.find((alike) => alike.length > 1)
  if (ambiguous !== undefined) throw new Failure(ambiguousText(ambiguous, names), 'usage')
  return { names, keyIndex, jsonNames: asJson ? names.map((name) => JSON.stringify(name)) : undefined }
}

function ambiguousText(alike: readonly number[], names: readonly string[]): string {
  const numbers = alike.map((index) => index + 1)
  const columns = `Columns ${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1)}`
  const [first] = alike.map((index) => names[index]!)
  const isSame = alike.every((index) => names[index] === first)
  const named = isSame
    ? `are both named ${shown(first!)}`
    : `have names that look alike (${alike.map((index) => shown(names[index]!)).join(', ')})`
  return `${columns} ${named}, so that it is not certain which one is meant: rename them in the heading.`
}

/** Equal for names that a person takes for one. */
function foldedName(name: string): string {
  return name
    .normalize('NFKC')
    .replaceAll(/[\s\p{Cf}]+/gu, ' ')
    .trim()
    .toLowerCase()
}

/** In quotes where one would not see otherwise where it begins and ends. */
function shown(name: string): string {
  return /^[^\s,"](.*[^\s,"])?$/u.test(name) ? name : JSON.stringify(name)
}
