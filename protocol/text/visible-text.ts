// Makes untrusted text safe to show on a terminal. Runs anywhere, pure. A terminal obeys control characters, and people do
// not see characters that reverse or join text: a stream name, key or error message that holds them could clear the screen,
// hide text, or look like another. They are shown as JSON escapes such as `\u001b`, so that JSON text stays JSON text with
// the same meaning.

/**
 * Controls (C0, DEL, C1), format characters (directions, zero width, byte order mark), line and paragraph separators,
 * halves of surrogate pairs, and invisible characters: fillers, tags, and code points reserved for more of them. The
 * variation selectors of the first plane are kept, since emoji use them.
 */
const hidden =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufff0-\ufff8\u{e0000}-\u{e0fff}]/gu

/** Makes any text one line in which nothing moves the cursor. */
export function visible(text: string): string {
  return text.replaceAll(hidden, escaped)
}

/** The same for text of several lines, and for JSON: line feeds and tabs are kept. */
export function visibleLines(text: string): string {
  return text.replaceAll(hidden, escapedInLines)
}

/**
 * Escapes JSON text twice, so that a program that parses it and prints its strings prints `\u001b` and not the control
 * character. Line feeds and tabs are kept.
 */
export function visibleWhenParsed(json: string): string {
  return json
    .replaceAll(/\\(?:u([0-9a-f]{4})|(.))/gi, (escape, unit?: string, letter?: string) => {
      if (unit === undefined)
        return letter === 'b' || letter === 'f' || letter === 'r'
          ? `\\${escaped(JSON.parse(`"${escape}"`) as string)}`
          : escape
      // JSON.stringify does not escape whole surrogate pairs, so an escaped half is a lone one, and counts as hidden.
      return visible(String.fromCharCode(parseInt(unit, 16))).length > 1 ? `\\${escape}` : escape
    })
    .replaceAll(hidden, (character) => escapedInLines(character).replaceAll('\\', '\\\\'))
}

function escapedInLines(character: string): string {
  return character === '\n' || character === '\t' ? character : escaped(character)
}

/** The character as `\u001b`; as two escapes if it has two UTF-16 units. */
function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
