// Records into a batch and out again: the same bytes, or an error that says what is wrong and what to do.
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchOffsets, checkBatch, readBatchHeader, stampBatch } from '../../../protocol/batch/batch.ts'
import { codecs, isCodecAvailable } from '../../../protocol/batch/compression.ts'
import { limits } from '../../../protocol/limits.ts'
import { BatchBuilder, readRecords, walkRecords, type RecordFields } from '../../../protocol/batch/record.ts'
import { plain } from '../arbitraries.ts'
import { anyRecord, batchOf, hashKeyOf, IDENTITY, record, storedBatchOf } from '../batches.ts'
import { refusalOf } from '../refusal.ts'

/** A sent batch with its body changed by `change` and signed and stamped again: sound outside, wrong inside. */
function forged(batch: Uint8Array, change: (body: Buffer) => void): Buffer {
  const changed = Buffer.from(batch)
  change(changed)
  changed.writeUInt32LE(crc32(changed.subarray(36)), batchOffsets.bodyCrc)
  stampBatch(changed, 1, 1)
  return changed
}

describe('records', () => {
  test.each(codecs.filter(isCodecAvailable))('%s: any records come back as they were added', (codec) => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 30 }), fc.nat(), (records, base) => {
        const batch = batchOf(records, { codec })
        expect(checkBatch(batch)).toBeUndefined()
        expect(walkRecords(batch)).toBeUndefined()
        stampBatch(batch, base, 1234)
        const read = readRecords(batch)
        expect(read).toHaveLength(records.length)
        for (const [i, sent] of records.entries()) {
          const { sequenceNumber, arrivalTime, timestamp, partitionKey, explicitHashKey, headers, data } =
            read[i]!
          expect({ sequenceNumber, arrivalTime, timestamp, partitionKey, explicitHashKey }).toEqual({
            sequenceNumber: base + i,
            arrivalTime: 1234,
            timestamp: sent.timestamp ?? 0,
            partitionKey: sent.partitionKey,
            explicitHashKey: sent.explicitHashKey,
          })
          expect(plain(headers)).toEqual(plain({ ...sent.headers }))
          expect(plain(data)).toEqual(plain(sent.data))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('records below `from` are skipped', () => {
    const batch = storedBatchOf(
      ['a', 'b', 'c'].map((key) => record(key)),
      10,
      0,
    )
    const keys = (from: number) => readRecords(batch, { from }).map((each) => each.partitionKey)
    expect(keys(0)).toEqual(['a', 'b', 'c'])
    expect(keys(11)).toEqual(['b', 'c'])
    expect(keys(13)).toEqual([])
  })

  test('a header may have any name, even that of a prototype', () => {
    const headers = JSON.parse('{"__proto__": 0, "constructor": 0}') as Record<string, unknown>
    for (const name of Object.keys(headers)) {
      Object.defineProperty(headers, name, { value: Buffer.from(name), enumerable: true })
    }
    const [read] = readRecords(storedBatchOf([{ ...record('a'), headers: headers as never }], 1, 1))
    expect(Object.keys(read!.headers)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(read!.headers)).toBeNull()
  })

  test('data is a view on the batch', () => {
    const batch = storedBatchOf([record('a', 'data')], 1, 1)
    expect(readRecords(batch)[0]!.data.buffer).toBe(batch.buffer)
  })

  test('damage is an error, never data', () => {
    const stored = storedBatchOf([record('a', 'first'), record('b', 'second')], 1, 1)
    for (let at = 0; at < stored.length; at++) {
      const damaged = Uint8Array.from(stored)
      damaged[at]! ^= 4
      expect(refusalOf(() => readRecords(damaged)).code).toBe('corruptData')
    }
  })

  test('a compressed batch that inflates to another length than it says is malformed', () => {
    const batch = batchOf([record('a', 'x'.repeat(1000))], { codec: 'gzip' })
    for (const length of [500, 2000]) {
      const changed = forged(batch, (bytes) => bytes.writeUInt32LE(length, batchOffsets.recordBytes))
      expect(refusalOf(() => readRecords(changed)).code).toBe('malformedBatch')
      expect(walkRecords(changed)?.message).toMatch(/inflate/)
    }
  })
})

describe('BatchBuilder', () => {
  const hashKey = new Uint32Array(4)

  test('is full at bytesMax: the record is refused and belongs into the next batch', () => {
    const builder = new BatchBuilder({ bytesMax: 1000 })
    let added = 0
    while (builder.tryAdd(record('key', new Uint8Array(100)), hashKey, 0)) added++
    expect(added).toBe(Math.floor((1000 - 96) / (13 + 3 + 100)))
    expect(builder.recordCount).toBe(added)
    expect(builder.byteLength).toBeLessThanOrEqual(1000)
    expect(builder.finish(IDENTITY)).toHaveLength(96 + added * 116)
    expect(builder.tryAdd(record('key', new Uint8Array(100)), hashKey, 0)).toBe(true)
  })

  test('byteLength foretells the length of the batch', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 10 }), (records) => {
        const builder = new BatchBuilder({ bytesMax: 1_000_000 })
        for (const each of records) builder.tryAdd(each, hashKeyOf(each), 0)
        const { byteLength } = builder
        expect(builder.finish(IDENTITY)).toHaveLength(byteLength)
      }),
    )
  })

  test('a record above bytesMax goes alone', () => {
    const builder = new BatchBuilder({ bytesMax: 1000 })
    const large = record('key', new Uint8Array(5000))
    expect(builder.tryAdd(record('key'), hashKey, 0)).toBe(true)
    expect(builder.tryAdd(large, hashKey, 0)).toBe(false)
    builder.finish(IDENTITY)
    expect(builder.tryAdd(large, hashKey, 0)).toBe(true)
    expect(builder.tryAdd(record('key'), hashKey, 0)).toBe(false)
  })

  test('gives the memory of its batches away, and takes back none that a batch lies in', () => {
    const given: Uint8Array[] = []
    const memory = {
      take: (bytes: number) => Buffer.allocUnsafeSlow(bytes),
      give: (bytes: Uint8Array) => void given.push(bytes),
    }
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 2 }), (sizes) => {
        const builder = new BatchBuilder({ bytesMax: 100_000, memory })
        for (const size of sizes) {
          for (let left = size; left > 0; left -= 100) {
            builder.tryAdd(record('key', new Uint8Array(Math.min(left, 100))), hashKey, 0)
          }
          const batch = builder.finish(IDENTITY)
          expect(walkRecords(batch)).toBeUndefined()
          expect(given.some(({ buffer }) => buffer === batch.buffer)).toBe(false)
        }
      }),
    )
  })

  test('is full at the limit of records', () => {
    const builder = new BatchBuilder({ bytesMax: 12 * 1024 * 1024 })
    for (let i = 0; i < limits.batchRecordsMax; i++) builder.tryAdd(record('k'), hashKey, 0)
    expect(builder.tryAdd(record('k'), hashKey, 0)).toBe(false)
    expect(checkBatch(builder.finish(IDENTITY))).toBeUndefined()
  })

  test('a batch owns its memory: the next one does not change it', () => {
    const builder = new BatchBuilder({ bytesMax: 1000 })
    builder.tryAdd(record('a', 'first'), hashKey, 0)
    const first = builder.finish(IDENTITY)
    const copy = Buffer.from(first)
    builder.tryAdd(record('b', 'other'), hashKey.fill(9), 0)
    builder.finish(IDENTITY)
    expect(copy.equals(first)).toBe(true)
    expect(first.buffer.byteLength).toBe(first.length)
  })

  test('each batch has bounds of its own', () => {
    const builder = new BatchBuilder({ bytesMax: 1000 })
    const bounds = (keys: number[]): unknown => {
      for (const key of keys) builder.tryAdd(record('a'), Uint32Array.of(0, 0, 0, key), 0)
      const { lowestHashKey, highestHashKey } = readBatchHeader(builder.finish(IDENTITY))
      return [lowestHashKey[3], highestHashKey[3]]
    }
    expect(bounds([5, 1, 9])).toEqual([1, 9])
    expect(bounds([6])).toEqual([6, 6])
  })

  test('what does not compress is stored as it is', () => {
    const noise = Uint8Array.from({ length: 300 }, (_, i) => (i * i * 7919) >> 5)
    const batch = batchOf([record('a', noise)], { codec: 'gzip' })
    expect(readBatchHeader(batch).codec).toBe('none')
    expect(readBatchHeader(batchOf([record('a', 'x'.repeat(300))], { codec: 'gzip' })).codec).toBe('gzip')
  })

  test('the largest record fits: its batch is within the limits', () => {
    const builder = new BatchBuilder({ bytesMax: 65_536 })
    const largest = record('漢'.repeat(256), new Uint8Array(limits.recordBytesMax - 768))
    expect(builder.tryAdd(largest, hashKey, 0)).toBe(true)
    expect(checkBatch(builder.finish(IDENTITY))).toBeUndefined()
  })

  const big = new Uint8Array(limits.recordHeaderValueBytesMax)
  test.each<[string, RecordFields, RegExp]>([
    ['no key', record(''), /key has 1 to 256 characters; this one has 0/],
    ['a long key', record('k'.repeat(257)), /1 to 256 characters; this one has 257: shorten it/],
    ['a key that is no string', { ...record('a'), partitionKey: 7 as never }, /which is a string/],
    [
      'half a character for a key',
      record('\ud83d'),
      /key "\\ud83d" holds half of a surrogate pair, U\+D83D at index 0/,
    ],
    [
      'half a character in a long key',
      record('é'.repeat(199) + '\udc00'),
      /surrogate pair, U\+DC00 at index 199/,
    ],
    [
      'half a character in a header name',
      { ...record('a'), headers: { 'h\ud83d': big } },
      /name "h\\ud83d" holds half/,
    ],
    ['data that is no bytes', { ...record('a'), data: 'text' as never }, /which is bytes/],
    [
      'more data than the limit',
      record('key', new Uint8Array(limits.recordBytesMax + 1)),
      /have 10485761 bytes; the limit is 10485760: split the data/,
    ],
    [
      'data and key above the limit together',
      record('key', new Uint8Array(limits.recordBytesMax)),
      /have 10485763 bytes; the limit is 10485760/,
    ],
    [
      'headers that burst the batch',
      {
        ...record('k', new Uint8Array(limits.recordBytesMax - 1)),
        headers: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`h${i}`, big])),
      },
      /with its headers has \d+ bytes; the limit is 12582816: use smaller headers/,
    ],
    ['a negative timestamp', { ...record('a'), timestamp: -1 }, /from 0 to 281474976710655; got -1/],
    ['a fraction as timestamp', { ...record('a'), timestamp: 1.5 }, /got 1.5/],
    ['a timestamp beyond 48 bits', { ...record('a'), timestamp: 2 ** 48 }, /got 281474976710656/],
    [
      'too many headers',
      { ...record('a'), headers: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, big])) },
      /at most 64 headers; this one has 65/,
    ],
    [
      'a header without a name',
      { ...record('a'), headers: { '': big } },
      /name has 1 to 255 bytes; "" has 0/,
    ],
    ['a header name too long', { ...record('a'), headers: { ['é'.repeat(128)]: big } }, /has 256/],
    ['a header that is no bytes', { ...record('a'), headers: { h: 'x' as never } }, /"h" must be bytes/],
    ['a header too large', { ...record('a'), headers: { h: new Uint8Array(65_537) } }, /"h" has 65537 bytes/],
  ])('a record with %s is refused with the reason, and leaves no trace', (_, wrong, reason) => {
    // With and without room for it.
    for (const bytesMax of [200, 65_536]) expectNoTrace(bytesMax)

    function expectNoTrace(bytesMax: number): void {
      const builder = new BatchBuilder({ bytesMax })
      for (const recordCount of [0, 1]) {
        if (recordCount === 1) builder.tryAdd(record('a', 'good'), hashKey, 0)
        const { byteLength } = builder
        const error = refusalOf(() => builder.tryAdd(wrong, hashKey, 0))
        expect(error.code).toBe('invalidArgument')
        expect(error.message).toMatch(reason)
        expect(builder).toMatchObject({ recordCount, byteLength })
      }
      builder.tryAdd(record('a', 'good'), hashKey, 0)
      const batch = builder.finish(IDENTITY)
      expect(walkRecords(batch)).toBeUndefined()
      expect(readBatchHeader(batch).recordCount).toBe(2)
    }
  })

  test('an empty batch is never finished', () => {
    expect(() => new BatchBuilder({ bytesMax: 1000 }).finish(IDENTITY)).toThrow(/holds a record/)
  })
})
