// Patterns are tried in a way that takes little time: they must match the same texts all the same.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wholeMatch } from '../../src/validation/pattern.ts'
import { channelArn } from '../../src/model/channel-shapes.ts'
import { consumerArn, hashKey, resourceArn, streamArn, streamName } from '../../src/model/values.ts'

const pieces = [
  'arn',
  ':aws',
  '-cn',
  ':kinesis:',
  ':000000000000:',
  'us-east-1',
  'stream/',
  'channel/',
  '/consumer/',
  'name',
  ':1',
  ' ',
  '\n',
  '0',
]
const texts = fc
  .tuple(
    fc.constantFrom('', 'arn:aws', 'arn:aws:kinesis:'),
    fc.array(fc.constantFrom(...pieces), { maxLength: 14 }),
  )
  .map(([start, rest]) => start + rest.join(''))

test.each([streamArn, consumerArn, resourceArn, channelArn, streamName, hashKey])(
  '$pattern',
  ({ pattern }) => {
    const plain = new RegExp(`^(?:${pattern})$`)
    const whole = wholeMatch(pattern)
    fc.assert(
      fc.property(texts, (text) => {
        expect(whole.test(text)).toBe(plain.test(text))
      }),
      { numRuns: 5000 },
    )
    expect(whole.test('arn:aws:kinesis:us-east-1:000000000000:stream/a')).toBe(
      plain.test('arn:aws:kinesis:us-east-1:000000000000:stream/a'),
    )
  },
)
