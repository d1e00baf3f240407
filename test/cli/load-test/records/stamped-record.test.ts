// The stamp in a load's records: what is written is read, and records of others are none.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { STAMP_BYTES, stampedRecord, stampOf } from '../../../../cli/load-test/records/stamped-record.ts'

const word = fc.nat(2 ** 32 - 1)
const stamps = fc.record({
  run: word,
  producer: word,
  key: word,
  number: word,
  intendedAt: fc.double({ min: 0, max: 1e12, noNaN: true }),
})

it('is read as it was written, in data of the size asked for that begins anywhere in its memory', () => {
  const filling = Uint8Array.from({ length: 100 }, (_, at) => at)
  fc.assert(
    fc.property(stamps, fc.integer({ min: STAMP_BYTES, max: 1000 }), (stamp, bytes) => {
      const data = stampedRecord(stamp, bytes, filling)
      expect(data).toHaveLength(bytes)
      const shifted = Buffer.concat([Buffer.from('x'), data]).subarray(1)
      expect(stampOf(shifted, stamp.run)).toEqual(stamp)
      expect(stampOf(data, (stamp.run + 1) % 2 ** 32)).toBeUndefined()
      expect(stampOf(data.subarray(0, STAMP_BYTES - 1), stamp.run)).toBeUndefined()
    }),
  )
})

it('the rest is the filling, again and again, and not the same in each record', () => {
  const filling = Uint8Array.from([1, 2, 3])
  const stamp = { run: 1, producer: 0, key: 0, intendedAt: 0 }
  const rest = (number: number) => [
    ...stampedRecord({ ...stamp, number }, STAMP_BYTES + 5, filling).subarray(STAMP_BYTES),
  ]
  expect(rest(3)).toEqual([1, 2, 3, 1, 2])
  expect(rest(1)).toEqual([2, 3, 1, 2, 3])
})
