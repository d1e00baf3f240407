// The fixed header of a batch: what it says, what is refused, and that no damage to it or to the body goes unseen.
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  arrivalTimeAt,
  baseSequenceNumberAt,
  BATCH_HEADER_BYTES,
  BATCH_VERSION,
  batchLengthAt,
  batchOffsets,
  batchWithin,
  checkBatch,
  checkBatchHeader,
  checkStoredBatch,
  firstProducerSequenceAt,
  producerEpochAt,
  producerIdAt,
  readBatchHeader,
  recordCountAt,
  sampledKeysOf,
  stampBatch,
} from '../../../protocol/batch/batch.ts'
import { batchFieldRows } from '../../../protocol/batch/batch-fields.ts'
import { renewBatch } from '../../../protocol/batch/batch-builder.ts'
import { compareHashKeys, hashKeyFromBigInt, hashKeyToBigInt } from '../../../protocol/shards/hash-key.ts'
import { limits } from '../../../protocol/limits.ts'
import { uint } from '../arbitraries.ts'
import { anyRecord, batchOf, hashKeyOf, record, storedBatchOf } from '../batches.ts'

const SAFE = Number.MAX_SAFE_INTEGER

/** A copy with one 32-bit field changed and, so that only the structure can be at fault, its checksum made right. */
function withField(batch: Uint8Array, at: number, value: number, width: 8 | 16 | 32 = 32): Buffer {
  const changed = Buffer.from(batch)
  if (width === 8) changed.writeUInt8(value, at)
  else if (width === 16) changed.writeUInt16LE(value, at)
  else changed.writeUInt32LE(value, at)
  changed.writeUInt32LE(crc32(changed.subarray(36)), batchOffsets.bodyCrc)
  return changed
}

/** Compressed, they take enough for a whole sample of their keys. */
const manyRecords = Array.from({ length: 200 }, (_, i) => record(`user-${i}`, randomBytes(50)))

describe('BatchBuilder and readBatchHeader', () => {
  test('read back what the producer and the broker wrote, whole or field by field, anywhere in memory', () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { minLength: 1, maxLength: 20 }),
        fc.record({
          producerId: uint(SAFE),
          producerEpoch: uint(0xffff),
          firstProducerSequence: uint(SAFE - 100),
        }),
        uint(SAFE - 100),
        uint(SAFE),
        (records, identity, base, arrivalTime) => {
          const batch = batchOf(records, identity)
          expect(checkBatch(batch)).toBeUndefined()
          stampBatch(batch, base, arrivalTime)
          expect(checkStoredBatch(batch, base)).toBeUndefined()

          const keys = records.map(hashKeyOf).toSorted((a, b) => compareHashKeys(a, 0, b, 0))
          const at = 7
          const moved = Buffer.concat([Buffer.alloc(at, 0xee), batch])
          expect(readBatchHeader(moved, at)).toEqual({
            ...identity,
            batchLength: batch.length,
            baseSequenceNumber: base,
            arrivalTime,
            codec: 'none',
            isEncrypted: false,
            recordCount: records.length,
            recordBytes: batch.length - BATCH_HEADER_BYTES,
            lowestHashKey: keys[0],
            highestHashKey: keys.at(-1),
          })
          expect(batchLengthAt(moved, at)).toBe(batch.length)
          expect(baseSequenceNumberAt(moved, at)).toBe(base)
          expect(arrivalTimeAt(moved, at)).toBe(arrivalTime)
          expect(recordCountAt(moved, at)).toBe(records.length)
          expect(producerIdAt(moved, at)).toBe(identity.producerId)
          expect(producerEpochAt(moved, at)).toBe(identity.producerEpoch)
          expect(firstProducerSequenceAt(moved, at)).toBe(identity.firstProducerSequence)
        },
      ),
    )
  })

  test('a compressed batch has a key sample, unless all its keys are the same or the codec makes nothing smaller', () => {
    const keys = manyRecords.map((one) => String(hashKeyOf(one)))
    const told = sampledKeysOf(batchOf(manyRecords, { codec: 'gzip' }))
    expect(told).toHaveLength(limits.batchSampledKeysMax)
    for (const key of told) expect(keys).toContain(String(key))
    const few = [record('ada', Buffer.alloc(100)), record('bob', Buffer.alloc(100))]
    expect(sampledKeysOf(batchOf(few, { codec: 'gzip' }))).toHaveLength(1)
    const oneKey = manyRecords.map(({ data }) => record('ada', data))
    for (const batch of [
      batchOf(manyRecords),
      batchOf(oneKey, { codec: 'gzip' }),
      batchOf([record('a', 'x'), record('b', 'y')], { codec: 'gzip' }),
    ]) {
      expect(sampledKeysOf(batch)).toEqual([])
    }
  })

  test('stamping changes no byte under the body checksum', () => {
    const batch = batchOf([record('a', 'data')])
    const before = Buffer.from(batch)
    stampBatch(batch, 5, 6)
    const after = Buffer.from(batch)
    expect(after.subarray(36).equals(before.subarray(36))).toBe(true)
    expect(after.subarray(0, 16).equals(before.subarray(0, 16))).toBe(true)
    expect(checkBatch(batch)).toBeUndefined()
  })
})

describe('batchWithin', () => {
  test('tells whether every record belongs to the range', () => {
    const space = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })
    const near = fc.bigInt({ min: 0n, max: 5n })
    fc.assert(
      fc.property(
        fc.oneof(fc.tuple(space, space), fc.tuple(near, near)),
        fc.array(fc.oneof(space, near), { minLength: 1 }),
        (ends, keys) => {
          const [start, end] = ends[0] < ends[1] ? ends : [ends[1], ends[0]]
          const records = keys.map((key) => ({ ...record('k'), explicitHashKey: hashKeyFromBigInt(key) }))
          const within = batchWithin(batchOf(records), hashKeyFromBigInt(start), hashKeyFromBigInt(end))
          expect(within).toBe(
            records.every(({ explicitHashKey }) => {
              const key = hashKeyToBigInt(explicitHashKey)
              return start <= key && key <= end
            }),
          )
        },
      ),
    )
  })
})

describe('checks', () => {
  const stored = storedBatchOf(
    [record('user-1', 'first'), record('user-2', 'second')],
    1000,
    1_700_000_000_000,
  )

  test('flipping any bit of any byte of a stored batch is found', () => {
    const missed = [1, 2, 4, 8, 16, 32, 64, 128].flatMap((bit) =>
      [...stored.keys()].filter(
        (at) => checkStoredBatch(Uint8Array.from(stored).with(at, stored[at]! ^ bit)) === undefined,
      ),
    )
    expect(missed).toEqual([])
  })

  test('cutting or extending a stored batch anywhere is found', () => {
    for (let length = 0; length < stored.length; length++) {
      expect(checkStoredBatch(stored.subarray(0, length))).toBeDefined()
    }
    expect(checkStoredBatch(Buffer.concat([stored, Buffer.alloc(1)]))).toBeDefined()
  })

  test('a batch stored under another number than its own is found', () => {
    expect(checkStoredBatch(stored, 1000)).toBeUndefined()
    expect(checkStoredBatch(stored, 1001)).toBe(
      'The batch is stored under sequence number 1001 and says 1000.',
    )
  })

  test('a batch that was never stamped is not a stored one', () => {
    expect(checkStoredBatch(batchOf([record('a')]))).toBe(
      'The sequence number and arrival time do not match their checksum.',
    )
  })

  test('flipping any byte under the body checksum is found on append; damage to the body is corruptBatch', () => {
    const sent = batchOf([record('user-1', 'first')])
    const faultAt = (at: number) => checkBatch(Uint8Array.from(sent).with(at, sent[at]! ^ 1))
    const places = [...sent.keys()]
    // What the broker stamps over is not the producer's word.
    const { baseSequenceNumber, attributes } = batchOffsets
    const signed = places.filter((at) => at < baseSequenceNumber || at >= attributes)
    expect(signed.filter((at) => faultAt(at) === undefined)).toEqual([])
    const body = places.slice(BATCH_HEADER_BYTES)
    expect(new Set(body.map((at) => faultAt(at)?.code))).toEqual(new Set(['corruptBatch']))
  })

  const sent = batchOf([record('user-1', 'first')], { producerId: 1 })
  const sampled = batchOf(manyRecords, { codec: 'gzip' })
  test.each([
    ['another magic', withField(sent, 0, 0x12345678), /do not begin with MLR1/],
    ['a newer version', withField(sent, 4, 2, 8), /version 2; this broker knows 1/],
    ['a reserved byte', withField(sent, 5, 1, 8), /attribute that this version does not know/],
    ['a reserved word', withField(sent, 6, 1, 16), /attribute that this version does not know/],
    ['an unknown codec', withField(sent, 36, 3, 16), /attribute that this version does not know/],
    ['an unknown attribute', withField(sent, 36, 128, 16), /attribute that this version does not know/],
    ['a wrong length', withField(sent, 8, 1_000), /says it has 1000 bytes; it has/],
    ['no records', withField(sent, 40, 0), /says it has 0 records; it must have 1 to 65536/],
    ['too many records', withField(sent, 40, 65_537), /says it has 65537 records/],
    ['more records than fit', withField(sent, 40, 3), /3 records do not fit/],
    ['a wrong length of records', withField(sent, 44, 14), /says its records have 14 bytes; they have 24/],
    ['records beyond the limit', withField(sent, 44, 0xffff_ffff), /uncompressed; the limit is/],
    ['a producer id above 2^53', withField(sent, 52, 0xffff_ffff), /producer id must be below 2\^53/],
    [
      'a producer sequence above 2^53',
      withField(sent, 60, 0xffff_ffff),
      /producer sequence must stay below 2\^53/,
    ],
    [
      'hash key bounds the wrong way',
      withField(sent, 64, 0xffff_ffff),
      /lowest hash key is above its highest/,
    ],
    [
      'a sample of keys beside records in the open',
      withField(sent, 36, 1 << 3, 16),
      /a sample of its keys only where its records are compressed or encrypted/,
    ],
    ['too many sampled keys', withField(sent, 36, 1 | (5 << 3), 16), /sample of 5 keys; the limit is 4/],
    ['a sample cut off', withField(sent, 36, 1 | (4 << 3), 16), /sample of 4 keys does not fit/],
    ['a sampled key below its bounds', withField(sampled, 96, 0), /sample lies outside/],
    ['a sampled key above its bounds', withField(sampled, 96 + 16, 0xffff_ffff), /sample lies outside/],
    ['too few bytes', Buffer.from(sent.subarray(0, 95)), /at least 96 bytes; these are 95/],
  ])('a batch with %s is invalidBatch, with the reason', (_, batch, reason) => {
    expect(checkBatchHeader(batch)).toMatchObject({
      code: 'invalidBatch',
      message: expect.stringMatching(reason),
    })
    expect(checkBatch(batch)).toMatchObject({ code: 'invalidBatch' })
  })

  test('a batch above the limit is refused, though it is consistent', () => {
    const batch = Buffer.alloc(limits.batchBytesMax + 1)
    batch.set(sent.subarray(0, BATCH_HEADER_BYTES))
    batch.writeUInt32LE(batch.length, batchOffsets.batchLength)
    expect(checkBatchHeader(batch)?.message).toBe('The batch has 12582913 bytes; the limit is 12582912.')
  })
})

describe('renewBatch', () => {
  test('gives the same records another identity, and leaves the batch that it copies alone', () => {
    const identity = fc.record({
      producerId: fc.maxSafeNat(),
      producerEpoch: fc.nat(0xffff),
      firstProducerSequence: fc.maxSafeNat(),
    })
    fc.assert(
      fc.property(identity, identity, fc.constantFrom('none', 'gzip' as const), (before, after, codec) => {
        const records = [{ partitionKey: 'ada', data: Buffer.from('the same again, the same again') }]
        const batch = batchOf(records, { ...before, codec })
        const copy = Buffer.from(batch)
        const renewed = renewBatch(batch, after)
        expect(Buffer.compare(batch, copy)).toBe(0)
        expect(Buffer.compare(renewed, batchOf(records, { ...after, codec }))).toBe(0)
      }),
    )
  })
})

test('batchFields: the fields that the documentation lists cover the header, byte for byte', () => {
  const rows = batchFieldRows()
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(batchOffsets))
  expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(BATCH_HEADER_BYTES)
  const version = rows.find(({ name }) => name === 'version')!
  const batch = batchOf([record('a')])
  expect(batch[version.at]).toBe(BATCH_VERSION)
  expect(version.doc).toContain(String(BATCH_VERSION))
})
