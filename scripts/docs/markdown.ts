// The little Markdown that generated pages need. Pure.
import { nounFor } from '../../protocol/count-text.ts'

/** A table; cells are trimmed of what would break a row. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function code(text: string): string {
  return `\`${text}\``
}

/** `65536` of bytes as 64 KiB, `10000` of milliseconds as 10 s: the largest unit that divides it. */
export function amount(value: number, unit: 'bytes' | 'ms' | 'count'): string {
  const units = {
    bytes: [
      [1024 ** 2, 'MiB'],
      [1024, 'KiB'],
      [1, nounFor(value, 'byte')],
    ],
    ms: [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [1000, 's'],
      [1, 'ms'],
    ],
    count: [[1, '']],
  } as const
  const [size, name] = units[unit].find(([each]) => value % each === 0) ?? [1, '']
  return `${(value / size).toLocaleString('en')} ${name}`.trim()
}

/**
 * The paragraph of a source file's opening comment that holds its box diagram, as a code block: the picture beside the
 * code is the picture in the documentation.
 */
export function diagramOf(source: string): string {
  const opening = source.slice(0, source.search(/^(?!\/\/)/m))
  const paragraphs = opening.split(/^\/\/\s*$/m)
  const diagram = paragraphs.find((paragraph) => paragraph.includes('┌'))
  if (diagram === undefined) throw new Error('This source file opens without a box diagram.')
  const lines = diagram.split('\n').filter((line) => line.startsWith('//'))
  const text = lines.map((line) => line.slice(2).trimEnd())
  const indent = Math.min(...text.map((line) => line.search(/\S/)))
  return ['```text', ...text.map((line) => line.slice(indent)), '```'].join('\n')
}
