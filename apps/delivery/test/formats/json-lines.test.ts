// Lines of JSON: what is one line already is told from what must be changed, or refused, exactly as a look at all of its brackets says.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { objectsIn } from '../../src/deaggregation/json-objects.ts'
import { jsonLines, REFUSED } from '../../src/formats/parquet/json-lines.ts'

function linesOf(record: string, columns: readonly string[] = []): string {
  const pieces: Uint8Array[] = []
  const count = jsonLines(columns)(Buffer.from(record), pieces)
  const lines = Buffer.concat(pieces).toString()
  expect(lines.split('\n')).toHaveLength(count + 1)
  return lines
}

it.each([
  ['an object', '{"a":{"b":[1,{}]}}', '{"a":{"b":[1,{}]}}\n'],
  ['an object with its line end', '{"a":1}\n', '{"a":1}\n'],
  ['an object between blanks', ' {"a":1} ', '{"a":1}\n'],
  ['two objects', '{"a":1}{"a":2}', '{"a":1}\n{"a":2}\n'],
  ['line breaks between tokens', '{\r\n"a":\n1}', '{  "a": 1}\n'],
  [
    'brackets and quotes in strings',
    String.raw`{"a":"}]\"{","\\":"["}`,
    String.raw`{"a":"}]\"{","\\":"["}` + '\n',
  ],
  ['a column in another case', '{"Id":1,"x":{"ID":2}}', '{"id":1,"x":{"ID":2}}\n'],
  ['forty arrays', `{"a":${'['.repeat(40)}${']'.repeat(40)}}`, `{"a":${'['.repeat(40)}${']'.repeat(40)}}\n`],
])('jsonLines: %s', (_, record, lines) => {
  expect(linesOf(record, ['id'])).toBe(lines)
})

it.each([
  '',
  'x',
  '[1]',
  '{"a":[}',
  '{"a":[1}]',
  '{"a":"\\\n"}',
  '{"a":"x\ny"}',
  '{"a":1',
  '{"a":"',
  '{"a":1}}',
  '{"a":1}x',
])('jsonLines: refuses %j, and keeps it as it was', (record) => {
  const lines = linesOf(record)
  expect(lines.charCodeAt(0)).toBe(REFUSED)
  expect(Buffer.from(lines.slice(1), 'base64').toString()).toBe(record)
})

it('jsonLines: gives a line for each object that stands in a record, and refuses what holds anything else', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ',',
    ':',
    '\n',
    '\r',
    ' ',
    'a',
    '{"a":1}',
    '"a":',
    '[]',
  )
  const record = fc.array(token, { maxLength: 12 }).map((tokens) => `{${tokens.join('')}}`)
  fc.assert(
    fc.property(record, (text) => {
      const { objects, fault } = objectsIn(Buffer.from(text))
      const lines = linesOf(text)
      if (fault !== undefined) expect(lines.charCodeAt(0)).toBe(REFUSED)
      else expect(lines.split('\n')).toHaveLength(objects.length + 1)
    }),
    { numRuns: 2000 },
  )
})
