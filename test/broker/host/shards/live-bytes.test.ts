// Which part of a span of records counts as readable.
import { expect, it } from 'vitest'
import { liveBytesOf } from '../../../../broker/host/shards/live-bytes.ts'

it('liveBytesOf: counts a part of a span for a horizon within it, and never 0 while a record is wanted', () => {
  const span = { slot: 1, first: 100, next: 200, firstArrival: 0, lastArrival: 1, bytes: 1000 }
  expect([0, 100, 150, 199, 200, 900].map((horizon) => liveBytesOf(span, horizon))).toEqual([
    1000, 1000, 500, 10, 0, 0,
  ])
  expect(liveBytesOf({ ...span, bytes: 3 }, 199)).toBe(1)
})
