// Expressions at creation: what is no expression is refused in jq's words, with its place.
import { describe, expect, it } from 'vitest'
import { QUERIES_MAX, queriesRefusal } from '../../src/partitioning/check-queries.ts'

describe('queriesRefusal', () => {
  it('takes expressions of jq, and evaluates none of them', async () => {
    for (const query of [
      '.a',
      '.a | ascii_downcase',
      '.["x"]',
      'if .a then 1 else 2 end',
      '.a # why',
      '[recurse(.)]',
      'def f: f; f',
      'error("x")',
    ]) {
      expect(await queriesRefusal({ k: query })).toBeUndefined()
    }
  })

  it.each([
    ['.a |', 'unexpected end of file', 'column 4'],
    ['foo(1)', 'foo/1 is not defined', 'line 1'],
    ['.a |\n .b )', 'unexpected INVALID_CHARACTER', 'line 2, column 5'],
    ['.a) | (.b', 'unexpected INVALID_CHARACTER', 'line 1, column 3'],
    ['import "a" as a; .', 'module not found', ''],
    ['$x', '$x is not defined', 'line 1'],
    ['.a[', 'unexpected end of file', 'line 1'],
  ])('refuses %s with what jq says of it and where', async (query, message, place) => {
    const refusal = await queriesRefusal({ fine: '.a', k: query })
    expect(refusal).toContain('The expression k is refused by jq: ')
    expect(refusal).toContain(message)
    expect(refusal).toContain(place)
  })

  it('refuses names, sizes and numbers that no delivery has', async () => {
    expect(await queriesRefusal({ 'a b': '.a' })).toContain('"a b"')
    expect(await queriesRefusal({ k: '  ' })).toContain('is empty')
    expect(await queriesRefusal({ k: '.a'.repeat(5000) })).toContain('10000 characters')
    expect(await queriesRefusal({ k: '.a\0' })).toContain('NUL')
    const many = Object.fromEntries(Array.from({ length: QUERIES_MAX + 1 }, (_, n) => [`k${n}`, '.a']))
    expect(await queriesRefusal(many)).toContain(`${QUERIES_MAX + 1} expressions`)
  })
})
