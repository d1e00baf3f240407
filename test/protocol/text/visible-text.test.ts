// Untrusted text on a screen: no character moves the cursor, reverses text or is invisible, and JSON stays JSON.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { visible, visibleLines, visibleWhenParsed } from '../../../protocol/text/visible-text.ts'

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index))

const hidden = [
  ...range(0x00, 0x1f),
  ...range(0x7f, 0x9f),
  '\u00ad',
  '\u061c',
  ...range(0x200b, 0x200f),
  ...range(0x2028, 0x202e),
  ...range(0x2060, 0x206f),
  '\u3164',
  '\ufeff',
  '\ufff9',
  ...range(0xe0020, 0xe007f),
  '\ud800',
  '\udfff',
]
const escapeOf = (character: string) =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')

/** Any text, with many hidden characters in it. */
const text = fc.string({
  unit: fc.oneof(fc.constantFrom(...hidden), fc.string({ unit: 'binary', maxLength: 1 })),
})

const isHarmless = (shown: string) => !Array.from(shown).some((character) => hidden.includes(character))
const isHarmlessInLines = (shown: string) => isHarmless(shown.replaceAll(/[\n\t]/g, ''))

describe('visible', () => {
  it('shows every hidden character, and leaves all others', () => {
    for (const character of hidden) expect(visible(`a${character}b`)).toBe(`a${escapeOf(character)}b`)
    const plain = 'Grüße, 世界 👋 ❤️ – עברית'
    expect(visible(plain)).toBe(plain)
  })

  it('is harmless whatever the text', () => {
    fc.assert(fc.property(text, (any) => isHarmless(visible(any))))
  })
})

describe('visibleLines', () => {
  it('leaves line feeds and tabs alone, and nothing else', () => {
    expect(visibleLines('a\n\tb\r\u001b[2J')).toBe('a\n\tb\\u000d\\u001b[2J')
    fc.assert(fc.property(text, (any) => isHarmlessInLines(visibleLines(any))))
  })

  it('keeps JSON text what it is: the same value', () => {
    fc.assert(
      fc.property(fc.dictionary(text, text), fc.constantFrom(0, 2), (value, indent) => {
        const shown = visibleLines(JSON.stringify(value, undefined, indent))
        expect(isHarmlessInLines(shown)).toBe(true)
        expect(JSON.parse(shown)).toEqual(value)
      }),
    )
  })
})

describe('visibleWhenParsed', () => {
  it('gives JSON whose strings are harmless lines, and else what they were', () => {
    fc.assert(
      fc.property(text, (any) => {
        const parsed = JSON.parse(visibleWhenParsed(JSON.stringify({ any }))) as { any: string }
        expect(parsed.any).toBe(visibleLines(any))
      }),
    )
  })

  it('sees characters that are written as escapes', () => {
    expect(JSON.parse(visibleWhenParsed('["\\u001b\\u0041\\\\u001b\\n\\b"]'))).toEqual([
      '\\u001bA\\u001b\n\\u0008',
    ])
  })
})
