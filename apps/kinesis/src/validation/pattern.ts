// Patterns of the model as regular expressions that take little time, whatever text they are tried on. Pure.

/** A piece of a pattern that always matches texts of one length: letters, colons and counted digits. */
const FIXED_PIECE = /^(?:[a-z:]|\\d\{\d+\})+$/

/**
 * Tells whether a whole text matches a pattern. In `a.*b.*c`, the first `b` is as good as any later one, and once it is found no
 * other is tried: without that, a text of many half matches takes the cube of its length.
 */
export function wholeMatch(pattern: string): RegExp {
  const pieces = pattern.replace(/^\^|\$$/g, '').split('.*')
  const last = pieces.length - 1
  const source = pieces.map((piece, index) => {
    if (index === 0) return piece
    if (index === last || !FIXED_PIECE.test(piece)) return `.*${piece}`
    return `(?=(?<to${index}>.*?${piece}))\\k<to${index}>`
  })
  // Classes of Unicode's are letters without the flag, and some patterns are none with it.
  return new RegExp(`^(?:${source.join('')})$`, pattern.includes('\\p{') ? 'u' : '')
}
