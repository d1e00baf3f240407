// docs/rows.md from the tables of row families. Runs in the documentation generator; pure.
import { z } from 'zod'
import { catalogFamilies } from '../catalog/families.ts'
import { keyFamilies, type KeyFamily } from './key-space.ts'

const stores = [
  ['catalog', 'The catalog', '`<data directory>/catalog`, all rows of a change in one commit.'],
  [
    'segment',
    'Segments',
    '`<data directory>/owners/<owner>/segment-…`, written by the owner alone, never changed once sealed.',
  ],
] as const

/** The page as Markdown. */
export function rowsPage(): string {
  return `# Rows

What is on the disk, row by row. A key is its family's tag, one byte, and its fields, big-endian. Numbers of a value are
big-endian too, with a CRC-32 over key and value behind them; a value of JSON has that checksum before it, little-endian.

${stores.map(([store, title, where]) => `## ${title}\n\n${where}\n\n${sectionOf(store)}`).join('\n\n')}
`
}

function sectionOf(store: KeyFamily['store']): string {
  return Object.entries<KeyFamily>(keyFamilies)
    .filter(([, family]) => family.store === store)
    .map(([name, family]) => familyText(name, family))
    .join('\n\n')
}

function familyText(name: string, family: KeyFamily): string {
  const tag = `0x${family.tag.toString(16).padStart(2, '0')}`
  const lines = [
    `### ${name}`,
    `${family.doc} Written ${family.written}; lives ${family.lives}.`,
    `- tag: \`${tag}\``,
    `- key: ${fieldsText(family.key)}`,
    `- value: ${valueText(name, family)}`,
  ]
  return lines.join('\n\n').replaceAll('\n\n- ', '\n- ').replace('\n- ', '\n\n- ')
}

function valueText(name: string, { value, list }: KeyFamily): string {
  if (value === 'batch') return 'a batch, see [protocol](protocol.md)'
  if (value === 'json') {
    const { value: shape } = catalogFamilies[name as keyof typeof catalogFamilies]
    return `JSON, ${typeText(z.toJSONSchema(shape) as JsonSchema)}`
  }
  return fieldsText(value) + (list === undefined ? '' : `; then entries of ${fieldsText(list)}`)
}

function fieldsText(fields: Readonly<Record<string, string>>): string {
  const texts = Object.entries(fields).map(([name, kind]) => `\`${name}\` ${kind}`)
  return texts.length === 0 ? 'nothing more' : texts.join(', ')
}

/** What of JSON Schema the shapes of rows come to. */
interface JsonSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
}

function typeText({ type = 'anything', enum: values, anyOf, properties, items }: JsonSchema): string {
  if (values !== undefined) return values.map((value) => `'${value}'`).join(' or ')
  if (anyOf !== undefined) return anyOf.map(typeText).join(' or ')
  if (items !== undefined) return `a list of ${typeText(items)}`
  if (properties === undefined) return type
  const fields = Object.entries(properties).map(([name, field]) => `\`${name}\` ${typeText(field)}`)
  return `{ ${fields.join(', ')} }`
}
