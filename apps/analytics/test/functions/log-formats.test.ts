// Columns, groups and formats of lines of logs.
import { expect, it } from 'vitest'
import { groupsIn, logColumns, patternOfFormat } from '../../src/functions/log-formats.ts'

it.each([
  ['2', [{ name: 'COLUMN1' }, { name: 'COLUMN2' }]],
  [
    'a, b',
    [
      { name: 'a', type: undefined },
      { name: 'b', type: undefined },
    ],
  ],
  [
    '"a" TYPE VARCHAR(10) NOT NULL, b TYPE DECIMAL(10, 2)',
    [
      { name: 'a', type: 'VARCHAR(10)' },
      { name: 'b', type: 'DECIMAL(10, 2)' },
    ],
  ],
  ['a TYPE INTEGER START 3 FOR 5', [{ name: 'a', type: 'INTEGER', start: 3, length: 5 }]],
  ['a START 3', [{ name: 'a', type: undefined, start: 3 }]],
  ['a TYPE INTEGER; b', undefined],
  ['', undefined],
])('reads the columns %s', (text, columns) => {
  expect(logColumns(text)).toEqual(columns)
})

it.each([
  [String.raw`(\w+) (\d+)`, 2],
  [String.raw`\((a)\) [(] (?:b) (?i)(?<name>c)(?P<other>d)`, 3],
  [String.raw`\[([^\]]*)\]`, 1],
  ['no groups', 0],
])('counts the groups of %s', (pattern, count) => {
  expect(groupsIn(pattern)).toBe(count)
})

it.each([
  [
    'COMMON',
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
    ['127.0.0.1', '-', 'frank', '10/Oct/2000:13:55:36 -0700', 'GET /apache_pb.gif HTTP/1.0', '200', '2326'],
  ],
  [
    'NCSA EXTENDED',
    '127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 - "http://www.example.com/start.html" "Mozilla/4.08 [en]"',
    [
      '127.0.0.1',
      '-',
      '-',
      '10/Oct/2000:13:55:36 -0700',
      'GET / HTTP/1.0',
      '200',
      '-',
      'http://www.example.com/start.html',
      'Mozilla/4.08 [en]',
    ],
  ],
  ['REFERER', 'http://a.example/ ---> /index.html', ['http://a.example/', '/index.html']],
  ['%D (%U) %{X-Id}i', '15 (/a) b c', ['15', '/a', 'b c']],
])('reads lines of the format %s', (format, line, parts) => {
  expect(new RegExp(patternOfFormat(format)).exec(line)?.slice(1)).toEqual(parts)
})
