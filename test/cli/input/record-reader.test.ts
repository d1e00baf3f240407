// Records from inputs: the key from the right place, the data as the bytes of its line, and a reason for what is neither.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordReaderOf, spreadingKeysOf } from '../../../cli/input/record-options.ts'
import { readLines, readNdjson } from '../../../cli/input/record-reader.ts'
import { limits } from '../../../protocol/limits.ts'
import { cutAt, readAll } from '../support/read-all.ts'

describe('readLines', () => {
  it('gives every line a key of its own, or puts all under one', async () => {
    const spread = readLines({ nextKey: spreadingKeysOf('run') })
    expect((await readAll(spread, 'a\nb')).records).toEqual([
      ['run-1', 'a'],
      ['run-2', 'b'],
    ])
    // The next file of the same run.
    expect((await readAll(spread, 'a')).records).toEqual([['run-3', 'a']])
    expect((await readAll(readLines({ nextKey: () => 'k' }), 'a\n\n')).records).toEqual([
      ['k', 'a'],
      ['k', ''],
    ])
  })

  it('counts the key, as the broker does', async () => {
    const reader = readLines({ nextKey: () => 'kk' })
    const fits = 'x'.repeat(limits.recordBytesMax - 2)
    expect((await readAll(reader, fits)).records).toHaveLength(1)
    expect((await readAll(reader, `${fits}x`)).invalid).toHaveLength(1)
  })

  it('names a line that is longer than a record may be, and goes on after it', async () => {
    const long = 'x'.repeat(limits.recordBytesMax + 1)
    const { records, invalid } = await readAll(
      readLines({ nextKey: spreadingKeysOf('run') }),
      `a\n${long}\nb`,
    )
    expect(records).toEqual([
      ['run-1', 'a'],
      ['run-2', 'b'],
    ])
    expect(invalid).toEqual([{ line: 2, reason: expect.stringMatching(/^longer than \d+ bytes/) as string }])
  })
})

describe('readNdjson', () => {
  const reader = readNdjson({ keyField: 'user' })

  it('takes the key from the field and leaves the line alone, spaces and all', async () => {
    const { records } = await readAll(reader, '{ "user" : "ada" }\r\n\n{"user":7}\n{"user":true}')
    expect(records).toEqual([
      ['ada', '{ "user" : "ada" }\r'],
      ['7', '{"user":7}'],
      ['true', '{"user":true}'],
    ])
  })

  it('follows dots into nested objects, unless a field is named so', async () => {
    const nested = readNdjson({ keyField: 'a.b' })
    const { records } = await readAll(nested, '{"a":{"b":"deep"}}\n{"a.b":"flat","a":{"b":"deep"}}')
    expect(records.map(([key]) => key)).toEqual(['deep', 'flat'])
  })

  it.each([
    ['9007199254740993', '9007199254740993'],
    ['9007199254740992', '9007199254740992'],
    ['1234567890123456789', '1234567890123456789'],
    ['1e400', '1e400'],
    ['-0', '-0'],
    ['1', '1'],
    ['1.0', '1.0'],
    ['10E-1', '10E-1'],
    ['0.30000000000000004440892098500626', '0.30000000000000004440892098500626'],
    ['"9007199254740993"', '9007199254740993'],
    ['"a\\u00e9\\n\\"b"', 'a\u00e9\n"b'],
  ])('takes %s as it is written', async (written, key) => {
    const nested = readNdjson({ keyField: 'a.b' })
    const lines = `{"user":${written}}\n{"x":[1,{"user":2}],"user" : ${written} ,"y":"\\\\"}\n`
    expect((await readAll(reader, lines)).records.map(([found]) => Buffer.from(found).toString())).toEqual([
      key,
      key,
    ])
    expect((await readAll(nested, `{"a":{"c":[],"b":${written}}}`)).records[0]![0]).toBe(key)
  })

  it.each([
    ['{"user":1,"user":2}', 'field user stands twice in one object'],
    ['{"user":1,"us\\u0065r":1}', 'field user stands twice in one object'],
    ['{"__proto__":{"user":"x"}}', 'no field user'],
    ['{"user":"\\ud800"}', 'field user holds half of a surrogate pair, which UTF-8 has no bytes for'],
    ['\ufeff{"user":1}', 'a byte order mark stands before the JSON value'],
    ['{"user":"a\0"}', 'not a JSON value: it holds NUL bytes, as UTF-16 does'],
    ['{"user":01}', 'not a JSON value'],
    ['{"user":1}{"user":2}', 'not a JSON value'],
    [`{"user":${'9'.repeat(257)}}`, 'field user is longer than 256 characters'],
  ])('refuses %j', async (line, reason) => {
    expect(await readAll(reader, line)).toEqual({ records: [], invalid: [{ line: 1, reason }] })
  })

  it('refuses bytes that are not UTF-8, by their line', async () => {
    const { invalid } = await readAll(reader, '{"user":1}\n', Buffer.from('{"user":"\xe9"}', 'latin1'))
    expect(invalid).toEqual([{ line: 2, reason: 'not UTF-8 text' }])
  })

  it('reads fields that objects take for something else', async () => {
    const proto = readNdjson({ keyField: '__proto__' })
    expect((await readAll(proto, '{"__proto__":"own"}\n{"a":1}')).records).toEqual([
      ['own', '{"__proto__":"own"}'],
    ])
  })

  it('finds every string and every number that JSON.stringify writes, however the lines are cut', async () => {
    const entry = fc.record({
      other: fc.jsonValue(),
      user: fc.oneof(fc.integer(), fc.string({ minLength: 1, maxLength: 200 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(entry), fc.array(fc.nat()), async (entries, cuts) => {
        const bytes = Buffer.from(entries.map((value) => `${JSON.stringify(value)}\n`).join(''))
        const { records, invalid } = await readAll(reader, ...cutAt(bytes, cuts))
        expect(invalid).toEqual([])
        expect(records.map(([key]) => key)).toEqual(entries.map(({ user }) => String(user)))
      }),
    )
  })

  it('names the line and the reason of what is no record, and goes on', async () => {
    const lines = [
      '{',
      '[]',
      '{"other":1}',
      '{"user":""}',
      '{"user":{}}',
      '{"user":null}',
      '7',
      '{"user":"ok"}',
    ]
    const long = `{"user":"${'x'.repeat(257)}"}`
    const { records, invalid } = await readAll(reader, [...lines, long].join('\n'))
    expect(records.map(([key]) => key)).toEqual(['ok'])
    expect(invalid).toEqual([
      { line: 1, reason: 'not a JSON value' },
      { line: 2, reason: 'no field user' },
      { line: 3, reason: 'no field user' },
      { line: 4, reason: 'field user is empty' },
      { line: 5, reason: 'field user is not a string or a number' },
      { line: 6, reason: 'no field user' },
      { line: 7, reason: 'not a JSON object' },
      { line: 9, reason: 'field user is longer than 256 characters' },
    ])
  })
})

describe('recordReaderOf', () => {
  it('takes a tab by its name, as nobody can type one', async () => {
    const reader = recordReaderOf({ keyColumn: 'city', delimiter: '\\t' }, () => 'k')
    expect((await readAll(reader, 'city\tn\nRome\t1\n')).records).toEqual([['Rome', 'Rome\t1']])
  })

  it.each(['', ';;', '"', '\n', '¦'])('refuses %j as a delimiter', (delimiter) => {
    expect(() => recordReaderOf({ keyColumn: 'city', delimiter }, () => 'k')).toThrow('--delimiter')
  })
})
