// Records that hold several, taken apart: each kind as a table, JSON against a parser, and what nobody would send.
import { aggregate } from 'millrace'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEPTH_MAX, objectsIn } from '../../src/deaggregation/json-objects.ts'
import { PARTS_MAX, takeApart } from '../../src/deaggregation/take-apart.ts'
import { sourceRecords, textsOf } from '../support/source-records.ts'

const now = () => 1_700_000_001_000
const json = [{ type: 'json' }] as const

const reasonsOf = (failed: readonly { readonly message: string }[]) =>
  failed.map(({ message }) => message.replace(/^The record cannot be taken apart: /, ''))

describe('takeApart', () => {
  it('leaves records as they are where nothing is asked for', () => {
    const records = sourceRecords('{"a":1}{"a":2}')
    expect(takeApart(records, [], now)).toEqual({ records, failed: [] })
  })

  it('numbers the parts of a record, so that its sequence number and their place name them for ever', () => {
    const { records, failed } = takeApart(
      sourceRecords('{"a":1}{"a":2}\n', '{"b":1}', ' {"c":1} {"c":{"d":[]}}'),
      json,
      now,
    )
    expect(failed).toEqual([])
    expect(records.map(({ sequenceNumber, subSequence }) => [sequenceNumber, subSequence])).toEqual([
      [100, 0],
      [100, 1],
      [101, undefined],
      [102, 0],
      [102, 1],
    ])
    expect(textsOf(records)).toEqual(['{"a":1}', '{"a":2}', '{"b":1}', '{"c":1}', '{"c":{"d":[]}}'])
    expect(records.map(({ partitionKey }) => partitionKey)).toEqual([
      'key-0',
      'key-0',
      'key-1',
      'key-2',
      'key-2',
    ])
  })

  it.each([
    ['[{"a":1},{"a":2}]', '"[" stands where an object begins (byte 0).'],
    ['{"a":1},{"a":2}', '"," stands where an object begins (byte 7).'],
    ['{"a":1} 5', '"5" stands where an object begins (byte 8).'],
    ['{"a":1', 'it ends within an object (byte 6).'],
    ['{"a":"', 'it ends within an object (byte 6).'],
    ['{"a":"\\', 'it ends within an object (byte 7).'],
    ['{"a":[1}]', '"}" closes what is not open (byte 7).'],
    ['{"a":1}}', '"}" stands where an object begins (byte 7).'],
    ['{"a":"x\ny"}', 'a line feed stands in a string (byte 7).'],
    ['\0', 'byte 0x00 stands where an object begins (byte 0).'],
    ['\ufeff{}', 'byte 0xef stands where an object begins (byte 0).'],
    ['', 'it holds no JSON object.'],
    [' \n', 'it holds no JSON object.'],
    [`{"a":${'['.repeat(DEPTH_MAX)}`, `it is nested deeper than ${DEPTH_MAX} (byte ${5 + DEPTH_MAX - 1}).`],
    ['{}'.repeat(PARTS_MAX + 1), `it holds more than ${PARTS_MAX} objects (byte ${2 * PARTS_MAX}).`],
  ])('fails %s as a whole, and says why and where', (record, reason) => {
    const { records, failed } = takeApart(sourceRecords('{"ok":1}{"ok":2}', record, '{"ok":3}'), json, now)
    expect(textsOf(records)).toEqual(['{"ok":1}', '{"ok":2}', '{"ok":3}'])
    expect(reasonsOf(failed)).toEqual([reason])
    expect(failed[0]).toMatchObject({
      type: 'processing-failed',
      origin: { sequenceNumber: 101 },
      attemptsMade: 1,
      code: 'Deaggregation.MalformedRecord',
      endedAt: now(),
    })
    expect(Buffer.from(failed[0]!.rawData).toString()).toBe(record)
  })

  it('splits at the delimiter, and makes no record of nothing', () => {
    const steps = [{ type: 'delimited', delimiter: '##' }] as const
    const { records } = takeApart(sourceRecords('a##b', '##c####d##', '#', '##', ''), steps, now)
    expect(textsOf(records)).toEqual(['a', 'b', 'c', 'd', '#'])
    expect(records.map(({ subSequence }) => subSequence)).toEqual([0, 1, 0, 1, undefined])
    const many = takeApart(sourceRecords('x##'.repeat(PARTS_MAX + 1)), steps, now)
    expect(reasonsOf(many.failed)).toEqual([`it holds more than ${PARTS_MAX} records.`])
  })

  it('takes aggregates of the Kinesis Producer Library apart with their own keys, then what is in them', async () => {
    const everything = { hashKeyRange: { startingHashKey: '0', endingHashKey: (2n ** 128n - 1n).toString() } }
    const stored = [
      ...aggregate(
        [
          { partitionKey: 'x', data: Buffer.from('{"a":1}{"a":2}') },
          { partitionKey: 'y', data: Buffer.from('{"a":3}') },
        ],
        { shards: [everything] },
      ),
    ]
    const [whole] = sourceRecords(stored[0]!.data)
    const plain = sourceRecords('{"a":4}')[0]!
    const { records, failed } = takeApart([whole!, plain], [{ type: 'kpl' }, { type: 'json' }], now)
    expect(failed).toEqual([])
    expect(records.map(({ partitionKey, subSequence }) => [partitionKey, subSequence])).toEqual([
      ['x', 0],
      ['x', 1],
      ['y', 2],
      ['key-0', undefined],
    ])
    expect(textsOf(records)).toEqual(['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}'])
    const [cut] = sourceRecords(Buffer.concat([stored[0]!.data.subarray(0, 12), Buffer.from('x')]))
    expect(takeApart([cut!], [{ type: 'kpl' }], now).records).toEqual([cut])
  })
})

const space = fc.constantFrom('', ' ', '\n', '\r\n', '\t')

describe('objectsIn', () => {
  it('finds the objects that were written, whatever is in them and between them', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), space, fc.boolean()),
        ),
        (parts) => {
          const texts = parts.map(([value, , pretty]) => JSON.stringify(value, null, pretty ? 2 : 0))
          const record = Buffer.from(parts.map(([, blank], place) => blank + texts[place]!).join(''))
          const { objects, fault } = objectsIn(record)
          expect(fault).toBeUndefined()
          expect(objects.map(({ from, to }) => record.subarray(from, to).toString())).toEqual(texts)
          expect(objects.map(({ hasLineBreak }) => hasLineBreak)).toEqual(
            texts.map((text) => text.includes('\n')),
          )
        },
      ),
    )
  })

  it('tells the keys of an object itself, and of none within', () => {
    const record = Buffer.from('{"a":{"b":1},"c":["d",{"e":1}],"\\"f":"g"} {"h":1}')
    const keys: string[] = []
    objectsIn(record, undefined, (from, to) => keys.push(record.subarray(from, to).toString()))
    expect(keys).toEqual(['a', 'c', '\\"f', 'h'])
  })

  it('answers for any bytes, with spans in their order and a fault within them', () => {
    const byte = fc.constantFrom(...Buffer.from('{}[]",:\\a1 \n'), 0, 0xff)
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (bytes) => {
        const { objects, fault } = objectsIn(Uint8Array.from(bytes))
        let end = 0
        for (const { from, to } of objects) {
          expect(from).toBeGreaterThanOrEqual(end)
          expect(to).toBeGreaterThan(from)
          expect(bytes[from]).toBe('{'.charCodeAt(0))
          expect(bytes[to - 1]).toBe('}'.charCodeAt(0))
          end = to
        }
        expect(end).toBeLessThanOrEqual(bytes.length)
        if (fault !== undefined) expect(fault.at).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('agrees with a parser that what it finds without a fault is balanced, and finds each record that parses', () => {
    const texts = fc.oneof(
      fc.json({ maxDepth: 5 }),
      fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const { objects, fault } = objectsIn(Buffer.from(text))
        const isObject = text.startsWith('{')
        expect(fault === undefined && objects.length === 1).toBe(isObject)
      }),
    )
  })
})
