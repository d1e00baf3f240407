// The event of a batch is Lambda's, whatever way it takes: packed, transferred, and as JSON.
import { expect, it } from 'vitest'
import fc from 'fast-check'
import { parseKinesisSequenceNumber } from 'millrace/protocol'
import { EVENT_FRAME_BYTES, recordEventBytes } from '../../src/events/event-size.ts'
import { answerKeys, packBatch, transferListOf, type EventSource } from '../../src/events/kinesis-batch.ts'
import { kinesisEvent, kinesisEventJson } from '../../src/events/kinesis-event.ts'

const source: EventSource = {
  shardId: 'shardId-000000000003',
  shardIndex: 3,
  shardCreatedAt: Date.UTC(2026, 0, 1),
  region: 'eu-west-1',
  eventSourceArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks',
  invokeIdentityArn: 'arn:aws:iam::123456789012:role/millrace',
}
const arrivedAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

function recordOf(
  sequenceNumber: number,
  partitionKey: string,
  bytes: Uint8Array,
): Parameters<typeof packBatch>[0][number] {
  return { sequenceNumber, partitionKey, bytes, arrivalTime: new Date(arrivedAt) }
}

it('has the fields that Lambda gives a record of Kinesis', () => {
  const batch = packBatch([recordOf(41, 'k\u00f6y', Buffer.from('hello'))], {
    source,
    window: undefined,
    wantsRecords: false,
  })
  const { Records, ...rest } = kinesisEvent(batch)
  expect(rest).toEqual({})
  const [record] = Records
  const { sequenceNumber } = record!.kinesis
  expect(sequenceNumber).toMatch(/^\d{56}$/)
  expect(parseKinesisSequenceNumber(sequenceNumber)).toMatchObject({ sequenceNumber: 41, shardIndex: 3 })
  expect(Records).toEqual([
    {
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: 'k\u00f6y',
        sequenceNumber,
        data: 'aGVsbG8=',
        approximateArrivalTimestamp: 1767323045.678,
      },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: `shardId-000000000003:${sequenceNumber}`,
      eventName: 'aws:kinesis:record',
      invokeIdentityArn: 'arn:aws:iam::123456789012:role/millrace',
      awsRegion: 'eu-west-1',
      eventSourceARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks',
    },
  ])
})

it('of a window has its bounds, state and place beside the records', () => {
  const window = {
    start: Date.UTC(2026, 0, 2, 3, 4),
    end: Date.UTC(2026, 0, 2, 3, 6),
    state: { clicks: 2 },
    isFinal: true,
    isTerminatedEarly: false,
  }
  expect(kinesisEvent(packBatch([], { source, window, wantsRecords: false }))).toEqual({
    Records: [],
    window: { start: '2026-01-02T03:04:00Z', end: '2026-01-02T03:06:00Z' },
    state: { clicks: 2 },
    shardId: 'shardId-000000000003',
    eventSourceARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks',
    isFinalInvokeForWindow: true,
    isWindowTerminatedEarly: false,
  })
})

const records = fc.array(
  fc.record({
    key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    data: fc.uint8Array({ maxLength: 50 }),
  }),
  { maxLength: 8 },
)

it('survives a transfer, gives back every byte and key, and takes no more room than counted', () => {
  fc.assert(
    fc.property(records, (given) => {
      const packed = packBatch(
        given.map(({ key, data }, i) => recordOf(i * 2, key, data)),
        { source, window: undefined, wantsRecords: false },
      )
      const batch = structuredClone(packed, { transfer: transferListOf(packed) })
      expect(packed.bytes.byteLength).toBe(0)
      const { Records } = kinesisEvent(batch)
      expect(
        Records.map(({ kinesis }) => ({
          key: kinesis.partitionKey,
          data: [...Buffer.from(kinesis.data, 'base64')],
        })),
      ).toEqual(given.map(({ key, data }) => ({ key, data: [...data] })))
      const keyOf = answerKeys(batch)
      expect(given.map((_, i) => keyOf(i, given.length))).toEqual(given.map(({ key }) => key))
      const arns = source.eventSourceArn.length + source.invokeIdentityArn.length + source.region.length
      const counted = given.reduce(
        (sum, { key, data }) => sum + recordEventBytes(data.length, key, arns),
        EVENT_FRAME_BYTES,
      )
      expect(kinesisEventJson(batch).length).toBeLessThanOrEqual(
        counted + keyOverrun(given.map(({ key }) => key)),
      )
    }),
  )
})

/** Keys of control characters and of three-byte characters may take more than the two bytes a character that are counted. */
function keyOverrun(keys: readonly string[]): number {
  return keys.reduce(
    (sum, key) => sum + Math.max(0, Buffer.byteLength(JSON.stringify(key)) - 2 - key.length * 2),
    0,
  )
}
