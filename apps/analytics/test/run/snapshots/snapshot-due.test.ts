// When a snapshot is taken: by the records that would be read again, and by the age of rows.
import { expect, it } from 'vitest'
import { isLong, mayExpire, RECORDS_MIN } from '../../../src/run/snapshots/snapshot-due.ts'

it('takes one where many records would be read again, and no fewer than half of the rows that it writes', () => {
  expect(isLong({ records: RECORDS_MIN - 1, held: 10 })).toBe(false)
  expect(isLong({ records: RECORDS_MIN, held: 10 })).toBe(true)
  expect(isLong({ records: RECORDS_MIN, held: 0 })).toBe(false)
  expect(isLong({ records: RECORDS_MIN, held: 4 * RECORDS_MIN })).toBe(false)
  expect(isLong({ records: 2 * RECORDS_MIN, held: 4 * RECORDS_MIN })).toBe(true)
})

it('takes one of rows that are half as old as they may become, and not one after the other', () => {
  const day = { retentionMs: 86_400_000, sinceLast: Infinity }
  expect(mayExpire({ ...day, age: 43_199_999 })).toBe(false)
  expect(mayExpire({ ...day, age: 43_200_000 })).toBe(true)
  expect(mayExpire({ ...day, age: 80_000_000, sinceLast: 599_999 })).toBe(false)
  expect(mayExpire({ ...day, age: 80_000_000, sinceLast: 600_000 })).toBe(true)
  const hour = { retentionMs: 3_600_000, age: 3_000_000 }
  expect(mayExpire({ ...hour, sinceLast: 224_999 })).toBe(false)
  expect(mayExpire({ ...hour, sinceLast: 225_000 })).toBe(true)
})
