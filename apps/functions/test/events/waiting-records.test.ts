// What a record holds while it waits for its call.
import { expect, it } from 'vitest'
import { detached, waitingRecords } from '../../src/events/waiting-records.ts'
import type { PackableRecord } from '../../src/events/kinesis-batch.ts'

/** A record with the bytes of a batch from one place on. */
function recordIn(batch: Uint8Array, from: number, bytes: number): PackableRecord {
  batch.fill(from % 251, from, from + bytes)
  return {
    sequenceNumber: from,
    partitionKey: `key ${from}`,
    bytes: batch.subarray(from, from + bytes),
    arrivalTime: new Date(from),
  }
}

it('few records of large batches get bytes of their own, and are the same otherwise', () => {
  const batches = [new Uint8Array(100_000), new Uint8Array(100_000)]
  const records = batches.map((batch) => recordIn(batch, 500, 20))
  const waiting = waitingRecords(records)
  expect(waiting).toEqual(records)
  for (const { bytes } of waiting) expect(bytes.buffer.byteLength).toBe(20)
})

it('records that are most of their batches stay views of them', () => {
  const batch = new Uint8Array(100_000)
  const records = Array.from({ length: 100 }, (_, i) => recordIn(batch, i * 1000, 900))
  expect(waitingRecords(records)).toBe(records)
  expect(waitingRecords([])).toEqual([])
})

it('a detached record does not change with its batch', () => {
  const batch = new Uint8Array(1000)
  const record = detached(recordIn(batch, 100, 3))
  batch.fill(0)
  expect(record.bytes).toEqual(Uint8Array.of(100, 100, 100))
})
