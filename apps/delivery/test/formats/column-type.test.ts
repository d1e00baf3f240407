// Types of columns: what is taken and how it is written, and that nothing else gets into a statement.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnType } from '../../src/formats/parquet/column-type.ts'
import { checkedColumns, COLUMNS_MAX } from '../../src/formats/parquet/schema.ts'

describe('columnType', () => {
  it.each([
    ['bigint', 'BIGINT', true],
    [' Int ', 'INTEGER', true],
    ['string', 'VARCHAR', true],
    ['varchar(20)', 'VARCHAR', true],
    ['DECIMAL', 'DECIMAL(18,3)', true],
    ['decimal(10)', 'DECIMAL(10,0)', true],
    ['numeric( 38 , 38 )', 'DECIMAL(38,38)', true],
    ['timestamp with time zone', 'TIMESTAMPTZ', true],
    ['TIMESTAMP[]', 'TIMESTAMP[]', true],
    ['int[][3]', 'INTEGER[][3]', true],
    ['struct(a int, "b ""c" text[])', 'STRUCT("a" INTEGER, "b ""c" VARCHAR[])', false],
    ['MAP(VARCHAR, STRUCT(x DOUBLE))[]', 'MAP(VARCHAR, STRUCT("x" DOUBLE))[]', false],
  ])('%s is %s', (text, sql, isPlain) => {
    expect(columnType(text)).toEqual({ sql, isPlain })
    expect(columnType(sql).sql).toBe(sql)
  })

  it.each([
    ['', 'a type is expected (character 1 of "")'],
    ['BIGNT', 'BIGNT is no type of a column (character 1'],
    ['INTEGER)', 'the type has ended (character 8'],
    ["INTEGER'}) ; DROP TABLE x", 'the type has ended (character 8'],
    ['STRUCT(a)', 'a type is expected (character 9'],
    ['STRUCT(', 'the name of a field is expected'],
    ['STRUCT(a INT', '")" is expected'],
    ['MAP(VARCHAR)', '"," is expected'],
    ['DECIMAL(39)', 'a DECIMAL has 1 to 38 digits'],
    ['DECIMAL(3,4)', 'a DECIMAL has 1 to 38 digits'],
    ['STRUCT(a '.repeat(22) + 'INT', 'types are nested deeper than 20'],
    ['ENUM(1)', 'ENUM is no type'],
  ])('refuses %s, and says where', (text, message) => {
    expect(() => columnType(text)).toThrow(message)
  })

  it('writes nothing but words, quoted names and brackets, whatever it is given', () => {
    const mark = fc.constantFrom(
      'STRUCT',
      'MAP',
      'INT',
      '(',
      ')',
      ',',
      '"',
      "'",
      ' ',
      ';',
      '--',
      'a',
      '[]',
      '""',
      'VARCHAR',
    )
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 14 }), (marks) => {
        let sql: string
        try {
          ;({ sql } = columnType(marks.join('')))
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          return
        }
        expect(sql.replaceAll(/"(?:[^"]|"")+"/g, 'name')).toMatch(/^[\w(), [\]]+$/)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('checkedColumns', () => {
  const column = (name: string, type = 'INT') => ({ name, type })

  it('refuses names that are none, and names that differ by their case alone', () => {
    expect(() => checkedColumns([])).toThrow('There are 0 columns')
    expect(() => checkedColumns(Array.from({ length: COLUMNS_MAX + 1 }, (_, n) => column(`c${n}`)))).toThrow(
      `${COLUMNS_MAX + 1} columns`,
    )
    expect(() => checkedColumns([column('')])).toThrow('no name of a column')
    expect(() => checkedColumns([column('a\nb')])).toThrow('no name of a column')
    expect(() => checkedColumns([column('a'), column('A')])).toThrow('The column "A" is there twice')
    expect(() => checkedColumns([column('a', 'NONE')])).toThrow(
      'The type of the column "a" is refused: NONE is no type of a column',
    )
  })
})
