// Records on their way to the parts of a query, and back.
import fc from 'fast-check'
import type { RecordInput, StreamRecord } from 'millrace'
import { shardIdOf } from 'millrace/protocol'
import { describe, expect, it } from 'vitest'
import { forwardedRecord, recordOf } from '../../../src/run/parts/origin.ts'
import { numberOf } from '../../../src/rows/index.ts'

const STREAM_ID = 7

/** A record as it is read again. */
function stored(
  { partitionKey, data, headers = {}, timestamp, explicitHashKey }: RecordInput,
  sequenceNumber: number,
): StreamRecord {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  return {
    shardId: shardIdOf(0),
    sequenceNumber,
    partitionKey,
    bytes,
    data: bytes,
    arrivalTime: new Date(99),
    timestamp: new Date(Number(timestamp)),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        typeof value === 'string' ? Buffer.from(value) : value,
      ]),
    ),
    explicitHashKey: explicitHashKey === undefined ? undefined : String(explicitHashKey),
  }
}

const header = fc.tuple(
  fc.oneof(
    fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
    fc.constantFrom('millrace-origin', 'millrace-mark', 'millrace-origin~', 'millrace-'),
  ),
  fc.uint8Array({ maxLength: 30 }),
)

const record = fc.record({
  shard: fc.nat({ max: 100_000 }),
  sequenceNumber: fc.maxSafeNat(),
  arrival: fc.nat(),
  partitionKey: fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }),
  bytes: fc.uint8Array({ maxLength: 60 }),
  headers: fc.array(header, { maxLength: 64 }),
  explicitHashKey: fc.option(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), { nil: undefined }),
  stream: fc.stringMatching(/^[a-z.]{1,128}$/),
})

describe('a forwarded record', () => {
  it('is as it was, with the place that it has now', () => {
    fc.assert(
      fc.property(record, fc.maxSafeNat(), (given, sequenceNumber) => {
        const { shard, arrival, partitionKey, bytes, explicitHashKey, stream } = given
        const origin: StreamRecord = {
          shardId: shardIdOf(shard),
          sequenceNumber: given.sequenceNumber,
          partitionKey,
          bytes,
          data: bytes,
          arrivalTime: new Date(arrival),
          timestamp: new Date(5),
          headers: Object.fromEntries(given.headers),
          explicitHashKey: explicitHashKey === undefined ? undefined : String(explicitHashKey),
        }
        const place = { stream, shard, partitionKey: 'key', streamId: STREAM_ID }
        const forwarded = forwardedRecord(origin, place)
        expect(forwarded.partitionKey).toBe('key')
        expect(Object.keys(forwarded.headers!).length).toBeLessThanOrEqual(64)
        const read = recordOf(stored(forwarded, sequenceNumber), { stream, streamId: STREAM_ID })!
        expect(read.stream).toBe(stream)
        expect(read.sequenceNumber).toBe(sequenceNumber)
        expect(numberOf(read)).toBe(origin.sequenceNumber)
        const fields = ['shardId', 'partitionKey', 'arrivalTime', 'timestamp', 'explicitHashKey'] as const
        for (const field of fields) expect([field, read[field]]).toEqual([field, origin[field]])
        expect(Buffer.from(read.bytes)).toEqual(Buffer.from(bytes))
        const shown = (headers: StreamRecord['headers']) =>
          Object.entries(headers)
            .map(([name, value]) => `${name} ${Buffer.from(value).toString('hex')}`)
            .toSorted()
        expect(shown(read.headers)).toEqual(shown(origin.headers))
      }),
    )
  })

  it('is none of a query for which another stream of the name was made', () => {
    const origin = stored({ partitionKey: 'ada', data: 'x', timestamp: 1 }, 3)
    const place = { stream: 'clicks', shard: 0, partitionKey: 'key', streamId: STREAM_ID }
    const read = stored(forwardedRecord(origin, place), 9)
    expect(recordOf(read, { stream: 'q.parts', streamId: STREAM_ID + 1 })).toBe(undefined)
    expect(recordOf(origin, { stream: 'q.parts', streamId: STREAM_ID })).toBe(undefined)
  })
})
