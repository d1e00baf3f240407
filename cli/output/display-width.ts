// Measures the columns that text takes on a screen: Chinese, Japanese and Korean letters and most emoji take two columns,
// combining marks take none. Pure. Expects text without control characters: see `visible`.

const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u
const HALF_WIDTH = /[\uff61-\uffdc]/
const NO_WIDTH = /[\p{Mn}\p{Me}]/u
const PLAIN = /^[ -~]*$/

/** Number of columns that the text takes. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const character of text) width += widthOf(character)
  return width
}

/** Returns the text, or as much of its start as fits before an ellipsis. */
export function cutToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  return width < 1 ? '' : `${startOf(text, width - 1)}…`
}

export function padToWidth(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

/** Breaks text into lines of at most `width` columns, at blanks if possible, and inside words that are too long. */
export function wrapToWidth(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (displayWidth(longer) <= width) {
      line = longer
      continue
    }
    if (line !== '') lines.push(line)
    let rest = word
    while (displayWidth(rest) > width) {
      // A line takes at least one character, even on a narrower screen.
      const start = startOf(rest, width) || String.fromCodePoint(rest.codePointAt(0)!)
      lines.push(start)
      rest = rest.slice(start.length)
    }
    line = rest
  }
  lines.push(line)
  return lines
}

function startOf(text: string, width: number): string {
  let start = ''
  let taken = 0
  for (const character of text) {
    taken += widthOf(character)
    if (taken > width) break
    start += character
  }
  return start
}

function widthOf(character: string): number {
  if (NO_WIDTH.test(character)) return 0
  return WIDE.test(character) && !HALF_WIDTH.test(character) ? 2 : 1
}
