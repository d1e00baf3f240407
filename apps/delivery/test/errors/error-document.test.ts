// Error documents: Firehose's words, and back to records.
import { expect, it } from 'vitest'
import { errorLine, replayedRecord } from '../../src/errors/error-document.ts'
import type { ErrorRecord } from '../../src/errors/error-record.ts'

const failed: ErrorRecord = {
  type: 'processing-failed',
  origin: {
    shardId: 'shardId-000000000003',
    sequenceNumber: 77,
    subSequence: 2,
    partitionKey: 'k',
    data: Buffer.from('source'),
    arrivedAt: 1000,
  },
  rawData: Buffer.from('source'),
  attemptsMade: 4,
  code: 'Lambda.FunctionError',
  message: 'it said no',
  endedAt: 2000,
  function: 'enrich',
}

it("errorLine: a record that was not processed has Firehose's fields, and the place that it comes from", () => {
  const text = Buffer.from(errorLine(failed)).toString()
  expect(text.endsWith('\n')).toBe(true)
  expect(JSON.parse(text)).toEqual({
    attemptsMade: 4,
    arrivalTimestamp: 1000,
    errorCode: 'Lambda.FunctionError',
    errorMessage: 'it said no',
    attemptEndingTimestamp: 2000,
    rawData: Buffer.from('source').toString('base64'),
    lambdaArn: 'enrich',
    partitionKey: 'k',
    shardId: 'shardId-000000000003',
    sequenceNumber: '77',
    subSequenceNumber: 2,
  })
})

it('errorLine: a record that was not converted has the last error, as Firehose names it', () => {
  const { function: _function, ...rest } = failed
  const line = JSON.parse(Buffer.from(errorLine({ ...rest, type: 'format-conversion-failed' })).toString())
  expect(line).toMatchObject({
    lastErrorCode: 'Lambda.FunctionError',
    lastErrorMessage: 'it said no',
    arrivalTimestamp: 1000,
    partitionKey: 'k',
    shardId: 'shardId-000000000003',
    sequenceNumber: '77',
  })
  expect(line).not.toHaveProperty('errorCode')
})

it('replayedRecord: gives back data, key and arrival', () => {
  const line = Buffer.from(errorLine(failed)).toString()
  expect(replayedRecord(line, 5)).toMatchObject({
    sequenceNumber: 5,
    partitionKey: 'k',
    arrivedAt: 1000,
    shardId: 'shardId-000000000003',
    data: Buffer.from('source'),
  })
})

it('replayedRecord: knows of a record that the function has had, also when it fails again in another way', () => {
  const transformed = { partitionKeys: { team: 'red' } }
  const line = Buffer.from(errorLine({ ...failed, type: 'format-conversion-failed', transformed })).toString()
  const origin = replayedRecord(line, 5)
  expect(origin.transformed).toEqual(transformed)
  expect(replayedRecord(Buffer.from(errorLine({ ...failed, origin })).toString(), 0).transformed).toEqual(
    transformed,
  )
  expect(replayedRecord(Buffer.from(errorLine(failed)).toString(), 0)).not.toHaveProperty('transformed')
  for (const partitionKeys of [1, null, { a: 1 }]) {
    const wrong = JSON.stringify({ rawData: '', transformed: { partitionKeys } })
    expect(replayedRecord(wrong, 0)).not.toHaveProperty('transformed')
  }
})

it('replayedRecord: takes a line of Firehose, which has no key, and refuses what is no error document', () => {
  expect(replayedRecord('{"rawData":"aGk="}', 0)).toMatchObject({
    data: Buffer.from('hi'),
    partitionKey: 'replayed',
  })
  expect(() => replayedRecord('{"a":1}', 0)).toThrow('has no rawData')
  expect(() => replayedRecord('no', 0)).toThrow(SyntaxError)
})
