// Stream names by Kinesis' rule, refused with the reason.
import { expect, test } from 'vitest'
import { checkStreamName } from '../../protocol/stream-name.ts'

test.each(['a', 'Clicks_2024.eu-west-1', '.', 'x'.repeat(128)])('checkStreamName: %s is a name', (name) => {
  expect(checkStreamName(name)).toBeUndefined()
})

test.each([
  ['', 'A stream name must not be empty.'],
  ['x'.repeat(129), 'A stream name has at most 128 characters; this one has 129.'],
  ['a b', 'A stream name is made of a–z, A–Z, 0–9, _ . and -; "a b" has " ".'],
  ['a/b', 'A stream name is made of a–z, A–Z, 0–9, _ . and -; "a/b" has "/".'],
  ['naïve', 'A stream name is made of a–z, A–Z, 0–9, _ . and -; "naïve" has "ï".'],
  ['x😀', 'A stream name is made of a–z, A–Z, 0–9, _ . and -; "x😀" has "😀".'],
])('checkStreamName: %j is refused with the reason', (name, reason) => {
  expect(checkStreamName(name)).toBe(reason)
})
