// Names of the documents that hold tables and their items. Pure. All are of one kind: a table has its name, and an item the
// table's name, a slash and its key, so that a grant on `kinesis-tables/app*` covers the tables of an application.
import { createHash } from 'node:crypto'
import { normalNumber, type AttributeValue } from './attribute-value.ts'

export const TABLES_KIND = 'kinesis-tables'

const TABLE_PART_MAX = 120
const NAME_MAX = 200

/** Name of a table's document. Long names are shortened, and told apart by their hash. */
export function tableDocument(table: string): string {
  return table.length <= TABLE_PART_MAX ? table : `${table.slice(0, TABLE_PART_MAX - 65)}~${hashOf(table)}`
}

/** The names of all items of a table begin with this. */
export function itemPrefix(table: string): string {
  return `${tableDocument(table)}/`
}

/** Name of an item's document, by the values of its key. */
export function itemDocument(table: string, key: readonly AttributeValue[]): string {
  const text = key.map(keyText).join('&')
  const name = itemPrefix(table) + text
  return name.length <= NAME_MAX ? name : `${itemPrefix(table)}~${hashOf(text)}`
}

function keyText(value: AttributeValue): string {
  if ('N' in value) return `N${normalNumber(value.N)}`
  // Letters, digits and a few marks stay readable; others would be no names.
  if ('S' in value)
    return `S${Buffer.from(value.S)
      .toString('utf8')
      .replaceAll(/[^A-Za-z0-9:._-]/gu, escaped)}`
  return 'B' in value ? `B${value.B.replaceAll('/', '_')}` : JSON.stringify(value)
}

function escaped(character: string): string {
  return `%${Buffer.from(character).toString('hex')};`
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
