// The table of limits as Markdown. The sentence of each is the comment above it: that is where its readers look first.
import { limits } from '../../protocol/limits.ts'
import { amount, code, table } from './markdown.ts'

/** Takes the text of protocol/limits.ts for its comments, and the table itself for the values. */
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
