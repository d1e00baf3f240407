// Tests that lists are never wider than the screen and lose no text.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutToWidth, displayWidth, wrapToWidth } from '../../../cli/output/display-width.ts'
import { formatFields, formatTable, hanging } from '../../../cli/output/table.ts'

const widest = (text: string) => Math.max(...text.split('\n').map(displayWidth))
/** The text without its layout. */
const letters = (text: string) => Array.from(text.replaceAll(/\s/g, '')).sort().join('')

describe('displayWidth', () => {
  it.each([
    ['abc', 3],
    ['世界', 4],
    ['한글', 4],
    ['ｶﾞ', 2],
    ['é', 1],
    ['👋', 2],
    ['', 0],
  ])('%s takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })
})

describe('cutToWidth and wrapToWidth', () => {
  it('stay within the width, and lose nothing by wrapping', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '世', '👋', 'e\u0301') })
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 30 }), (any, width) => {
        expect(displayWidth(cutToWidth(any, width))).toBeLessThanOrEqual(width)
        const lines = wrapToWidth(any, width)
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
        expect(letters(lines.join(''))).toBe(letters(any))
      }),
    )
  })

  it('break at blanks where they can', () => {
    expect(wrapToWidth('one two three', 8)).toEqual(['one two', 'three'])
    expect(wrapToWidth('aaaaaaaaaa b', 4)).toEqual(['aaaa', 'aaaa', 'aa b'])
    expect(cutToWidth('世界世界', 6)).toBe('世界…')
  })
})

describe('formatTable', () => {
  const headings = ['name', 'state', 'reason']

  it('is not limited in width for a file or a pipe', () => {
    const long = 'x'.repeat(300)
    expect(formatTable(headings, [[long, 'OPEN', long]], { columns: undefined }).split('\n')[1]).toBe(
      `${long}  OPEN   ${long}`,
    )
  })

  it('wraps a long cell under itself', () => {
    const reason = 'the disk is full, and nothing can be written until there is some room'
    expect(formatTable(headings, [['a', 'OPEN', reason]], { columns: 40 })).toBe(
      [
        'NAME  STATE  REASON',
        'a     OPEN   the disk is full, and',
        '             nothing can be written',
        '             until there is some room',
      ].join('\n'),
    )
  })

  it('gives each row a block where columns cannot stand side by side', () => {
    const ranges = ['0…170141183460469231731687303715884105727', 'one two']
    expect(formatTable(['hash keys', 'note', 'more'], [[...ranges, 'x'.repeat(40)]], { columns: 44 })).toBe(
      [
        'HASH KEYS  0…1701411834604692317316873037158',
        '           84105727',
        'NOTE       one two',
        `MORE       ${'x'.repeat(33)}`,
        `           ${'x'.repeat(7)}`,
      ].join('\n'),
    )
  })

  it('never has a line that is wider than the screen, and loses nothing', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '-', ' ', '世', '👋'), maxLength: 140 })
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(rows, fc.integer({ min: 24, max: 130 }), (table, columns) => {
        const text = formatTable(headings, table, { columns })
        expect(widest(text)).toBeLessThanOrEqual(columns)
        const heads = 'NAMESTATEREASON'.repeat(isBlock(text) ? table.length : 1)
        expect(letters(text)).toBe(letters(heads + table.flat().join('')))
      }),
    )
  })
})

/** A block begins with a heading and its value, a table with all headings. */
const isBlock = (text: string) => !/^NAME.* STATE/.test(text)

describe('formatFields and hanging', () => {
  it('go on under the value', () => {
    expect(formatFields([['name', 'one two three']], { columns: 14 })).toBe('name  one two\n      three')
    expect(hanging('one two three', 4, 12)).toBe('one two\n    three')
    expect(hanging('one two three', 4, undefined)).toBe('one two three')
  })

  it('show control characters in a value', () => {
    expect(formatFields([['name', 'a\nb\u001b']], { columns: undefined })).toBe('name  a\\u000ab\\u001b')
  })
})
