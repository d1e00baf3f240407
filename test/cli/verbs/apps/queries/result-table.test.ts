// Results of a query as lines of a table that goes on.
import { expect, it } from 'vitest'
import { ResultTable } from '../../../../../cli/verbs/apps/queries/result-table.ts'

const columns = [
  { name: 'n', type: 'BIGINT' },
  { name: 'page', type: 'VARCHAR' },
]

it('the heading stands once above results of one stream, and values that are too wide move those behind them', () => {
  const table = new ResultTable([{ target: 'a', columns }], { columns: undefined })
  expect(table.lines('a', { n: 1, page: '/x' })).toBe('N             PAGE\n1             /x')
  expect(table.lines('a', { page: null, n: '12345678901234' })).toBe('12345678901234  –')
  expect(table.lines('a', { page: { x: '\u001b' } })).toBe('–             {"x":"\\u001b"}')
})

it('the heading stands again, below the name of the stream, where that is another one', () => {
  const table = new ResultTable(
    [
      { target: 'a', columns: [columns[0]!] },
      { target: 'b', columns: [columns[1]!] },
    ],
    { columns: undefined },
  )
  const lines = [table.lines('a', { n: 1 }), table.lines('a', { n: 2 }), table.lines('b', { page: '/' })]
  expect(lines).toEqual(['a:\nN\n1', '2', '\nb:\nPAGE\n/'])
})

it('lines are cut to the width of the screen', () => {
  const table = new ResultTable([{ target: 'a', columns }], { columns: 16 })
  expect(table.lines('a', { n: 1, page: '/long' })).toBe('N             P…\n1             /…')
})
