// What an expression may give, and the text that stands for it in names of objects. Pure.

/** A result of jq as its kind and, where it is one value, its text as jq prints it. */
export type JqResult =
  | { readonly kind: 'string' | 'number' | 'boolean'; readonly text: string }
  | { readonly kind: 'null' | 'object' | 'array' }

/** Characters of one value at most: those of a whole prefix in Firehose. */
export const VALUE_CHARACTERS_MAX = 512

/** Returns the text of what an expression gave for a record, or why the record has no partition. */
export function partitionValue(
  name: string,
  results: readonly JqResult[],
): { readonly text: string } | { readonly fault: string } {
  const [result, second] = results
  // Firehose's sentence.
  if (result === undefined || result.kind === 'null')
    return { fault: `partitionKeys values must not be null or empty: ${name}` }
  if (second !== undefined) return { fault: `The expression ${name} gives more than one value.` }
  if (!('text' in result)) {
    return {
      fault: `The expression ${name} gives an ${result.kind}; it must give a text, a number or a boolean.`,
    }
  }
  const text = result.kind === 'number' ? numberText(result.text) : keySafe(result.text)
  if (text === '') return { fault: `partitionKeys values must not be null or empty: ${name}` }
  if (text.length <= VALUE_CHARACTERS_MAX) return { text }
  return {
    fault: `The expression ${name} gives ${text.length} characters; at most ${VALUE_CHARACTERS_MAX} fit into a name.`,
  }
}

/** Integers that a double holds are written plainly (`1.0` and `1e0` are `1`); all others as they are. */
export function numberText(text: string): string {
  const value = Number(text)
  return Number.isSafeInteger(value) ? String(value === 0 ? 0 : value) : text
}

/**
 * Returns a text that may stand in a key of S3 and in a path: slashes make folders, as in Firehose, but none that is empty or leads
 * elsewhere; what no file system and no listing takes is written as percent and its bytes.
 */
export function keySafe(text: string): string {
  if (/^[\w.@ +=:,~-]*$/.test(text) && !/^\.{1,2}$/.test(text)) return text
  return text
    .toWellFormed()
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => (/^\.{1,2}$/.test(segment) ? segment.replaceAll('.', '%2E') : segment))
    .join('/')
    .replaceAll(/\p{Cc}|\\/gu, percent)
}

function percent(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('')
}
