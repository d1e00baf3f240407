// Splits what is typed of a command line into words, as a shell does. Pure. bash hands over the line alone: its own words are
// split at `=` and `:` too, inside of urls.

/** Returns the words of a line without their quotes. The last one is the word at its end: empty after a blank. */
export function shellWords(line: string): string[] {
  const words: string[] = []
  let word = ''
  let quote: string | undefined
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!
    if (character === '\\' && quote !== "'") word += line[++at] ?? ''
    else if (quote !== undefined) {
      if (character === quote) quote = undefined
      else word += character
    } else if (character === '"' || character === "'") quote = character
    else if (/\s/.test(character)) {
      if (at > 0 && !/\s/.test(line[at - 1]!)) words.push(word)
      word = ''
    } else word += character
  }
  return [...words, word]
}

/**
 * The part of a word that bash leaves as it is: it completes only what comes after the last character at which it breaks words.
 */
export function keptByBash(word: string, breaks: string): string {
  const last = Math.max(
    ...['=', ':'].filter((mark) => breaks.includes(mark)).map((mark) => word.lastIndexOf(mark)),
  )
  return word.slice(0, Math.max(0, last + 1))
}
