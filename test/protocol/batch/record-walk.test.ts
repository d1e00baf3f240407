// The broker accepts at append exactly the batches that a reader accepts, by the same walk through their records. To show
// that the walk is strict enough, accepted records are written anew: the builder must produce the same bytes.
import { isUtf8 } from 'node:buffer'
import { crc32, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BATCH_HEADER_BYTES, batchOffsets, checkBatch, stampBatch } from '../../../protocol/batch/batch.ts'
import { hashKeyFromBigInt } from '../../../protocol/shards/hash-key.ts'
import { limits } from '../../../protocol/limits.ts'
import { readRecords, walkRecords } from '../../../protocol/batch/record.ts'
import { checkSentBatch } from '../../../protocol/batch/record-walk.ts'
import { utf8Length } from '../../../protocol/text/utf8.ts'
import { anyRecord, batchOf, record } from '../batches.ts'
import { refusalOf } from '../refusal.ts'

/** A batch with these bytes for records, under the header of another, signed and stamped: sound outside. */
function signed(header: Uint8Array, records: Uint8Array, count?: number): Buffer {
  const batch = Buffer.concat([header.subarray(0, BATCH_HEADER_BYTES), records])
  batch.writeUInt32LE(batch.length, batchOffsets.batchLength)
  batch.writeUInt32LE(records.length, batchOffsets.recordBytes)
  if (count !== undefined) batch.writeUInt32LE(count, batchOffsets.recordCount)
  batch.writeUInt32LE(crc32(batch.subarray(batchOffsets.attributes)), batchOffsets.bodyCrc)
  stampBatch(batch, 7, 7)
  return batch
}

/** The same batch as a producer would have sent it compressed. */
function compressed(batch: Uint8Array): Buffer {
  const records = batch.subarray(BATCH_HEADER_BYTES)
  const zipped = signed(batch, gzipSync(records))
  zipped.writeUInt16LE(1, batchOffsets.attributes)
  zipped.writeUInt32LE(records.length, batchOffsets.recordBytes)
  zipped.writeUInt32LE(crc32(zipped.subarray(batchOffsets.attributes)), batchOffsets.bodyCrc)
  stampBatch(zipped, 7, 7)
  return zipped
}

const recordsOf = (batch: Uint8Array): Buffer => Buffer.from(batch.subarray(BATCH_HEADER_BYTES))

interface Change {
  readonly place: number
  readonly kind: 'set' | 'flip' | 'insert' | 'remove' | 'repeat'
  readonly byte: number
}

const changes = fc.array(
  fc.record<Change>({
    place: fc.double({ min: 0, max: 0.999, noNaN: true }),
    kind: fc.constantFrom('set', 'flip', 'insert', 'remove', 'repeat'),
    byte: fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 0x7f, 0x80, 0xc0, 0xed, 0xf4, 0xff), fc.nat(255)),
  }),
  { maxLength: 3 },
)

function changed(bytes: Buffer, all: readonly Change[]): Buffer {
  return all.reduce((before, { place, kind, byte }) => {
    const at = Math.floor(place * before.length)
    const [head, rest] = [before.subarray(0, at), before.subarray(at)]
    switch (kind) {
      case 'set':
        return Buffer.concat([head, Buffer.of(byte), rest.subarray(1)])
      case 'flip':
        return Buffer.concat([head, Buffer.of((rest[0] ?? 0) ^ (1 << (byte & 7))), rest.subarray(1)])
      case 'insert':
        return Buffer.concat([head, Buffer.of(byte), rest])
      case 'remove':
        return Buffer.concat([head, rest.subarray(1 + (byte & 3))])
      case 'repeat':
        return Buffer.concat([head, rest, rest.subarray(0, byte)])
    }
  }, bytes)
}

describe('findRecordFault', () => {
  const anySmall = fc.array(anyRecord, { minLength: 1, maxLength: 3 })

  test('the broker takes at append exactly what a reader takes', () => {
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(anySmall, changes, fc.option(fc.nat(4)), (records, some, count) => {
        const sent = batchOf(records)
        const batch = signed(sent, changed(recordsOf(sent), some), count ?? undefined)
        // Batches with a contradictory header are refused before the walk.
        fc.pre(checkBatch(batch) === undefined)
        const isTaken = checkSentBatch(batch) === undefined
        if (isTaken) taken++
        else refused++
        expect(walkRecords(batch) === undefined).toBe(isTaken)
        for (const each of [batch, compressed(batch)]) {
          if (isTaken) readRecords(each)
          else expect(refusalOf(() => readRecords(each)).code).toBe('malformedBatch')
        }
      }),
      { numRuns: 4000 },
    )
    expect(Math.min(taken, refused)).toBeGreaterThan(100)
  })

  test('a batch that it accepts equals what a builder writes of the records that a reader gets', () => {
    fc.assert(
      fc.property(anySmall, changes, (records, some) => {
        const sent = batchOf(records)
        const batch = signed(sent, changed(recordsOf(sent), some))
        fc.pre(checkSentBatch(batch) === undefined)
        const read = readRecords(batch)
        const again = batchOf(
          read.map(({ partitionKey, data, timestamp, explicitHashKey, headers }, i) => ({
            partitionKey,
            data,
            timestamp,
            explicitHashKey,
            // The flag alone says that a record has headers, even if there are none.
            headers: hasHeaders(batch, i) ? headers : undefined,
          })),
        )
        expect(sorted(again)).toEqual(sorted(batch))
      }),
      { numRuns: 4000 },
    )
  })

  /** Objects list names that are numbers first: the order of headers is not kept, all else is. */
  function sorted(batch: Uint8Array): unknown {
    const stamped = Buffer.from(batch)
    stampBatch(stamped, 7, 7)
    return readRecords(stamped).map((each) => ({
      key: Buffer.from(each.partitionKey).toString('hex'),
      data: Buffer.from(each.data).toString('hex'),
      hashKey: each.explicitHashKey,
      timestamp: each.timestamp,
      headers: Object.entries(each.headers)
        .map(([name, value]) => `${Buffer.from(name).toString('hex')} ${Buffer.from(value).toString('hex')}`)
        .toSorted(),
      length: recordLengths(stamped)[each.sequenceNumber - 7],
    }))
  }

  function recordLengths(batch: Buffer): number[] {
    const lengths: number[] = []
    for (let at = BATCH_HEADER_BYTES; at < batch.length; at += 4 + lengths.at(-1)!) {
      lengths.push(batch.readUInt32LE(at))
    }
    return lengths
  }

  function hasHeaders(batch: Buffer, index: number): boolean {
    const at = recordLengths(batch)
      .slice(0, index)
      .reduce((sum, length) => sum + 4 + length, BATCH_HEADER_BYTES)
    return (batch[at + 4]! & 2) !== 0
  }
})

/** One record laid out by hand. */
function laid(parts: {
  key?: Uint8Array
  flags?: number
  extra?: Uint8Array
  data?: Uint8Array
  length?: number
}): Buffer {
  const { key = Buffer.from('k'), flags = 0, extra = Buffer.alloc(0), data = Buffer.from('data') } = parts
  const fixed = Buffer.alloc(13)
  const bytes = Buffer.concat([fixed, key, extra, data])
  bytes.writeUInt32LE(parts.length ?? bytes.length - 4, 0)
  bytes[4] = flags
  bytes.writeUInt16LE(key.length, 5)
  return bytes
}

function headersOf(...all: [name: Uint8Array | string, value: Uint8Array][]): Buffer {
  const parts = all.flatMap(([name, value]) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(value.length)
    return [Buffer.of(Buffer.from(name).length), Buffer.from(name), length, Buffer.from(value)]
  })
  return Buffer.concat([Buffer.of(all.length), ...parts])
}

const HEADERS = 2
const none = new Uint8Array(0)
const repeated = (count: number) =>
  headersOf(...Array.from({ length: count }, (_, i): [string, Uint8Array] => [`h${i}`, none]))

describe('a batch whose checksum is right', () => {
  // Bounds that everything lies within.
  const frame = batchOf([record('k', 'data')])
  frame.fill(0, batchOffsets.lowestHashKey, batchOffsets.highestHashKey)
  frame.fill(0xff, batchOffsets.highestHashKey, BATCH_HEADER_BYTES)
  const of = (...records: Buffer[]) => signed(frame, Buffer.concat(records), records.length)

  test.each<[string, Buffer, RegExp]>([
    ['a record longer than the batch', of(laid({ length: 5000 })), /Record 0 of 1 does not fit/],
    ['a length that ends within the next record', of(laid({ length: 30 }), laid({})), /./],
    [
      'fewer records than it says',
      signed(frame, laid({ data: Buffer.alloc(40) }), 2),
      /end before record 1 of 2/,
    ],
    ['more records than it says', signed(frame, Buffer.concat([laid({}), laid({})]), 1), /18 bytes follow/],
    ['bytes behind the last record', of(Buffer.concat([laid({}), Buffer.alloc(3)])), /3 bytes follow/],
    [
      'a key that runs over its record',
      of(laid({ key: Buffer.from('k'.repeat(20)), length: 20 })),
      /parts do not fit/,
    ],
    ['an empty key', of(laid({ key: none })), /partition key is empty/],
    ['257 characters of key', of(laid({ key: Buffer.from('k'.repeat(257)) })), /longer than 256/],
    [
      '257 characters of key beyond ASCII',
      of(laid({ key: Buffer.from('é'.repeat(257)) })),
      /longer than 256/,
    ],
    ['129 characters of two units', of(laid({ key: Buffer.from('😀'.repeat(129)) })), /longer than 256/],
    ['a key that is not UTF-8', of(laid({ key: Buffer.of(0x61, 0xff) })), /partition key is not UTF-8/],
    ['a key with a surrogate', of(laid({ key: Buffer.of(0xed, 0xa0, 0x80) })), /not UTF-8/],
    ['a key that is cut', of(laid({ key: Buffer.of(0xe6, 0xbc) })), /not UTF-8/],
    ['an unknown flag', of(laid({ flags: 4 })), /flag/],
    ['an explicit hash key that is not there', of(laid({ flags: 1 })), /parts do not fit/],
    ['headers that are not there', of(laid({ flags: HEADERS, data: none })), /headers do not fit/],
    [
      'a header cut in its name',
      of(laid({ flags: HEADERS, data: Buffer.of(1, 9, 0x61) })),
      /headers do not fit/,
    ],
    [
      'a header cut in its value',
      of(laid({ flags: HEADERS, data: headersOf(['a', Buffer.alloc(9)]).subarray(0, 9) })),
      /headers do not fit/,
    ],
    ['65 headers', of(laid({ flags: HEADERS, extra: repeated(65) })), /more than 64 headers/],
    [
      'a header without a name',
      of(laid({ flags: HEADERS, extra: headersOf(['', none]) })),
      /empty or not UTF-8/,
    ],
    [
      'a name that is not UTF-8',
      of(laid({ flags: HEADERS, extra: headersOf([Buffer.of(0xc0, 0x80), none]) })),
      /empty or not UTF-8/,
    ],
    [
      'two headers of one name',
      of(laid({ flags: HEADERS, extra: headersOf(['a', none], ['b', none], ['a', Buffer.of(1)]) })),
      /one name/,
    ],
    [
      'a header above the limit',
      of(
        laid({ flags: HEADERS, extra: headersOf(['a', Buffer.alloc(limits.recordHeaderValueBytesMax + 1)]) }),
      ),
      /more than 65536 bytes/,
    ],
    [
      'a record above the limit',
      of(laid({ data: Buffer.alloc(limits.recordBytesMax) })),
      /data and partition key have more than 10485760 bytes/,
    ],
  ])('with %s is refused at append, and by a reader with the same words', (_, batch, reason) => {
    expect(checkBatch(batch)).toBeUndefined()
    const fault = checkSentBatch(batch)
    expect(fault).toEqual({ code: 'invalidBatch', message: expect.stringMatching(reason) as string })
    const refusals = [batch, compressed(batch)].map((each) => refusalOf(() => readRecords(each)))
    for (const { code, message } of [...refusals, walkRecords(batch)!]) {
      expect({ code, message }).toEqual({ code: 'malformedBatch', message: fault!.message })
    }
  })

  test.each<[string, Buffer]>([
    ['the longest key', of(laid({ key: Buffer.from('漢'.repeat(256)) }))],
    ['64 headers', of(laid({ flags: HEADERS, extra: repeated(64) }))],
    ['headers of which there are none', of(laid({ flags: HEADERS, extra: repeated(0) }))],
    ['the largest header', of(laid({ flags: HEADERS, extra: headersOf(['a', Buffer.alloc(65_536)]) }))],
    ['the largest record', of(laid({ data: Buffer.alloc(limits.recordBytesMax - 1) }))],
    ['no data', of(laid({ data: none }))],
  ])('with %s is taken', (_, batch) => {
    expect(checkSentBatch(batch)).toBeUndefined()
    expect(readRecords(batch)).toHaveLength(1)
  })

  test('and an explicit hash key outside the bounds that its header says is refused', () => {
    const keyed = (key: bigint) => ({ ...record('k', 'data'), explicitHashKey: hashKeyFromBigInt(key) })
    const bounds = batchOf([keyed(100n), keyed(200n)])
    for (const [key, isTaken] of [
      [99n, false],
      [100n, true],
      [200n, true],
      [201n, false],
      [1n << 127n, false],
    ] as const) {
      const batch = signed(bounds, recordsOf(batchOf([keyed(key)])), 1)
      expect(checkSentBatch(batch) === undefined).toBe(isTaken)
      if (!isTaken) expect(refusalOf(() => readRecords(batch)).code).toBe('malformedBatch')
    }
  })
})

describe('utf8Length', () => {
  test('says of any bytes what Node says: whether they are UTF-8, and how long the text is', () => {
    const near = fc.constantFrom(0, 0x61, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf)
    const lead = fc.constantFrom(0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff)
    const text = fc.string({ unit: 'binary', maxLength: 8 }).map((each) => [...Buffer.from(each)])
    const bytes = fc.oneof(fc.array(fc.oneof(near, lead, near), { maxLength: 6 }), text)
    fc.assert(
      fc.property(bytes, fc.nat(3), (some, before) => {
        const all = Buffer.concat([Buffer.alloc(before, 0xff), Buffer.from(some), Buffer.of(0x80)])
        const length = utf8Length(all, before, all.length - 1)
        const own = Buffer.from(some)
        expect(length).toBe(isUtf8(own) ? own.toString().length : -1)
      }),
      { numRuns: 20_000 },
    )
  })
})
