// Counts in messages: the noun fits the number.
import { expect, it } from 'vitest'
import { countOf, nounFor } from '../../../protocol/text/count-text.ts'

it('countOf: is singular for 1 alone', () => {
  expect([0, 1, 2, 1000].map((count) => countOf(count, 'record'))).toEqual([
    '0 records',
    '1 record',
    '2 records',
    '1000 records',
  ])
  expect([1, 2].map((count) => countOf(count, 'batch', 'batches'))).toEqual(['1 batch', '2 batches'])
  expect([1, 2].map((count) => nounFor(count, 'is', 'are'))).toEqual(['is', 'are'])
})
