// Formats shapes as Markdown tables: every field with its place, kind, bound and sentence. Pure.
import type { Field, Shape } from '../../protocol/shapes.ts'
import { amount, code, table } from './markdown.ts'

/** The table of the fields of a shape, nested fields below their parent; a sentence if there are none. */
export function fieldTable(shape: Shape): string {
  const rows = rowsOf(shape, '')
  return rows.length === 0 ? 'No fields: an empty array.' : table(['field', 'place', 'kind', 'meaning'], rows)
}

function rowsOf(shape: Shape, path: string): string[][] {
  return Object.entries(shape).flatMap(([name, field], place) => [
    [code(path + name), String(place), kindOf(field) + absentText(field), field.doc],
    ...nestedRows(field, path + name),
  ])
}

function nestedRows(field: Field, path: string): string[][] {
  switch (field.kind) {
    case 'struct':
      return rowsOf(field.shape, `${path}.`)
    case 'list':
      return nestedRows(field.of, `${path}[]`)
    case 'optional':
      return nestedRows(field.of, path)
    default:
      return []
  }
}

/** What is read where a sender of an earlier version leaves the field out. */
function absentText({ absent }: Field): string {
  return absent === undefined ? '' : `; if missing, ${JSON.stringify(absent)}`
}

function kindOf(field: Field): string {
  switch (field.kind) {
    case 'string':
      return `text, ≤ ${amount(field.max, 'bytes')}`
    case 'bytes':
      return `bytes, ≤ ${amount(field.max, 'bytes')}`
    case 'uint':
      return field.max === Number.MAX_SAFE_INTEGER ? 'uint' : `uint, ≤ ${amount(field.max, 'count')}`
    case 'boolean':
      return 'boolean'
    case 'hashKey':
      return 'hash key'
    case 'choice':
      return field.values.map((word, place) => `${place} ${code(word)}`).join(', ')
    case 'list':
      return `list, ≤ ${amount(field.max, 'count')}, of ${kindOf(field.of)}`
    case 'struct':
      return 'array of fields'
    case 'optional':
      return `${kindOf(field.of)}; optional`
  }
}
