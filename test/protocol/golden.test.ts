// Frozen bytes. A released message never changes its bytes: a field may only be appended, and then both the old bytes
// must still decode (keep them, under a name that says the version) and the new ones are added beside them.
import { createSecretKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  BATCH_HEADER_BYTES,
  checkStoredBatch,
  sampledKeysOf,
  stampBatch,
} from '../../protocol/batch/batch.ts'
import { encryptBatch, keyIdOf, openBatch } from '../../protocol/batch/encryption.ts'
import { events, type EventName } from '../../protocol/events.ts'
import {
  decodeMessage,
  decodeResponse,
  encodeError,
  encodeEvent,
  encodeRequest,
  encodeResponse,
} from '../../protocol/frame/messages.ts'
import { operations, type OperationName, type ResponseOf } from '../../protocol/operations.ts'
import { readRecords } from '../../protocol/batch/record.ts'
import type { Field, Shape } from '../../protocol/shapes.ts'
import { plain } from './arbitraries.ts'
import { batchOf, hashKeyOf, record } from './batches.ts'
import { golden } from './golden-bytes.ts'

/** One value of a shape, always the same: every field present, every list with one entry. */
function sampleOf(shape: Shape): never {
  let count = 0
  const sample = (field: Field): unknown => {
    count++
    switch (field.kind) {
      case 'string':
        return `text-${count}`
      case 'uint':
        // Every other large one takes the 64-bit form.
        return field.max > 2 ** 40 && count % 2 === 0 ? 1_700_000_000_000 + count : Math.min(field.max, count)
      case 'boolean':
        return true
      case 'bytes':
        return Uint8Array.of(1, 2, 3)
      case 'hashKey':
        return Uint8Array.from({ length: 16 }, (_, i) => i)
      case 'choice':
        return field.values.at(-1)
      case 'list':
        return [sample(field.of)]
      case 'struct':
        return fieldsOf(field.shape)
      case 'optional':
        return sample(field.of)
    }
  }
  const fieldsOf = (of: Shape): unknown =>
    Object.fromEntries(Object.entries(of).map(([name, field]) => [name, sample(field)]))
  return fieldsOf(shape) as never
}

function hex(chunks: Uint8Array[]): string {
  return Buffer.concat(chunks).toString('hex')
}

/** The payload of a frozen frame. */
function payloadOf(name: string): Buffer {
  return Buffer.from(golden[name] ?? '', 'hex').subarray(4)
}

describe('golden bytes', () => {
  test.each(Object.keys(operations) as OperationName[])('%s', (operation) => {
    const request = sampleOf(operations[operation].request)
    const response = sampleOf(operations[operation].response)
    expect(hex(encodeRequest(operation, 7, request))).toBe(golden[`${operation} request`])
    expect(hex(encodeResponse(operation, 7, response))).toBe(golden[`${operation} response`])

    const asked = decodeMessage(payloadOf(`${operation} request`))
    expect(plain(asked)).toEqual(plain({ kind: 'request', operation, correlationId: 7, request }))
    const { wire } = decodeMessage(payloadOf(`${operation} response`)) as { wire: unknown }
    expect(plain(decodeResponse(operation, wire))).toEqual(plain(response))
  })

  test('a hello from before there was access control is read as one of a broker without', () => {
    const { wire } = decodeMessage(payloadOf('hello response without access')) as { wire: unknown }
    const response = { ...(sampleOf(operations.hello.response) as object), access: 'open' }
    expect(plain(decodeResponse('hello', wire))).toEqual(plain(response))
  })

  test('an append from before there were secrets is read as one without', () => {
    const batches = [{ streamId: 3, shardIndex: 4, batch: Uint8Array.of(1, 2, 3), producerSecret: undefined }]
    const asked = decodeMessage(payloadOf('append request without secrets'))
    expect(plain(asked)).toEqual(
      plain({ kind: 'request', operation: 'append', correlationId: 7, request: { batches } }),
    )
  })

  test('a deletion from before it could name the stream by its id is read as one of whichever has the name', () => {
    const request = { name: 'text-1', expectedId: undefined }
    expect(plain(decodeMessage(payloadOf('deleteStream request without an id')))).toEqual(
      plain({ kind: 'request', operation: 'deleteStream', correlationId: 7, request }),
    )
  })

  test('a token from before one could act as another is read as one of who asks himself', () => {
    const request = { ...(sampleOf(operations.authenticate.request) as object), actAs: undefined }
    expect(plain(decodeMessage(payloadOf('authenticate request without whom to act as')))).toEqual(
      plain({ kind: 'request', operation: 'authenticate', correlationId: 7, request }),
    )
  })

  test('a subscription from before there were consumers is read as one without', () => {
    const request = { ...(sampleOf(operations.subscribe.request) as object), consumer: undefined }
    expect(plain(decodeMessage(payloadOf('subscribe request without a consumer')))).toEqual(
      plain({ kind: 'request', operation: 'subscribe', correlationId: 7, request }),
    )
  })

  test('a routing from before it told when shards were closed is read as one that does not', () => {
    const { wire } = decodeMessage(payloadOf('describeRouting response without closing times')) as {
      wire: unknown
    }
    const sample = sampleOf(operations.describeRouting.response) as { shards: readonly object[] }
    const shards = sample.shards.map((shard) => ({ ...shard, closedAt: undefined }))
    expect(plain(decodeResponse('describeRouting', wire))).toEqual(plain({ ...sample, shards }))
  })

  test('answers and events from before they told the time are read as ones that do not', () => {
    const { wire } = decodeMessage(payloadOf('fetch response without a time')) as { wire: unknown }
    const response = { ...(sampleOf(operations.fetch.response) as object), time: undefined }
    expect(plain(decodeResponse('fetch', wire))).toEqual(plain(response))
    for (const event of ['records', 'heartbeat'] as const) {
      const body = { ...(sampleOf(events[event].body) as object), time: undefined }
      expect(plain(decodeMessage(payloadOf(`${event} event without a time`)))).toEqual(
        plain({ kind: 'event', event, body }),
      )
    }
  })

  test('groups from before they told their lives, and streams that are gone, are read as ones that do not', () => {
    const join = decodeMessage(payloadOf('joinGroup request without a life'))
    expect(join).toMatchObject({ request: { memberId: 'text-2', life: undefined } })
    const decoded = <N extends OperationName>(operation: N, name: string): ResponseOf<N> =>
      decodeResponse(operation, (decodeMessage(payloadOf(name)) as { wire: unknown }).wire)
    expect(decoded('joinGroup', 'joinGroup response without a life')).toEqual({ leaseMs: 1, life: undefined })
    expect(decoded('syncMember', 'syncMember response without streams').streams).toEqual([])
    const [listed] = decoded('listGroups', 'listGroups response without gone streams').groups
    const { group } = decoded('describeGroup', 'describeGroup response without gone streams')
    expect([listed!.goneStreams, group.goneStreams]).toEqual([[], []])
  })

  test.each(Object.keys(events) as EventName[])('%s', (event) => {
    const body = sampleOf(events[event].body)
    expect(hex(encodeEvent(event, body))).toBe(golden[`${event} event`])
    expect(plain(decodeMessage(payloadOf(`${event} event`)))).toEqual(plain({ kind: 'event', event, body }))
  })

  test.each([
    ['overloaded error', { code: 'overloaded', message: 'The append queue is full.', retryAfterMs: 50 }],
    ['versionConflict error', { code: 'versionConflict', message: 'It has version 7.', currentVersion: 7 }],
  ] as const)('an %s', (name, error) => {
    expect(hex(encodeError(7, error))).toBe(golden[name])
    expect(decodeMessage(payloadOf(name))).toMatchObject({ kind: 'error', correlationId: 7, error })
  })

  test('an error from before one could tell a version is read as one that does not', () => {
    const error = { code: 'overloaded', retryAfterMs: 50, currentVersion: undefined }
    expect(decodeMessage(payloadOf('overloaded error without a version'))).toMatchObject({ error })
  })

  test('a batch, as sent and as stored', () => {
    const records = [
      { partitionKey: 'user-1', data: Buffer.from('first') },
      {
        partitionKey: 'ключ',
        data: Buffer.from('second'),
        explicitHashKey: Uint32Array.of(1, 2, 3, 4),
        timestamp: 1_700_000_000_123,
        headers: { trace: Buffer.from('abc') },
      },
    ]
    const batch = batchOf(records, {
      producerId: 2 ** 52 + 1,
      producerEpoch: 3,
      firstProducerSequence: 2 ** 33,
    })
    expect(hex([batch])).toBe(golden['batch sent'])
    stampBatch(batch, 2 ** 40, 1_700_000_000_456)
    expect(hex([batch])).toBe(golden['batch stored'])

    const stored = Buffer.from(golden['batch stored'] ?? '', 'hex')
    expect(checkStoredBatch(stored, 2 ** 40)).toBeUndefined()
    const read = readRecords(stored).map(({ partitionKey, data, explicitHashKey, timestamp, headers }) =>
      plain({ partitionKey, data, explicitHashKey, timestamp, headers }),
    )
    expect(read).toEqual([
      plain({ explicitHashKey: undefined, timestamp: 0, headers: {}, ...records[0] }),
      plain({ ...records[1] }),
    ])
    expect(stored.length).toBeGreaterThan(BATCH_HEADER_BYTES)
  })

  test('a compressed batch with a sample of its keys, which any version of a codec may make otherwise', () => {
    const stored = Buffer.from(golden['batch compressed'] ?? '', 'hex')
    expect(checkStoredBatch(stored, 2 ** 40)).toBeUndefined()
    const records = readRecords(stored)
    expect(records.map(({ partitionKey }) => partitionKey)).toEqual(['ada', 'bob', 'eve'])
    expect(sampledKeysOf(stored)).toEqual([hashKeyOf(record('eve'))])
  })

  test('an encrypted batch, as stored', () => {
    const range = (length: number) => Uint8Array.from({ length }, (_, i) => i)
    const secret = createSecretKey(range(32))
    const batch = encryptBatch(
      batchOf([record('ada', 'first'), record('bob', 'second')], { producerId: 7, producerEpoch: 3 }),
      { key: { id: 'key-1', secret }, stream: 'clicks', nonce: range(24), random: () => 0.5 },
    )
    stampBatch(batch, 2 ** 40, 1_700_000_000_456)
    expect(hex([batch])).toBe(golden['batch encrypted'])

    const stored = Buffer.from(golden['batch encrypted'] ?? '', 'hex')
    expect(checkStoredBatch(stored, 2 ** 40)).toBeUndefined()
    expect(keyIdOf(stored)).toBe('key-1')
    expect(sampledKeysOf(stored)).toEqual([hashKeyOf(record('bob'))])
    const records = Buffer.from(openBatch(stored, secret, 'clicks')).toString('latin1')
    for (const text of ['ada', 'first', 'bob', 'second']) expect(records).toContain(text)
  })

  test('every frozen message is one of the tables', () => {
    const names = [
      ...Object.keys(operations).flatMap((name) => [`${name} request`, `${name} response`]),
      ...Object.keys(events).map((name) => `${name} event`),
      'overloaded error',
      'overloaded error without a version',
      'versionConflict error',
      'deleteStream request without an id',
      'batch sent',
      'batch stored',
      'batch compressed',
      'batch encrypted',
      'append request without secrets',
      'authenticate request without whom to act as',
      'hello response without access',
      'subscribe request without a consumer',
      'fetch response without a time',
      'records event without a time',
      'heartbeat event without a time',
      'describeRouting response without closing times',
      'joinGroup request without a life',
      'joinGroup response without a life',
      'syncMember response without streams',
      'listGroups response without gone streams',
      'describeGroup response without gone streams',
    ]
    expect(Object.keys(golden).toSorted()).toEqual(names.toSorted())
  })
})
