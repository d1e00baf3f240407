// Makes docs/agent/support.md from the tables of keys: what AWS' agent has, what is here, and what differs. Pure.
import { flowBounds } from './flow-bounds.ts'
import { flowKeys } from './keys/flow-keys.ts'
import { globalKeys } from './keys/global-keys.ts'
import type { Key, Keys } from './keys/key.ts'
import { processingOptions, refusedProcessingOptions } from './keys/processing-keys.ts'

/** The page as Markdown. */
export function supportPage(): string {
  return `# What of the Kinesis Agent’s configuration is served

Every key of the AWS Kinesis Agent is read. *yes*: as AWS documents it. *in part*: with the difference that the note says. *no*: passed over,
with one warning that says the note. *own*: a key that AWS’ agent does not know. \`millrace agent --check\` prints what is warned of.

## Keys for all flows

${keyTable(globalKeys)}

## Keys of a flow

${keyTable(flowKeys)}

## Options of processing

Each is an object of \`dataProcessingOptions\`, named by its \`optionName\`.

${table(['option', 'key', 'default', 'supported', 'note'], [...Object.entries(processingOptions).flatMap(optionRows), ...refusedRows()])}

## Largest records and buffers

${table(
  ['destination', 'a record', 'bytes in a buffer', 'records in a buffer', 'age in ms'],
  Object.entries(flowBounds).map(([type, { recordBytesMax, bytes, records, ageMs }]) => [
    type,
    figure(recordBytesMax),
    bounds(bytes),
    bounds(records),
    bounds(ageMs),
  ]),
)}
`
}

function keyTable(keys: Keys): string {
  const rows = Object.entries(keys).map(([name, key]) => [
    code(name),
    defaultOf(key),
    supportOf(key),
    `${key.doc} ${key.note ?? ''}`.trim(),
  ])
  return table(['key', 'default', 'supported', 'what it is, and what differs'], rows)
}

function optionRows([name, option]: [
  string,
  (typeof processingOptions)[keyof typeof processingOptions],
]): string[][] {
  const note = 'note' in option ? option.note : ''
  const keys = Object.entries<Key>(option.keys).map(([key, facts]) => [
    '',
    code(key),
    defaultOf(facts),
    supportOf(facts),
    `${facts.doc} ${facts.note ?? ''}`.trim(),
  ])
  return [[code(name), '', '', option.support, `${option.doc} ${note}`.trim()], ...keys]
}

function refusedRows(): string[][] {
  return Object.entries(refusedProcessingOptions).map(([name, reason]) => [
    code(name),
    '',
    '',
    'refused',
    `The configuration is refused: ${reason}.`,
  ])
}

function supportOf({ support, isOwn }: Key): string {
  return isOwn === true ? 'own' : support
}

function defaultOf(key: Key): string {
  return 'default' in key ? code(JSON.stringify(key.default)) : ''
}

function bounds({ min, max, default: fallback }: { min: number; max: number; default: number }): string {
  return `${figure(min)} to ${figure(max)}, else ${figure(fallback)}`
}

function figure(value: number): string {
  return value.toLocaleString('en-US')
}

function code(text: string): string {
  return `\`${text}\``
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
