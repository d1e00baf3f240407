// PutRecord and PutRecordBatch while the broker is away: the refusal is one that clients try again.
import { MillraceError, type ErrorCode } from 'millrace'
import { describe, expect, it } from 'vitest'
import type { FirehoseCall } from '../../src/firehose/firehose-call.ts'
import type { FirehoseParts } from '../../src/firehose/firehose-parts.ts'
import { firehoseRecordsHandlers } from '../../src/firehose/records.ts'
import { asKinesisError } from '../../src/native-errors.ts'

/** The error that a put of this delivery ends with, where the broker's puts end with `code`. */
function refusalOf(operation: 'PutRecord' | 'PutRecordBatch', code: ErrorCode): Promise<unknown> {
  const place = {
    operation: 'PutRecords',
    region: 'us-east-1',
    account: '000000000000',
    principal: undefined,
  } as const
  const parts = {
    deliveries: { known: () => Promise.resolve({ source: { isOwn: true, stream: 'lake.delivery' } }) },
    putRecords: () => {
      throw asKinesisError(new MillraceError(code, 'In other words.'), place)
    },
  } as unknown as FirehoseParts
  const record = { Data: Buffer.from('a') }
  const call = { input: { DeliveryStreamName: 'lake', Record: record, Records: [record] }, caller: {} }
  const handlers = firehoseRecordsHandlers(parts)
  const answer: Promise<unknown> =
    operation === 'PutRecord'
      ? handlers.PutRecord(call as unknown as FirehoseCall<'PutRecord'>)
      : handlers.PutRecordBatch(call as unknown as FirehoseCall<'PutRecordBatch'>)
  return answer.catch((error: unknown) => error)
}

describe.each(['PutRecord', 'PutRecordBatch'] as const)('%s', (operation) => {
  it.each(['unavailable', 'timedOut', 'connectionLost', 'outcomeUnknown'] as const)(
    'answers ServiceUnavailableException where the broker ends it with %s',
    async (code) => {
      expect(await refusalOf(operation, code)).toMatchObject({ code: 'ServiceUnavailableException' })
    },
  )

  it('answers a defect as a failure', async () => {
    expect(await refusalOf(operation, 'internal')).toMatchObject({ code: 'InternalFailureException' })
  })
})
