// Which parts of the documents at a place may be seen, so that a list reads only those. Runs in the controller; pure.
import { Buffer } from 'node:buffer'

/** Keys that begin with a text, or the one key. */
export interface ShownKeys {
  readonly key: string
  readonly isPrefix: boolean
}

/**
 * Cuts the keys that begin with `place` down to those that the patterns show, in the order of the keys' bytes. No pattern lies
 * within another.
 */
export function shownKeys(patterns: readonly string[], place: string): readonly ShownKeys[] {
  const ranges = patterns.flatMap((pattern): readonly ShownKeys[] => {
    const isPrefix = pattern.endsWith('*')
    const key = isPrefix ? pattern.slice(0, -1) : pattern
    if (key.startsWith(place)) return [{ key, isPrefix }]
    return isPrefix && place.startsWith(key) ? [{ key: place, isPrefix }] : []
  })
  return ranges.toSorted((a, b) => compareKeys(a.key, b.key))
}

/** Compares keys as the store sorts them. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
