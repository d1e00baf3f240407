// Text of others on its way to somebody's screen. Runs anywhere, pure. A terminal obeys control characters, and people do
// not see the ones that turn or join text: a stream name, a key or an error message that holds them could clear the
// screen, hide what was said, or look like another. They are shown as `\u001b` instead, the way JSON writes them, so that
// JSON text stays JSON text and says the same.

/**
 * Controls (C0, DEL, C1), format characters (directions, zero width, byte order mark), the separators of lines and
 * paragraphs, halves of surrogate pairs, and what has no look of its own: fillers, tags, unassigned room for more of them.
 * The variation selectors of the first plane stay, for emoji are written with them.
 */
const hidden =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufff0-\ufff8\u{e0000}-\u{e0fff}]/gu

/** Makes one line of any text: nothing in it moves a cursor. */
export function visible(text: string): string {
  return text.replaceAll(hidden, escaped)
}

/** The same for text of several lines, and for JSON: line feeds and tabs stay. */
export function visibleLines(text: string): string {
  return text.replaceAll(hidden, escapedInLines)
}

/**
 * JSON text that says the escapes themselves: what reads it and prints its strings as they are prints `\u001b`. Line feeds
 * and tabs stay what they are.
 */
export function visibleWhenParsed(json: string): string {
  return json
    .replaceAll(/\\(?:u([0-9a-f]{4})|(.))/gi, (escape, unit?: string, letter?: string) => {
      if (unit === undefined)
        return letter === 'b' || letter === 'f' || letter === 'r'
          ? `\\${escaped(JSON.parse(`"${escape}"`) as string)}`
          : escape
      // Half of a pair counts as hidden: JSON.stringify writes whole pairs as they are.
      return visible(String.fromCharCode(parseInt(unit, 16))).length > 1 ? `\\${escape}` : escape
    })
    .replaceAll(hidden, (character) => escapedInLines(character).replaceAll('\\', '\\\\'))
}

function escapedInLines(character: string): string {
  return character === '\n' || character === '\t' ? character : escaped(character)
}

/** `\u001b`; two of them for a character of two units. */
function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
