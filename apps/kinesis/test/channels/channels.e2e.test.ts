// The operations on channels: none can be made, and each says so by an error that the service has.
import { describe, expect, it } from 'vitest'
import { channelsHandlers } from '../../src/channels/handlers.ts'
import { ACCOUNT, refusalOf, REGION, smallBroker } from '../support/small-endpoint.ts'

const StreamARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/clicks`
const ChannelARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:channel/abc`

describe('channels', () => {
  it('are not made, and the refusal says why', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const handlers = channelsHandlers(endpoint)
    const create = (destinations: object) =>
      refusalOf(
        handlers.CreateChannel(
          endpoint.call('CreateChannel', {
            ChannelName: 'c',
            ServiceExecutionRoleARN: `arn:aws:iam::${ACCOUNT}:role/r`,
            StreamConfigurationList: [{ StreamARN, RecordConfiguration: { RecordFormatType: 'JSON' } }],
            ...destinations,
          }),
        ),
      )
    const S3DestinationConfiguration = {
      StorageConfiguration: {
        BucketARN: 'arn:aws:s3:::bucket',
        ExpectedBucketOwner: ACCOUNT,
        CompressionType: 'NONE',
      },
    }
    expect(await create({})).toMatch(/^ValidationException: Exactly one of/)
    expect(await create({ S3DestinationConfiguration })).toMatch(/^ResourceNotFoundException: Stream clicks/)
    await endpoint.own.createStream('clicks')
    expect(await create({ S3DestinationConfiguration })).toBe(
      'ValidationException: Channels are not supported by this endpoint: it does not deliver streams to S3.',
    )
  })

  it('are none in the list, and not found', async () => {
    await using room = await smallBroker()
    await using endpoint = await room.endpoint()
    const handlers = channelsHandlers(endpoint)
    const { call } = endpoint
    expect(await handlers.ListChannels(call('ListChannels', {}))).toEqual({ ChannelSummaries: [] })
    expect(await refusalOf(handlers.ListChannels(call('ListChannels', { NextToken: 'x' })))).toMatch(
      /^ValidationException/,
    )
    const asks = [
      handlers.DescribeChannel(call('DescribeChannel', { ChannelARN })),
      handlers.UpdateChannel(call('UpdateChannel', { ChannelARN })),
      handlers.DeleteChannel(call('DeleteChannel', { ChannelARN })),
    ]
    for (const ask of asks) {
      expect(await refusalOf(ask)).toBe(`ResourceNotFoundException: Channel ${ChannelARN} not found.`)
    }
    const odd = call('DeleteChannel', { ChannelARN: StreamARN })
    expect(await refusalOf(handlers.DeleteChannel(odd))).toMatch(/^ValidationException: Invalid ChannelARN/)
  })
})
