// Java's regular expressions in JavaScript: what Java says of a text is said here too, or the pattern is refused.
import { describe, expect, it } from 'vitest'
import { javaPattern } from '../../src/config/java-pattern.ts'

/** Pattern, text, what Java's `matches` gives: its groups, or undefined. */
const table: readonly (readonly [string, string, readonly (string | null)[] | undefined])[] = [
  ['(a+)(b)?', 'aa', ['aa', null]],
  ['a', 'ab', undefined],
  ['a|ab', 'ab', []],
  ['a.b', 'a\nb', undefined],
  ['a.b', 'a\u0085b', undefined],
  ['(?s)a.b', 'a\nb', []],
  ['(?i)ABC', 'abc', []],
  [String.raw`\Qa.b\E+`, 'a.bb', []],
  [String.raw`\Qa.b\E+`, 'axb', undefined],
  [String.raw`\p{Alpha}+\p{Digit}`, 'ab1', []],
  [String.raw`[\p{Upper}_]+`, 'A_B', []],
  [String.raw`\P{Digit}+`, 'ab', []],
  [String.raw`a\sb`, 'a\u00a0b', undefined],
  [String.raw`a\hb`, 'a\u00a0b', []],
  [String.raw`a\Rb`, 'a\r\nb', []],
  [String.raw`\Aab\z`, 'ab', []],
  [String.raw`[]a]+`, ']a', []],
  [String.raw`[^\]]+`, 'ab', []],
  [String.raw`\x{41}\x42\103`.replace('\\103', '\\0103'), 'ABC', []],
  ['(?<name>a)', 'a', ['a']],
  ['a{2}', 'aa', []],
]

describe('javaPattern', () => {
  for (const [pattern, text, groups] of table) {
    it(`${JSON.stringify(pattern)} on ${JSON.stringify(text)}: ${groups === undefined ? 'no match' : JSON.stringify(groups)}`, () => {
      const { whole, groups: count } = javaPattern(pattern)
      const found = whole.exec(text)
      expect(found === null ? undefined : found.slice(1).map((group) => group ?? null)).toEqual(groups)
      if (groups !== undefined) expect(count).toBe(groups.length)
    })
  }

  it.each([
    ['a++b', 'possessive'],
    ['(?>a)b', '(?>'],
    ['[a-z&&[^b]]', 'class'],
    ['[a&&b]', '&&'],
    [String.raw`\p{L}`, 'write its characters out'],
    [String.raw`\G`, '\\G'],
    ['(?x) a', '(?x)'],
    ['(a', 'Unterminated group'],
    ['[a', 'not closed'],
    ['a\\', 'backslash'],
  ])('refuses %s by name', (pattern, says) => {
    expect(() => javaPattern(pattern)).toThrow(says)
  })

  it.each([
    ['(a+)+b', false],
    [String.raw`\A(a+)+\z`, false],
    [String.raw`(?s)\d{4}-(x|xy)+`, false],
    ['(a+)+(?=c)b', true],
    [String.raw`(a+)+\1b`, true],
    ['(?i)(a+)+b', true],
    ['(a{0,20}){0,20}b', true],
    [String.raw`(?m)\A(a+)+b`, true],
  ])('%s may take exponential time: %s', (pattern, isRisky) => {
    expect(javaPattern(pattern).isRisky).toBe(isRisky)
  })
})
