// A record that was read, as an application sees it.
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { bytes, json, text, type Codec } from '../../client/codecs.ts'
import { readBatch } from '../../client/read-record.ts'
import type { StreamRecord } from '../../client/record.ts'
import {
  BatchBuilder,
  hashKeyFromDecimal,
  openWithoutKeys as open,
  stampBatch,
  type RecordFields,
} from '../../protocol/index.ts'

const shardId = 'shardId-000000000003'

function batchOf(records: readonly RecordFields[]): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 10_000 })
  for (const record of records) builder.tryAdd(record, hashKeyFromDecimal('7'), 0)
  const batch = builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0 })
  stampBatch(batch, 41, 1000)
  return batch
}

function read<T>(record: RecordFields, codec: Codec<never, T>): StreamRecord<T> {
  return readBatch(batchOf([record]), { shardId, codec, from: 0, until: Infinity, open })[0]!
}

const input = {
  partitionKey: 'ada',
  data: Buffer.from('hello'),
  explicitHashKey: hashKeyFromDecimal('7'),
  timestamp: 900,
  headers: { trace: Buffer.from('x'), raw: Buffer.of(0xff) },
}
const fields = {
  shardId,
  sequenceNumber: 41,
  partitionKey: 'ada',
  data: 'hello',
  bytes: Buffer.from('hello'),
  arrivalTime: new Date(1000),
  timestamp: new Date(900),
  explicitHashKey: '7',
}
const broken = () => read({ partitionKey: 'a', data: Buffer.from('{') }, json<unknown>())
const codecFailed = expect.objectContaining({
  code: 'codecFailed',
  message: expect.stringContaining(`Record 41 of ${shardId}`),
})

describe('a record that was read', () => {
  it('shows every field in the form that people use', () => {
    const record = read(input, text)
    expect(record).toMatchObject(fields)
    expect({ ...record.headers }).toEqual(input.headers)
    expect(inspect(record)).toMatch(/sequenceNumber: 41.*data: 'hello'/s)
    expect(read({ partitionKey: 'a', data: Buffer.alloc(0) }, text).explicitHashKey).toBeUndefined()
  })

  it('is read from one number on and before another', () => {
    const batch = batchOf(
      ['a', 'b', 'c', 'd'].map((partitionKey) => ({ partitionKey, data: Buffer.alloc(0) })),
    )
    const keys = (from: number, until: number) =>
      readBatch(batch, { shardId, codec: text, from, until, open }).map((record) => record.partitionKey)
    expect([keys(0, Infinity), keys(42, 44), keys(45, 50)]).toEqual([['a', 'b', 'c', 'd'], ['b', 'c'], []])
  })

  it('decodes once, and only when its data is asked for', () => {
    let decoded = 0
    const codec: Codec<never, object> = { ...json<never>(), decode: () => ({ times: ++decoded }) }
    const record = read(input, codec)
    const names = [Object.keys(record), Reflect.ownKeys(record), Object.getOwnPropertyNames(record)]
    for (const key in record) expect(key in record && Object.hasOwn(record, key)).toBe(true)
    Object.getOwnPropertyDescriptors(record)
    expect(decoded).toBe(0)
    expect(record.data).toBe(record.data)
    expect(record.data).toEqual({ times: 1 })
    for (const each of names) expect(new Set(each)).toEqual(new Set([...Object.keys(fields), 'headers']))
  })
})

describe('a copy of a record', () => {
  it.each([
    ['spread', (record: object) => ({ ...record })],
    ['Object.assign', (record: object) => Object.assign({}, record)],
    ['Object.entries', (record: object) => Object.fromEntries(Object.entries(record))],
    ['a clone of the spread', (record: object) => structuredClone({ ...record })],
    [
      'its descriptors',
      (record: object) => {
        const get = (descriptor: PropertyDescriptor) => descriptor.get!.call(record) as unknown
        const entries = Object.entries(Object.getOwnPropertyDescriptors(record))
        return Object.fromEntries(entries.map(([name, descriptor]) => [name, get(descriptor)]))
      },
    ],
  ])('by %s has every field', (_, copy) => {
    const copied = copy(read(input, text)) as StreamRecord<string>
    expect({ ...copied, bytes: Buffer.from(copied.bytes) }).toMatchObject(fields)
    expect(Buffer.from(copied.headers['raw']!)).toEqual(Buffer.of(0xff))
    expect(Object.keys(copied)).toHaveLength(9)
    const { data, ...rest } = read(input, text)
    expect([data, Object.keys(rest).length]).toEqual(['hello', 8])
  })

  it('fails with codecFailed where the codec does not take the data; what does not use the data goes on', () => {
    const record = broken()
    expect(() => record.data).toThrow(codecFailed)
    expect(() => ({ ...record })).toThrow(codecFailed)
    expect(() => Object.entries(record)).toThrow(codecFailed)
    expect(Object.keys(record)).toContain('data')
    const { partitionKey, bytes: payload } = record
    expect([partitionKey, Buffer.from(payload).toString()]).toEqual(['a', '{'])
  })

  it('cannot be made by changing the record: it refuses that', () => {
    const record = read(input, text) as { -readonly [K in keyof StreamRecord<string>]: unknown }
    expect(() => (record.data = 'other')).toThrow(TypeError)
    expect(() => delete (record as { data?: unknown }).data).toThrow(TypeError)
    expect(() => Object.assign(record, { seen: true })).toThrow(TypeError)
    expect(() => Object.freeze(record)).toThrow(TypeError)
    expect(record.data).toBe('hello')
  })
})

describe('a printed record', () => {
  const parsed = (record: unknown) => JSON.parse(JSON.stringify(record)) as Record<string, unknown>

  it('tells text from bytes in JSON, whatever the text is', () => {
    const lookalike = { text: Buffer.from('base64:/w=='), raw: Buffer.of(0xff) }
    const record = read({ ...input, headers: lookalike, data: Buffer.of(0xfe) }, bytes)
    const { shardId: shard, sequenceNumber, partitionKey, explicitHashKey } = fields
    expect(parsed(record)).toEqual({
      shardId: shard,
      sequenceNumber,
      partitionKey,
      explicitHashKey,
      arrivalTime: '1970-01-01T00:00:01.000Z',
      timestamp: '1970-01-01T00:00:00.900Z',
      dataBase64: '/g==',
      headers: { text: 'base64:/w==' },
      headersBase64: { raw: '/w==' },
    })
    expect(parsed(read(input, bytes))).toMatchObject({ data: 'hello', headers: { trace: 'x' } })
    expect(parsed(read({ ...input, data: Buffer.from('{"a":[1]}') }, json()))).toMatchObject({
      data: { a: [1] },
    })
  })

  it('has the error in the place of data that the codec refuses, and leaves out what is not set', () => {
    expect(parsed(broken())).toMatchObject({ data: { code: 'codecFailed', sideEffects: 'none' } })
    expect(Object.keys(parsed(broken()))).not.toEqual(expect.arrayContaining(['headers']))
    expect(inspect(broken())).toContain('codecFailed')
  })

  it('tells text from bytes in console.log', () => {
    expect(inspect(read(input, bytes))).toMatch(
      /data: <Buffer 68 .*headers: \{ trace: 'x', raw: <Buffer ff> \}/s,
    )
  })
})
