// How refusals of the broker are answered.
import { MillraceError } from 'millrace'
import { describe, expect, it } from 'vitest'
import { KinesisError } from '../src/model/errors.ts'
import { accessDenied, asKinesisError, translated } from '../src/native-errors.ts'

const place = {
  operation: 'DescribeStream',
  region: 'us-east-1',
  account: '123456789012',
  principal: 'alice',
  stream: 'clicks',
} as const

const textOf = (error: unknown): string =>
  error instanceof KinesisError ? `${error.code}: ${error.message}` : 'none'

describe('refusals of the broker', () => {
  it('have the texts of the service where it has texts', () => {
    const told = (code: ConstructorParameters<typeof MillraceError>[0]) =>
      textOf(asKinesisError(new MillraceError(code, 'In other words.'), place))
    expect(told('streamNotFound')).toBe(
      'ResourceNotFoundException: Stream clicks under account 123456789012 not found.',
    )
    expect(told('streamExists')).toBe(
      'ResourceInUseException: Stream clicks under account 123456789012 already exists.',
    )
    expect(told('streamBusy')).toBe(
      'ResourceInUseException: Stream clicks under account 123456789012 not ACTIVE, instead in state UPDATING',
    )
    expect(told('limitExceeded')).toBe('LimitExceededException: In other words.')
    expect(told('unavailable')).toBe('ServiceUnavailableException: In other words.')
    expect(told('principalNotFound')).toBe(
      'UnrecognizedClientException: The security token included in the request is invalid.',
    )
    expect(told('outcomeUnknown')).toBe('InternalFailureException: In other words.')
  })

  it('name the shard whose throughput is used up', () => {
    const records = { shardId: 'shardId-000000000003', firstSequenceNumber: 0, nextSequenceNumber: 0 }
    const error = new MillraceError('provisionedThroughputExceeded', 'Too much.', { records })
    expect(textOf(asKinesisError(error, place))).toBe(
      'ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000003 in stream clicks under account 123456789012.',
    )
  })

  it('name the user, the action and the resource where a grant is missing', () => {
    const text =
      'AccessDeniedException: User: arn:aws:iam::123456789012:user/alice is not authorized to perform: kinesis:DescribeStream ' +
      'on resource: arn:aws:kinesis:us-east-1:123456789012:stream/clicks because no identity-based policy allows the ' +
      'kinesis:DescribeStream action'
    expect(textOf(asKinesisError(new MillraceError('permissionDenied', 'No.'), place))).toBe(text)
    expect(textOf(accessDenied(place))).toBe(text)
  })

  it('leave every other error as it is', async () => {
    const defect = new TypeError('a defect')
    expect(asKinesisError(defect, place)).toBe(defect)
    await expect(translated(place, () => Promise.reject(defect))).rejects.toBe(defect)
    await expect(
      translated(place, () => Promise.reject(new MillraceError('streamNotFound', 'No.'))),
    ).rejects.toBeInstanceOf(KinesisError)
  })
})
