// Answers, events and errors in JSON, as clients of the service read them.
import { expect, test } from 'vitest'
import { encodeAnswer, encodeError, encodeEvent, type Body } from '../../src/codecs/answers.ts'
import { KinesisError } from '../../src/model/errors.ts'

function text(body: Body): string {
  return Buffer.from(body).toString()
}

test('an operation without output answers an empty body', () => {
  expect(encodeAnswer('CreateStream', {}, 'json')).toBe('')
})

test('records: base64, seconds with a fraction, no member that is absent', () => {
  const record = {
    SequenceNumber: '49640',
    ApproximateArrivalTimestamp: new Date(1732980123456),
    Data: Buffer.from('"héllo"'),
    PartitionKey: 'a"\\\u2028',
  }
  const answer = encodeAnswer(
    'GetRecords',
    { Records: [record, { SequenceNumber: '1', Data: new Uint8Array() }], MillisBehindLatest: 0 },
    'json',
  )
  expect(text(answer)).toBe(
    '{"Records":[{"SequenceNumber":"49640","ApproximateArrivalTimestamp":1732980123.456,"Data":"ImjDqWxsbyI=",' +
      '"PartitionKey":"a\\"\\\\\u2028"},{"SequenceNumber":"1","Data":""}],"MillisBehindLatest":0}',
  )
})

test('maps, booleans and structures in structures', () => {
  expect(text(encodeAnswer('ListTagsForStream', { Tags: [{ Key: 'a' }], HasMoreTags: false }, 'json'))).toBe(
    '{"Tags":[{"Key":"a"}],"HasMoreTags":false}',
  )
  expect(text(encodeAnswer('DescribeAccountSettings', {}, 'json'))).toBe('{}')
})

test('an event is told with its name', () => {
  const event = { Records: [], ContinuationSequenceNumber: '1', MillisBehindLatest: 7 }
  const { type, payload } = encodeEvent('SubscribeToShard', { SubscribeToShardEvent: event }, 'json')
  expect(type).toBe('SubscribeToShardEvent')
  expect(text(payload)).toBe('{"Records":[],"ContinuationSequenceNumber":"1","MillisBehindLatest":7}')
})

test('a text is quoted as JSON.stringify quotes it, whatever its characters and its length', () => {
  const characters = ['a', '"', '\\', '\n', '\u007f', 'ü', '\u2028', '😀', '\ud83d']
  for (const length of [0, 1, 62, 63, 64, 65, 66, 1000]) {
    for (const character of characters) {
      const Value = 'x'.repeat(length) + character
      const answer = text(
        encodeAnswer('ListTagsForStream', { Tags: [{ Key: Value, Value }], HasMoreTags: true }, 'json'),
      )
      expect(answer).toBe(JSON.stringify({ Tags: [{ Key: Value, Value }], HasMoreTags: true }))
    }
  }
})

test('a large answer is whole, and so is the one after it', () => {
  const Data = Buffer.alloc(3 * 1024 * 1024, 7)
  const large = encodeAnswer('GetRecords', { Records: [{ SequenceNumber: '1', Data }] }, 'json')
  const small = encodeAnswer('GetRecords', { Records: [] }, 'json')
  expect(text(large)).toBe(`{"Records":[{"SequenceNumber":"1","Data":"${Data.toString('base64')}"}]}`)
  expect(text(small)).toBe('{"Records":[]}')
})

test('a number that JSON could not tell is an error, never null', () => {
  expect(() => encodeAnswer('GetRecords', { Records: [], MillisBehindLatest: NaN }, 'json')).toThrow(
    'no whole number',
  )
})

test.each([
  [
    new KinesisError('ResourceNotFoundException', 'a'),
    '{"__type":"ResourceNotFoundException","message":"a"}',
  ],
  [new KinesisError('SerializationException', 'a'), '{"__type":"SerializationException","Message":"a"}'],
  [new KinesisError('SerializationException', ''), '{"__type":"SerializationException"}'],
])('an error names its kind: %s', (error, body) => {
  expect(encodeError(error, 'json')).toBe(body)
})

test.each([0, 1, 10, 120, 999, 1000, 1001, 1732980123400, 1732980123456, -1, -1500, 8.64e15, 8.64e15 - 1])(
  'a moment of %s milliseconds reads as the same number of seconds',
  (milliseconds) => {
    const Records = [
      { SequenceNumber: '1', Data: new Uint8Array(), ApproximateArrivalTimestamp: new Date(milliseconds) },
    ]
    const answer = JSON.parse(text(encodeAnswer('GetRecords', { Records }, 'json'))) as {
      Records: { ApproximateArrivalTimestamp: number }[]
    }
    expect(answer.Records[0]?.ApproximateArrivalTimestamp).toBe(milliseconds / 1000)
  },
)
