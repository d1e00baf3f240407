// Names of streams, consumers, channels and shards: written and read.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  consumerArn,
  parseConsumerArn,
  parseResourceArn,
  parseStreamArn,
  streamArn,
} from '../../src/identifiers/arn.ts'
import { shardIdOf, shardIndexOf } from '../../src/identifiers/shard-ids.ts'

const name = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,128}$/)
const place = { region: 'eu-west-1', account: '123456789012', name: 'clicks' }

describe('ARNs', () => {
  it('are written as the service does', () => {
    expect(streamArn(place)).toBe('arn:aws:kinesis:eu-west-1:123456789012:stream/clicks')
    expect(streamArn({ ...place, region: 'cn-north-1' })).toMatch(/^arn:aws-cn:kinesis:cn-north-1:/)
    expect(streamArn({ ...place, region: 'us-gov-east-1' })).toMatch(/^arn:aws-us-gov:kinesis:us-gov-east-1:/)
    expect(consumerArn({ ...place, consumer: 'app', createdAt: new Date(1_767_323_045_678) })).toBe(
      'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks/consumer/app:1767323045',
    )
  })

  it('are taken apart to what they were made of', () => {
    const region = fc.constantFrom('us-east-1', 'cn-north-1', 'us-gov-west-1', 'local')
    fc.assert(
      fc.property(name, name, region, fc.nat(), (stream, consumer, at, seconds) => {
        const stated = { region: at, account: place.account, name: stream }
        expect(parseStreamArn(streamArn(stated))).toEqual({ kind: 'stream', ...stated })
        const registered = { ...stated, consumer, createdAt: new Date(seconds * 1000) }
        expect(parseConsumerArn(consumerArn(registered))).toEqual({ kind: 'consumer', ...registered })
        expect(parseStreamArn(consumerArn(registered))).toBeUndefined()
        expect(parseConsumerArn(streamArn(stated))).toBeUndefined()
      }),
    )
  })

  it('of channels are known too', () => {
    expect(parseResourceArn('arn:aws:kinesis:us-east-1:000000000000:channel/abc-1')).toEqual({
      kind: 'channel',
      region: 'us-east-1',
      account: '000000000000',
      id: 'abc-1',
    })
  })

  it('are refused if they are of another service or broken', () => {
    const broken = [
      '',
      'clicks',
      'arn:aws:s3:eu-west-1:123456789012:stream/clicks',
      'arn:aws:kinesis:eu-west-1:12345678901:stream/clicks',
      'arn:aws:kinesis::123456789012:stream/clicks',
      'arn:aws:kinesis:eu-west-1:123456789012:stream/',
      'arn:aws:kinesis:eu-west-1:123456789012:stream/a/b',
      'arn:aws:kinesis:eu-west-1:123456789012:stream/a b',
      'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks/consumer/app',
      'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks\n',
      `arn:aws:kinesis:eu-west-1:123456789012:stream/${'a'.repeat(129)}`,
    ]
    expect(broken.filter((text) => parseResourceArn(text) !== undefined)).toEqual([])
  })
})

describe('shard ids', () => {
  it('have twelve digits, and are read in every form that the service reads', () => {
    expect(shardIdOf(3)).toBe('shardId-000000000003')
    const forms = ['shardId-000000000003', 'shard-3', 'anything-3', '-0003', '3', '0003']
    expect(forms.filter((text) => shardIndexOf(text) !== 3)).toEqual([])
    fc.assert(fc.property(fc.nat(2 ** 31 - 1), (index) => shardIndexOf(shardIdOf(index)) === index))
  })

  it('are refused above 2147483647 and without digits', () => {
    expect(shardIndexOf('2147483647')).toBe(2_147_483_647)
    const none = ['2147483648', 'shardId-002147483648', 'ABKLFD8', '2.14E4', 'shardId', '-', '', 'a-b-3']
    expect(none.filter((text) => shardIndexOf(text) !== undefined)).toEqual([])
  })
})
