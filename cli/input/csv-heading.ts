// Checks the heading of a CSV file: finds the key column, and refuses names that two columns share. Pure.
// Of two columns with the same name one value would be lost, or the wrong one would be used as the key.
import { Failure } from '../failure.ts'
import { InvalidRecord } from './invalid-record.ts'

export interface Heading {
  readonly names: readonly string[]
  /** Index of the key column. */
  readonly keyIndex: number
  /** The names as JSON strings; undefined unless rows become JSON. */
  readonly jsonNames: readonly string[] | undefined
}

/**
 * Takes the names as the file writes them. Throws Failure (usage) if the key column is missing, or if a column that is read
 * by its name shares that name with another column, or differs from another name only in case or blanks.
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

/** The name without differences that a person overlooks: equal for names that look alike. */
function foldedName(name: string): string {
  return name
    .normalize('NFKC')
    .replaceAll(/[\s\p{Cf}]+/gu, ' ')
    .trim()
    .toLowerCase()
}

/** The name, in quotes if its start or end would not be visible otherwise. */
function shown(name: string): string {
  return /^[^\s,"](.*[^\s,"])?$/u.test(name) ? name : JSON.stringify(name)
}
