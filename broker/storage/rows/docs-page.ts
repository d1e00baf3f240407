// Generates docs/rows.md from the tables of row families. Runs in the documentation generator; pure.
import type * as v from 'valibot'
import { catalogFamilies } from '../../catalog/families.ts'
import { smallFamilies, type SmallFamily } from '../../catalog/small-families.ts'
import { keyFamilies, type KeyFamily } from './key-space.ts'

const stores = [
  ['catalog', 'The catalog', '`<data directory>/catalog`, all rows of a change in one commit.'],
  [
    'segment',
    'Segments',
    '`<data directory>/owners/<owner>/segment-…`, written by the owner alone, never changed once sealed.',
  ],
  [
    'small',
    'Small rows',
    '`<data directory>/small`, many changes in one commit. A key is the tag and a text in UTF-8; a value is the CRC-32 of key and rest, a version (u64), and JSON.',
  ],
] as const

/** The page in Markdown. */
export function rowsPage(): string {
  return `# Rows

What is on the disk, row by row. A key is its family's tag, one byte, and its fields, big-endian. Numbers of a value are
big-endian too, with a CRC-32 over key and value behind them; a value of JSON has that checksum before it, little-endian.

${stores.map(([store, title, where]) => `## ${title}\n\n${where}\n\n${sectionOf(store)}`).join('\n\n')}
`
}

function sectionOf(store: KeyFamily['store']): string {
  const families = Object.entries<KeyFamily>(keyFamilies)
    .filter(([, family]) => family.store === store)
    .map(([name, family]) => familyText(name, family))
  const small = Object.entries<SmallFamily>(smallFamilies).map(([name, family]) => smallText(name, family))
  return [...families, ...(store === 'small' ? small : [])].join('\n\n')
}

function smallText(name: string, family: SmallFamily): string {
  const { key, keyBytesMax, value, valueBytesMax } = family
  return textOf(name, family, [
    `key: \`${key}\`, a text of up to ${keyBytesMax} bytes`,
    `value: JSON of up to ${valueBytesMax / 1024} KiB, ${typeText(value)}`,
  ])
}

function familyText(name: string, family: KeyFamily): string {
  return textOf(name, family, [`key: ${fieldsText(family.key)}`, `value: ${valueText(name, family)}`])
}

function textOf(
  name: string,
  { tag, doc, written, lives }: Pick<KeyFamily, 'tag' | 'doc' | 'written' | 'lives'>,
  points: readonly string[],
): string {
  const told = [`tag: \`0x${tag.toString(16).padStart(2, '0')}\``, ...points]
  const list = told.map((point) => `- ${point}`).join('\n')
  return `### ${name}\n\n${doc} Written ${written}; lives ${lives}.\n\n${list}`
}

function valueText(name: string, { value, list }: KeyFamily): string {
  if (value === 'batch') return 'a batch, see [protocol](protocol.md)'
  if (value === 'json') {
    const { value: shape } = catalogFamilies[name as keyof typeof catalogFamilies]
    return `JSON, ${typeText(shape)}`
  }
  return fieldsText(value) + (list === undefined ? '' : `; then entries of ${fieldsText(list)}`)
}

function fieldsText(fields: Readonly<Record<string, string>>): string {
  const texts = Object.entries(fields).map(([name, kind]) => `\`${name}\` ${kind}`)
  return texts.length === 0 ? 'nothing more' : texts.join(', ')
}

/** The parts of a schema that the shapes of rows use. */
interface ShapeParts {
  readonly pipe?: readonly { readonly type: string }[]
  readonly options?: readonly string[]
  readonly wrapped?: v.GenericSchema
  readonly entries?: Readonly<Record<string, v.GenericSchema>>
  readonly item?: v.GenericSchema
}

function typeText(schema: v.GenericSchema): string {
  const { pipe, options, wrapped, entries, item } = schema as v.GenericSchema & ShapeParts
  if (options !== undefined) return options.map((value) => `'${value}'`).join(' or ')
  if (wrapped !== undefined) return `${typeText(wrapped)} or null`
  if (item !== undefined) return `a list of ${typeText(item)}`
  if (entries !== undefined) {
    const fields = Object.entries(entries).map(([name, field]) => `\`${name}\` ${typeText(field)}`)
    return `{ ${fields.join(', ')} }`
  }
  return pipe?.some(({ type }) => type === 'safe_integer') ? 'integer' : schema.type
}
