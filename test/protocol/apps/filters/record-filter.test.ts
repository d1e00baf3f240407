// Filters: each operator against values that match and values that do not, data that is JSON and data that is none, and what is refused at
// creation, with its place.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExactJson, WrittenNumber } from '../../../../protocol/apps/filters/exact-json.ts'
import { FilterFault } from '../../../../protocol/apps/filters/filter-fault.ts'
import { filterOperators } from '../../../../protocol/apps/filters/operators.ts'
import { compileFilters } from '../../../../protocol/apps/filters/record-filter.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function passes(
  pattern: string | readonly string[],
  data: string | Uint8Array,
  partitionKey = 'key',
): boolean {
  const patterns = typeof pattern === 'string' ? [pattern] : pattern
  return compileFilters(patterns)!({ partitionKey, data: typeof data === 'string' ? bytesOf(data) : data })
}

/** A pattern of the field `f`, and the data in which it has a value, both as JSON texts. */
const onField = (values: string, value: string): boolean =>
  passes(`{"data":{"f":${values}}}`, `{"f":${value}}`)

/** The values of a field → values in data that match, and values that do not. */
const table: readonly [values: string, matching: readonly string[], others: readonly string[]][] = [
  ['["a"]', ['"a"', '["b","a"]'], ['"A"', '"ab"', '1', 'null', '""', '{"f":"a"}', '[]']],
  ['[""]', ['""'], ['"a"', 'null', '0']],
  ['[null]', ['null', '[null]'], ['""', '0', 'false', '"null"']],
  ['[true]', ['true'], ['"true"', '1', 'false']],
  ['["a","b",3]', ['"a"', '"b"', '3'], ['"c"', '"3"', '4']],
  ['[300]', ['300', '[1,300]'], ['300.0', '3e2', '3.0e2', '"300"', '301']],
  ['[3.0e2]', ['3.0e2'], ['300', '300.0']],
  ['[{"prefix":"us-"}]', ['"us-"', '"us-east-1"', '["eu","us-x"]'], ['"us"', '"US-east"', '1', 'null']],
  ['[{"prefix":{"equals-ignore-case":"US-"}}]', ['"us-east"', '"Us-x"'], ['"eu-us-"', '1']],
  ['[{"suffix":".png"}]', ['".png"', '"a.png"'], ['"png"', '"a.png "', '"a.PNG"', '7']],
  ['[{"suffix":{"equals-ignore-case":".PNG"}}]', ['"a.png"'], ['"a.png.txt"']],
  ['[{"equals-ignore-case":"aLice"}]', ['"alice"', '"ALICE"'], ['"alices"', '1', 'null']],
  ['[{"equals-ignore-case":""}]', ['""'], ['"a"', 'null']],
  ['[{"anything-but":["rain","snow"]}]', ['"sun"', '1', 'null', 'true'], ['"rain"', '"snow"']],
  ['[{"anything-but":"rain"}]', ['"sun"'], ['"rain"']],
  ['[{"anything-but":[100]}]', ['99', '"100"'], ['100', '100.0', '1e2']],
  ['[{"anything-but":{"prefix":"in"}}]', ['"out"', '1'], ['"in"', '"init"']],
  ['[{"anything-but":{"prefix":["in","un"]}}]', ['"out"'], ['"init"', '"undo"']],
  ['[{"anything-but":{"suffix":".txt"}}]', ['"a.png"'], ['"a.txt"']],
  ['[{"anything-but":{"equals-ignore-case":["A","b"]}}]', ['"c"'], ['"a"', '"B"']],
  ['[{"numeric":["=",100]}]', ['100', '100.0', '1e2', '[1,100]'], ['"100"', '99', 'null']],
  ['[{"numeric":[">",10,"<=",20]}]', ['10.5', '20', '11'], ['10', '20.1', '-11', '"15"']],
  ['[{"numeric":[">=",10]}]', ['10', '1e5'], ['9.99']],
  ['[{"numeric":["<",-1.5]}]', ['-2'], ['-1.5', '0']],
  ['[{"numeric":[">=",-5e9,"<=",5000000000]}]', ['0', '5e9'], ['5000000001']],
  ['[{"exists":true}]', ['1', 'null', '""', '[1]', 'false'], ['{"g":1}', '[]', '{}', '[{"g":1}]']],
  ['[{"exists":false}]', ['{"g":1}', '[]'], ['1', 'null', '""']],
  ['[{"prefix":"a"},{"numeric":[">",5]},null]', ['"ab"', '6', 'null'], ['"b"', '5', 'true']],
]

describe('each operator matches as documented', () => {
  it.each(table)('%s', (values, matching, others) => {
    expect(matching.filter((value) => !onField(values, value))).toEqual([])
    expect(others.filter((value) => onField(values, value))).toEqual([])
  })

  it('the example of each operator of the table is a pattern', () => {
    for (const { example } of Object.values(filterOperators)) {
      expect(() => compileFilters([`{"data":${example}}`])).not.toThrow()
    }
  })

  it('a field that is not there matches exists: false alone', () => {
    const absent = (values: string): boolean => passes(`{"data":{"f":${values}}}`, '{"g":1}')
    expect(absent('[{"exists":false}]')).toBe(true)
    expect(absent('["a",{"exists":false}]')).toBe(true)
    for (const values of ['[null]', '[""]', '[{"exists":true}]', '[{"anything-but":["a"]}]', '["a"]']) {
      expect(absent(values)).toBe(false)
    }
  })

  it('so is a field whose object is not there, or is none', () => {
    const data = ['{}', '{"a":1}', '{"a":null}', '{"a":[]}', '{"a":[1]}', '{"a":{}}', '{"a":{"c":1}}']
    for (const text of data) {
      expect(passes('{"data":{"a":{"b":[{"exists":false}]}}}', text)).toBe(true)
      expect(passes('{"data":{"a":{"b":{"c":[{"exists":false}]}}}}', text)).toBe(true)
      expect(passes('{"data":{"a":{"b":[{"exists":true}]}}}', text)).toBe(false)
      expect(passes('{"data":{"a":{"b":[{"exists":false}],"d":[1]}}}', text)).toBe(false)
    }
    expect(passes('{"data":{"a":{"b":[{"exists":false}]}}}', '{"a":{"b":1}}')).toBe(false)
    expect(passes('{"data":{"a":{"b":[{"exists":false}]}}}', '{"a":[{"b":1}]}')).toBe(false)
    expect(passes('{"data":{"a":{"b":[{"exists":false}]}}}', '[]')).toBe(false)
  })

  it('members of an object are no fields of data', () => {
    expect(passes('{"data":{"constructor":[{"exists":true}]}}', '{"a":1}')).toBe(false)
    expect(passes('{"data":{"__proto__":[{"exists":true}]}}', '{"__proto__":1}')).toBe(true)
  })
})

describe('fields', () => {
  it('all must match; filters are alternatives; $or is one of several patterns beside other fields', () => {
    const both = '{"data":{"a":[1],"b":{"c":["x"]}}}'
    expect(passes(both, '{"a":1,"b":{"c":"x"},"d":0}')).toBe(true)
    expect(passes(both, '{"a":1,"b":{"c":"y"}}')).toBe(false)
    expect(passes(both, '{"a":1}')).toBe(false)
    expect(passes(['{"data":{"a":[1]}}', '{"data":{"a":[2]}}'], '{"a":2}')).toBe(true)
    const or = '{"data":{"k":["v"],"$or":[{"a":[1]},{"b":[{"exists":true}]}]}}'
    expect(passes(or, '{"k":"v","a":1}')).toBe(true)
    expect(passes(or, '{"k":"v","b":0}')).toBe(true)
    expect(passes(or, '{"k":"v","a":2}')).toBe(false)
    expect(passes(or, '{"a":1}')).toBe(false)
  })

  it('of an array of objects, one must have all the fields', () => {
    const pattern = '{"data":{"items":{"a":[1],"b":[2]}}}'
    expect(passes(pattern, '{"items":[{"a":0},{"a":1,"b":2}]}')).toBe(true)
    expect(passes(pattern, '{"items":[{"a":1},{"b":2}]}')).toBe(false)
  })

  it('of a field that is given twice the last one counts', () => {
    expect(passes('{"data":{"a":[1],"a":[2]}}', '{"a":2}')).toBe(true)
    expect(passes('{"data":{"a":[1],"a":[2]}}', '{"a":1}')).toBe(false)
  })
})

describe('data and patterns', () => {
  const ofData = '{"data":{"a":[1]}}'
  const ofKey = '{"partitionKey":["key"]}'

  it.each<[string, string | Uint8Array]>([
    ['a text', 'hello'],
    ['bytes that are no UTF-8', Uint8Array.of(0xff, 0xfe)],
    ['nothing', ''],
    ['JSON that is no object', '[{"a":1}]'],
    ['a number', '1'],
    ['null', 'null'],
    ['half of an object', '{"a":1'],
  ])('%s does not pass a pattern of data, and passes one of the key', (_, data) => {
    expect(passes(ofData, data)).toBe(false)
    expect(passes(ofKey, data)).toBe(true)
    expect(passes(ofKey, data, 'other')).toBe(false)
    expect(passes([ofData, ofKey], data)).toBe(true)
  })

  it('a pattern of both asks for both', () => {
    const both = '{"partitionKey":[{"prefix":"k"}],"data":{"a":[1]}}'
    expect(passes(both, '{"a":1}')).toBe(true)
    expect(passes(both, '{"a":1}', 'x')).toBe(false)
    expect(passes(both, '{"a":2}')).toBe(false)
  })

  it('data that lies very deep is read without harm', () => {
    const deep = '{"a":'.repeat(5000) + '1' + '}'.repeat(5000)
    expect(passes('{"data":{"a":[300]}}', deep)).toBe(false)
    expect(passes('{"data":{"a":{"a":[{"exists":false}]}}}', deep)).toBe(true)
  })

  it('no filters: no test', () => {
    expect(compileFilters([])).toBeUndefined()
  })
})

describe('a pattern that cannot be used is refused with its place', () => {
  it.each<[place: string, pattern: string]>([
    ['', 'hello'],
    ['', '{"data":{"a":[1]}'],
    ['', '{"data":{"a":[01]}}'],
    ['', '[1]'],
    ['', '{}'],
    ['', `{"data":{"a":["${'x'.repeat(4096)}"]}}`],
    ['data', '{"data":["text"]}'],
    ['data', '{"data":"text"}'],
    ['data', '{"data":{}}'],
    ['data.a', '{"data":{"a":"x"}}'],
    ['data.a', '{"data":{"a":[]}}'],
    ['data.a.b', '{"data":{"a":{"b":1}}}'],
    ['data.a[1]', '{"data":{"a":[1,[2]]}}'],
    ['data.a[0]', '{"data":{"a":[{"prefix":"a","suffix":"b"}]}}'],
    ['data.a[0]', '{"data":{"a":[{"wildcard":"a*"}]}}'],
    ['data.a[0].prefix', '{"data":{"a":[{"prefix":1}]}}'],
    ['data.a[0].exists', '{"data":{"a":[{"exists":"yes"}]}}'],
    ['data.a[0].numeric', '{"data":{"a":[{"numeric":[">"]}]}}'],
    ['data.a[0].numeric[0]', '{"data":{"a":[{"numeric":["!",1]}]}}'],
    ['data.a[0].numeric[1]', '{"data":{"a":[{"numeric":[">","1"]}]}}'],
    ['data.a[0].numeric', '{"data":{"a":[{"numeric":[">",1,">=",2]}]}}'],
    ['data.a[0].numeric[1]', '{"data":{"a":[{"numeric":["<",5000000001]}]}}'],
    [
      'data.a[0].anything-but.equals-ignore-case',
      '{"data":{"a":[{"anything-but":{"equals-ignore-case":1}}]}}',
    ],
    ['data.a[0].prefix.equals-ignore-case', '{"data":{"a":[{"prefix":{"equals-ignore-case":""}}]}}'],
    ['data.a[0].anything-but', '{"data":{"a":[{"anything-but":[]}]}}'],
    ['data.a[0].anything-but[1]', '{"data":{"a":[{"anything-but":["a",null]}]}}'],
    ['data.$or', '{"data":{"$or":[{"a":[1]}]}}'],
    ['data.$or[1].b', '{"data":{"$or":[{"a":[1]},{"b":2}]}}'],
    ['partitionKey', '{"partitionKey":"key"}'],
    ['sequenceNumber', '{"sequenceNumber":["1"]}'],
  ])('%s: %s', (place, pattern) => {
    const fault = (): unknown => compileFilters([pattern])
    expect(fault).toThrow(FilterFault)
    expect(fault).toThrow(expect.objectContaining({ place }))
  })

  it('fields lie in each other only so deep', () => {
    const nested = (depth: number): string => `{"data":${'{"a":'.repeat(depth)}[1]${'}'.repeat(depth)}}`
    expect(() => compileFilters([nested(64)])).not.toThrow()
    expect(() => compileFilters([nested(65)])).toThrow(FilterFault)
  })
})

describe('JSON as it was written', () => {
  const plain = (value: unknown): unknown => {
    if (value instanceof WrittenNumber) return Number(value.text)
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
  }

  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(plain(parseExactJson(text))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('is refused where JSON.parse refuses it', () => {
    const json = fc.oneof(fc.json(), fc.string())
    const broken = fc
      .tuple(json, fc.nat(), fc.constantFrom('', '"', '{', '}', ',', '0', '\\', ' '))
      .map(([text, at, mark]) => {
        const place = text.length === 0 ? 0 : at % text.length
        return text.slice(0, place) + mark + text.slice(place + 1)
      })
    const isRead = (read: (text: string) => unknown, text: string): boolean => {
      try {
        read(text)
        return true
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(broken, (text) => {
        expect(isRead(parseExactJson, text)).toBe(isRead(JSON.parse, text))
      }),
    )
  })
})

it('data that is nested without end matches nothing, and ends nothing', () => {
  const deep = `{"f":${'['.repeat(200_000)}1${']'.repeat(200_000)}}`
  expect(passes('{"data":{"f":[1]}}', deep)).toBe(false)
  expect(passes('{"data":{"f":["a"]}}', deep)).toBe(false)
  expect(passes('{"data":{"f":[{"exists":true}]}}', deep)).toBe(false)
  expect(passes('{"data":{"f":[1]}}', '{"f":[[[1]]]}')).toBe(true)
})
