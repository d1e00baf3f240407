// By what each question of the table of the dialect can be shared among processes; where it is, results are those of all rows at once.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PlanFault } from '../../../src/plan/plan-fault.ts'
import { plannerOfTests } from '../planner.ts'
import { shownRows } from '../../support/dialect/case.ts'
import { dialectCases } from '../../support/dialect/cases.ts'
import { CaseRun } from '../../support/dialect/runner.ts'
import { inParts, sharingOfCase, shownSharing, shuffledCase } from '../../support/dialect/shares.ts'
import { moreShares } from './more-shares.ts'

const planner = plannerOfTests()

/** By the name of the question: `partition key`, the keys of each stream, or what the fault says. */
const shares: Readonly<Record<string, string>> = {
  'TUMBLE gives rows their window': 'partition key',
  'HOP gives rows all of their windows': 'partition key',
  'sums of TUMBLE': 'not: Rows of a window are',
  'sums of HOP': 'not: Rows of a window are',
  'sums of CUMULATE': 'not: Rows of a window are',
  'GROUPING SETS': 'not: Rows of a window are',
  ROLLUP: 'not: Rows of a window are',
  CUBE: 'not: Rows of a window are',
  'windows of windows': 'not: Rows of a window are',
  'TUMBLE with an offset': 'not: Rows of a window are',
  'SESSION of each key': 'Bid: supplier_id',
  'the three best suppliers of each window': 'not: This looks',
  'the three dearest items of each window, of equal ones the earlier': 'not: This looks',
  'the last row of each window': 'not: This looks',
  'the first row of each supplier in each window': 'Bid: supplier_id',
  'distinct suppliers, and those over a sum': 'not: Rows of a window are',
  'a full join of windows': 'LeftTable: num; RightTable: num',
  'rows whose number is in the same window of the other stream': 'LeftTable: num; RightTable: num',
  'rows that have another in the same window': 'LeftTable: num; RightTable: num',
  'rows whose number is not in the same window': 'not: Rows are looked for ',
  'rows that have no other in the same window': 'LeftTable: num; RightTable: num',
  'a left join of counts by window': 'not: Rows of a window are',
  'orders that were shipped within four hours': 'Orders: id; Shipments: order_id',
  'orders with their shipments, if there are any within four hours': 'Orders: id; Shipments: order_id',
  'orders, payments and shipments together': 'Orders: id; Payments: order_id; Shipments: order_id',
  'orders that were not shipped within four hours': 'Orders: id; Shipments: order_id',
  'orders that were paid within an hour': 'Orders: id; Payments: order_id',
  'rows of two streams, one after the other': 'partition key',
  'windows of two streams together': 'not: Rows of a window are',
  'the sum of the last hour': 'Orders: product',
  'several values of the last hour': 'Orders: product',
  'the sum of a row and the two before it': 'Orders: product',
  'the difference to the row before': 'Orders: product',
  'the first row of a product in two hours': 'Orders: product',
  'values of the first and the last row of a range': 'Orders: product',
  'the mean of the counts of windows': 'not: Rows of a window are',
  'a continuous filter': 'partition key',
  'least, most and mean of the last minute, by key': 'SOURCE_SQL_STREAM_001: ticker',
  'the mean of the last two rows, by key': 'SOURCE_SQL_STREAM_001: ticker',
  'a tumbling window by arrival': 'SOURCE_SQL_STREAM_001: ticker',
  'a tumbling window by FLOOR': 'not: Rows of a window are',
  'a tumbling window by the time in the rows, beside that of arrival': 'not: Rows of a window are',
  'a stagger window of each key': 'SOURCE_SQL_STREAM_001: ticker',
  'the most frequent items': 'not: This looks',
  'how many items there are': 'not: Rows of a window are',
  'an alert for a change of price': 'SOURCE_SQL_STREAM_001: ticker',
  'an alert a minute at most': 'SOURCE_SQL_STREAM_001: ticker',
  'an alert in each minute that has a cause': 'SOURCE_SQL_STREAM_001: ticker',
  'rows that are unlike those before them': 'values: sensor',
  'a mean that weighs later values more': 'SOURCE_SQL_STREAM_001: ticker',
  'the spread of a window': 'not: Rows of a window are',
  'two kinds of records of one stream, each into its own': 'partition key',
  'trades of an order within a minute': 'SOURCE_SQL_STREAM_001: Oid',
  'a stream of the query alone between two pumps': 'SOURCE_SQL_STREAM_001: page',
  'parts of a line by a regular expression': 'partition key',
  'parts of a line of a web server': 'partition key',
  'fields between separators': 'partition key',
  'text in another shape': 'partition key',
  'views and visitors of each page': 'clicks: page',
  'visits, with the page that each begins and ends with': 'clicks: user_id',
  'names of a file by key, where there are any': 'partition key',
  'windows of what a file says of rows': 'not: Rows of a window are',
  'values that cannot be computed': 'partition key',
}

it('knows of each question of the dialect by what it can be shared', () => {
  expect(Object.keys(shares)).toEqual(dialectCases.map(({ name }) => name))
})

const all = [...dialectCases.map((one) => ({ one, share: shares[one.name]! })), ...moreShares]

it.each(all)('$one.name', async ({ one, share }) => {
  await using run = await CaseRun.open(planner(), one)
  const sharing = await sharingOfCase(planner(), one, run)
  expect(shownSharing(sharing)).toContain(share)
  if (sharing instanceof PlanFault) return
  await fc.assert(
    fc.asyncProperty(shuffledCase(one), fc.constantFrom(2, 3, 5), async (other, parts) => {
      await using again = await CaseRun.open(planner(), other)
      const [whole, shared] = [await again.atOnce(), await inParts(again, sharing, parts)]
      for (const [target, rows] of Object.entries(whole))
        expect(shownRows(shared[target]!)).toEqual(shownRows(rows))
    }),
    { numRuns: 6 },
  )
})
