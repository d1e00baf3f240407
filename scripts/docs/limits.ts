// Formats the table of limits as Markdown. The sentence of a limit is the comment above it in protocol/limits.ts.
import { limits } from '../../protocol/limits.ts'
import { amount, code, table } from './markdown.ts'

/** `source` is the text of protocol/limits.ts, for its comments; the values are imported. */
export function limitTable(source: string): string {
  const sentences = new Map(
    [...source.matchAll(/\/\*\* (.*) \*\/\n\s*(\w+):/g)].map(([, sentence, name]) => [name, sentence]),
  )
  const rows = Object.entries(limits).map(([name, value]) => [
    code(name),
    amount(value, unitOf(name)),
    sentences.get(name) ?? '',
  ])
  return table(['limit', 'value', 'what it bounds'], rows)
}

function unitOf(name: string): 'bytes' | 'ms' | 'count' {
  if (/Bytes/.test(name)) return 'bytes'
  return /Ms(Min|Max|Default)?$/.test(name) ? 'ms' : 'count'
}
