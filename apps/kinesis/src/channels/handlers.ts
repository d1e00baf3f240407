// The operations on channels, which deliver a stream to S3 or to tables there. They are not built: nothing can be made, so there is
// nothing to list, and nothing is found. Runs in the endpoint.
import type { Call, HandlersOf } from '../call.ts'
import { streamToManage } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { parseResourceArn } from '../identifiers/arn.ts'
import { KinesisError } from '../model/errors.ts'

type ChannelsOperation =
  'CreateChannel' | 'DescribeChannel' | 'ListChannels' | 'UpdateChannel' | 'DeleteChannel'

export function channelsHandlers(parts: EndpointParts): HandlersOf<ChannelsOperation> {
  const refuse = (call: { readonly input: { readonly ChannelARN: string } }): never => {
    const { ChannelARN: arn } = call.input
    if (parseResourceArn(arn)?.kind !== 'channel') {
      throw new KinesisError('ValidationException', `Invalid ChannelARN: ${arn}`)
    }
    throw new KinesisError('ResourceNotFoundException', `Channel ${arn} not found.`)
  }
  return {
    CreateChannel: (call) => createChannel(parts, call),
    DescribeChannel: async (call) => refuse(call),
    ListChannels: async ({ input }) => {
      if (input.NextToken === undefined) return { ChannelSummaries: [] }
      throw new KinesisError('ValidationException', 'Invalid NextToken.')
    },
    UpdateChannel: async (call) => refuse(call),
    DeleteChannel: async (call) => refuse(call),
  }
}

/** Refuses what would be refused anyway first, and then says that there are no channels. */
async function createChannel(parts: EndpointParts, call: Call<'CreateChannel'>): Promise<never> {
  const {
    StreamConfigurationList: streams,
    S3DestinationConfiguration: s3,
    S3TablesDestinationConfiguration: tables,
  } = call.input
  const refuse = (message: string): never => {
    throw new KinesisError('ValidationException', message)
  }
  if ((s3 === undefined) === (tables === undefined)) {
    refuse('Exactly one of S3DestinationConfiguration and S3TablesDestinationConfiguration must be provided.')
  }
  for (const { StreamARN } of streams) await streamToManage(parts, { ...call, input: { StreamARN } })
  return refuse('Channels are not supported by this endpoint: it does not deliver streams to S3.')
}
