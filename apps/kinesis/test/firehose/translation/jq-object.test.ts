// Queries of partition keys, taken apart into members. Pure.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jqMembers } from '../../../src/firehose/translation/jq-object.ts'

describe('jqMembers', () => {
  it.each<[string, Record<string, string>]>([
    ['{customer_id:.customer_id}', { customer_id: '.customer_id' }],
    [
      '{year:.event_timestamp|strftime("%Y"), month:.event_timestamp|strftime("%m")}',
      { year: '.event_timestamp|strftime("%Y")', month: '.event_timestamp|strftime("%m")' },
    ],
    ['{country}', { country: '.country' }],
    ['{"a b": .x["a,b"], c: .y[0:4]}', { 'a b': '.x["a,b"]', c: '.y[0:4]' }],
    ['{"a b"}', { 'a b': '."a b"' }],
    [
      '{k: (if .a then {x: 1, y: 2} else [1, 2] end | tostring)}',
      {
        k: '(if .a then {x: 1, y: 2} else [1, 2] end | tostring)',
      },
    ],
    [
      String.raw`{k: "a\"},\(.b["c,d"] | tostring),e", l: .f}`,
      {
        k: String.raw`"a\"},\(.b["c,d"] | tostring),e"`,
        l: '.f',
      },
    ],
    ['  {\n a : .a\n}\n', { a: '.a' }],
  ])('reads %s', (query, members) => {
    expect(jqMembers(query)).toEqual(members)
  })

  it.each([
    ['.country', /must be one jq object/],
    ['{a: .a} | .a', /must be one jq object/],
    ['{a: .a}, {b: .b}', /must be one jq object/],
    ['{}', /neither a name nor a text/],
    ['{a: .a,}', /neither a name nor a text/],
    ['{(.a): .b}', /neither a name nor a text/],
    ['{a: }', /no expression for the key a/],
    ['{a: .a, a: .b}', /has the key a twice/],
    ['{a: .b[}', /too many/],
    ['{a: "b}', /has no end/],
    [String.raw`{a: "\(.b}`, /too many|no end/],
  ])('refuses %s', (query, reason) => {
    expect(() => jqMembers(query)).toThrow(reason)
  })

  it('reads or refuses any text, and never fails otherwise', () => {
    const marks = fc.string({
      unit: fc.constantFrom('{', '}', '(', ')', '[', '"', '\\', ',', ':', 'a', '.', ' '),
    })
    fc.assert(
      fc.property(marks, (inner) => {
        try {
          expect(Object.keys(jqMembers(`{${inner}}`)).length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toMatchObject({ code: 'InvalidArgumentException' })
        }
      }),
    )
  })
})
