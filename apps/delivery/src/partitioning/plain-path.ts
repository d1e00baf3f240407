// Paths of jq that need no jq: `.a`, `.a.b`, `.["a b"]`, `."a"`. Pure. What such a path gives is read from the parsed record, where
// that is certainly what jq gives; else jq is asked.
import { numberText, type JqResult } from './partition-value.ts'

/** Returns the names of a plain path; undefined where an expression is anything else. */
export function plainPath(expression: string): readonly string[] | undefined {
  const names: string[] = []
  let rest = expression.trim()
  while (rest !== '') {
    const step = /^(?:\.([A-Za-z_]\w*)|\.?\[("(?:[^"\\]|\\["\\/])*")\]|\.("(?:[^"\\]|\\["\\/])*"))/.exec(rest)
    if (step === null) return undefined
    if (names.length === 0 && !rest.startsWith('.')) return undefined
    names.push(step[1] ?? (JSON.parse(step[2] ?? step[3]!) as string))
    rest = rest.slice(step[0].length)
  }
  return names.length === 0 ? undefined : names
}

/** Returns what a path gives in a parsed record; undefined where jq has to say: where it fails, and where a number is not plain. */
export function resultAt(value: unknown, path: readonly string[]): JqResult | undefined {
  let at: unknown = value
  for (const name of path) {
    if (at === null) return { kind: 'null' }
    if (typeof at !== 'object' || Array.isArray(at)) return undefined
    at = Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : null
  }
  if (at === null) return { kind: 'null' }
  if (typeof at === 'string') return { kind: 'string', text: at }
  if (typeof at === 'boolean') return { kind: 'boolean', text: String(at) }
  if (typeof at === 'number') {
    return Number.isSafeInteger(at) ? { kind: 'number', text: numberText(String(at)) } : undefined
  }
  return { kind: Array.isArray(at) ? 'array' : 'object' }
}

/** From this size on a record could be nested deeper than jq reads. */
const DEEP_BYTES = 20_000

/** Whether jq reads a text that is JSON: it refuses halves of surrogate pairs, and 10,000 levels. True only where that is certain. */
export function isSurelyReadByJq(text: string): boolean {
  return text.length < DEEP_BYTES && (!text.includes(String.raw`\u`) || !/\\u[dD]/.test(text))
}
