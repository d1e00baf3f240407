// Writes the Markdown of generated pages. Pure.
import { nounFor } from '../../protocol/text/count-text.ts'

/** A table; bars in cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function code(text: string): string {
  return `\`${text}\``
}

/** An amount in the largest unit that divides it: 65536 bytes as 64 KiB, 10000 milliseconds as 10 s. */
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
 * The paragraph with the box diagram in a source file's opening comment, as a code block, so that code and documentation
 * share the diagram.
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
