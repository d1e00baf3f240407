// Packing: what goes together, in which order, up to which size, and what becomes of what is refused.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  aggregate,
  deaggregate,
  json,
  type AggregatedRecord,
  type AggregateOptions,
  type RecordInput,
  type UserRecord,
} from '../../../client/index.ts'
import {
  compareHashKeys,
  hashKeyFromDecimal,
  hashKeyToDecimal,
  hashPartitionKey,
} from '../../../protocol/shards/hash-key.ts'
import { evenRanges } from '../../../protocol/shards/shard-map.ts'
import { records as generated } from './support/generated.ts'

const shardsOf = (count: number) =>
  evenRanges(count).map(({ start, end }) => ({
    state: 'OPEN' as const,
    hashKeyRange: { startingHashKey: hashKeyToDecimal(start), endingHashKey: hashKeyToDecimal(end) },
  }))

function hashKeyOf(record: Pick<RecordInput, 'partitionKey' | 'explicitHashKey'>): Uint32Array {
  if (record.explicitHashKey !== undefined) return hashKeyFromDecimal(String(record.explicitHashKey))
  const words = new Uint32Array(4)
  hashPartitionKey(record.partitionKey, words, 0)
  return words
}

const unpacked = (packed: Iterable<AggregatedRecord>): UserRecord[] =>
  [...packed].flatMap((record) => deaggregate(record))

/** Data of each key, in order. */
function byKey(records: Iterable<RecordInput | UserRecord>): Map<string, string[]> {
  const keys = new Map<string, string[]>()
  for (const { partitionKey, explicitHashKey, data } of records) {
    const key = `${partitionKey} ${explicitHashKey ?? ''}`
    keys.set(key, [...(keys.get(key) ?? []), Buffer.from(data as Uint8Array).toString('hex')])
  }
  return keys
}

const options = fc.record({
  shards: fc.option(fc.constantFrom(...[1, 2, 7, 64].map(shardsOf)), { nil: undefined }),
  bytesMax: fc.constantFrom(21_000, 30_000, 1024 * 1024),
  recordsMax: fc.constantFrom(1, 3, 65_536),
})

function messageOfFailure(use: () => unknown): string {
  try {
    use()
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalidArgument' })
    return (error as Error).message
  }
  return 'not refused'
}

describe('aggregate', () => {
  it('packs every record once, those of one key in order', () => {
    fc.assert(
      fc.property(generated, options, (records, given) => {
        const packed = [...aggregate(records, given as AggregateOptions)]
        expect(byKey(unpacked(packed))).toEqual(byKey(records))
      }),
    )
  })

  it('stays within its bounds, and packs nothing for two shards together', () => {
    fc.assert(
      fc.property(generated, options, (records, given) => {
        for (const packed of aggregate(records, given as AggregateOptions)) {
          const inside = deaggregate(packed)
          expect(packed.data.length + Buffer.byteLength(packed.partitionKey)).toBeLessThanOrEqual(
            given.bytesMax,
          )
          expect(inside.length).toBeLessThanOrEqual(given.recordsMax)
          const shards = given.shards ?? []
          const shardOf = (record: Pick<RecordInput, 'partitionKey' | 'explicitHashKey'>) =>
            shards.findIndex(
              ({ hashKeyRange: range }) =>
                compareHashKeys(hashKeyOf(record), 0, hashKeyFromDecimal(range.endingHashKey), 0) <= 0,
            )
          for (const record of inside) expect(shardOf(record)).toBe(shardOf(packed))
        }
      }),
    )
  })

  it('with the shards, records go under the key of KPL and the hash key of the first', () => {
    const records = ['ada', 'bob', 'cid'].map((partitionKey) => ({ partitionKey, data: partitionKey }))
    const [packed, ...others] = aggregate(records, { shards: shardsOf(1) })
    expect(others).toEqual([])
    expect(packed).toMatchObject({
      partitionKey: 'a',
      explicitHashKey: hashKeyToDecimal(hashKeyOf(records[0]!)),
    })
    expect(deaggregate(packed!)).toMatchObject([
      { partitionKey: 'ada', explicitHashKey: undefined, subSequenceNumber: 0, isAggregated: true },
      { partitionKey: 'bob', explicitHashKey: undefined, subSequenceNumber: 1, isAggregated: true },
      { partitionKey: 'cid', explicitHashKey: undefined, subSequenceNumber: 2, isAggregated: true },
    ])
  })

  it('without the shards, records go under their own keys, and only those of one key together', () => {
    const data = 'x'
    const packed = [
      ...aggregate([
        { partitionKey: 'ada', data },
        { partitionKey: 'bob', data, explicitHashKey: 7n },
        { partitionKey: 'cid', data, explicitHashKey: '7' },
        { partitionKey: 'ada', data },
        { partitionKey: 'bob', data },
      ]),
    ]
    expect(
      packed.map((record) => [record.partitionKey, record.explicitHashKey, deaggregate(record).length]),
    ).toEqual([
      ['ada', undefined, 2],
      ['bob', '7', 1],
      ['cid', '7', 1],
      ['bob', undefined, 1],
    ])
  })

  it('hands out what is full while it goes on, and holds a bounded amount', () => {
    let taken = 0
    function* endless() {
      for (;;) {
        taken++
        yield { partitionKey: `key-${taken}`, data: new Uint8Array(1000) }
      }
    }
    const packed = aggregate(endless())
    const first = packed.next().value as AggregatedRecord
    expect(first.partitionKey).toBe('key-1')
    // Some MiB of records are held, and no more than that.
    expect(taken).toBeLessThan(40_000)
    for (let i = 2; i <= 1000; i++) expect(packed.next().value).toMatchObject({ partitionKey: `key-${i}` })
    expect(taken).toBeLessThan(41_000)
  })

  it('takes what is given, also where the memory is used again', () => {
    const memory = Buffer.alloc(1)
    function* reused() {
      for (const text of ['a', 'b', 'c']) {
        memory.write(text)
        yield { partitionKey: 'ada', data: memory }
      }
    }
    const texts = unpacked(aggregate(reused())).map(({ data }) => Buffer.from(data).toString())
    expect(texts).toEqual(['a', 'b', 'c'])
  })

  it('data goes through the codec', () => {
    const [packed] = aggregate([{ partitionKey: 'ada', data: { page: 1 } }], {
      codec: json<{ page: number }>(),
    })
    expect(Buffer.from(deaggregate(packed!)[0]!.data).toString()).toBe('{"page":1}')
  })

  it.each<readonly [string, unknown, string]>([
    ['no record', 7, 'invalidArgument'],
    ['an empty key', { partitionKey: '', data: 'x' }, 'invalidArgument'],
    ['a key that is too long', { partitionKey: 'k'.repeat(257), data: 'x' }, 'invalidArgument'],
    ['half a character', { partitionKey: '\ud800', data: 'x' }, 'invalidArgument'],
    ['a hash key that is none', { partitionKey: 'k', data: 'x', explicitHashKey: '07' }, 'invalidArgument'],
    ['headers', { partitionKey: 'k', data: 'x', headers: { kind: 'x' } }, 'invalidArgument'],
    ['an unknown field', { partitionKey: 'k', data: 'x', key: 'k' }, 'invalidArgument'],
    ['data that is no bytes', { partitionKey: 'k', data: 7 }, 'codecFailed'],
    ['a record that does not fit', { partitionKey: 'k', data: new Uint8Array(2 ** 20) }, 'invalidArgument'],
  ])('%s is refused, after all that came before it', (_, wrong, code) => {
    for (const shards of [shardsOf(4), undefined]) {
      const sound = ['ada', 'bob', 'ada'].map((partitionKey) => ({ partitionKey, data: 'x' }))
      let asked = 0
      function* records() {
        yield* sound
        yield wrong as RecordInput
        asked++
        yield sound[0]!
      }
      const got: AggregatedRecord[] = []
      const loop = () => {
        for (const packed of aggregate(records(), shards === undefined ? {} : { shards })) got.push(packed)
      }
      expect(loop).toThrow(expect.objectContaining({ code }))
      expect(
        unpacked(got)
          .map(({ partitionKey }) => partitionKey)
          .toSorted(),
      ).toEqual(['ada', 'ada', 'bob'])
      expect(asked).toBe(0)
    }
  })

  it('says how large a record is that does not fit, and one that just fits is packed', () => {
    const [packed] = aggregate([{ partitionKey: 'k', data: new Uint8Array(100) }])
    const bytes = packed!.data.length + 1
    const record = { partitionKey: 'k', data: new Uint8Array(100) }
    expect([...aggregate([record], { bytesMax: bytes })]).toHaveLength(1)
    expect(messageOfFailure(() => [...aggregate([record], { bytesMax: bytes - 1 })])).toMatch(
      `takes ${bytes} bytes in an aggregated record of its own, and bytesMax is ${bytes - 1}`,
    )
  })

  it('ranges that make no sense are refused, closed shards are left out', () => {
    const [low, high] = shardsOf(2)
    const records = [{ partitionKey: 'k', data: 'x', explicitHashKey: '7' }]
    const pack = (shards: AggregateOptions['shards']) => [...aggregate(records, { shards: shards! })]
    expect(messageOfFailure(() => pack([low!, high!, ...shardsOf(1)]))).toMatch(
      'Two of the shards take the hash key',
    )
    expect(messageOfFailure(() => pack([high!]))).toMatch('None of the shards takes the hash key 7')
    expect(messageOfFailure(() => pack([]))).toMatch('None of the shards')
    const range = { startingHashKey: '8', endingHashKey: '7' }
    expect(messageOfFailure(() => pack([{ hashKeyRange: range }]))).toMatch(
      'endingHashKey is 7, which is below',
    )
    const text = { startingHashKey: '0', endingHashKey: 'f' }
    expect(messageOfFailure(() => pack([{ hashKeyRange: text }]))).toMatch(
      'endingHashKey: "f" is not a hash key',
    )
    const closed = shardsOf(1).map((shard) => ({ ...shard, state: 'CLOSED' as const }))
    expect(pack([...closed, high!, low!])).toHaveLength(1)
  })
})
