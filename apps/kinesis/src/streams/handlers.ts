// The operations on streams. Runs in the endpoint.
import type { HandlersOf } from '../call.ts'
import { changeFacts, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { KinesisError } from '../model/errors.ts'
import { createStream } from './create-stream.ts'
import { deleteStream } from './delete-stream.ts'
import { describeStream, describeStreamSummary } from './descriptions.ts'
import { listStreams } from './list-streams.ts'
import { decreaseRetention, increaseRetention } from './retention.ts'

type StreamsOperation =
  | 'CreateStream'
  | 'DeleteStream'
  | 'DescribeStream'
  | 'DescribeStreamSummary'
  | 'ListStreams'
  | 'IncreaseStreamRetentionPeriod'
  | 'DecreaseStreamRetentionPeriod'
  | 'UpdateMaxRecordSize'
  | 'UpdateStreamRecordDistributionStrategy'

export function streamsHandlers(parts: EndpointParts): HandlersOf<StreamsOperation> {
  return {
    CreateStream: (call) => createStream(parts, call),
    DeleteStream: (call) => deleteStream(parts, call),
    DescribeStream: (call) => describeStream(parts, call),
    DescribeStreamSummary: (call) => describeStreamSummary(parts, call),
    ListStreams: (call) => listStreams(parts, call),
    IncreaseStreamRetentionPeriod: (call) => increaseRetention(parts, call),
    DecreaseStreamRetentionPeriod: (call) => decreaseRetention(parts, call),
    UpdateMaxRecordSize: async (call) => {
      const maxRecordSizeInKiB = call.input.MaxRecordSizeInKiB
      const view = await streamToChange(parts, call)
      await changeFacts(parts, view, (facts) => ({ ...facts, maxRecordSizeInKiB }))
      return {}
    },
    // Takes effect at once: the stream stays active.
    UpdateStreamRecordDistributionStrategy: async (call) => {
      const distribution = call.input.RecordDistributionStrategy
      const view = await streamToChange(parts, call)
      if (view.stream.mode !== 'on-demand' && distribution === 'AUTO') {
        const message = `RecordDistributionStrategy AUTO is only supported for streams in ON_DEMAND mode, and stream ${view.name} is in PROVISIONED mode.`
        throw new KinesisError('InvalidArgumentException', message)
      }
      await parts.book.update(view, (facts) => ({ ...facts, distribution }))
      return {}
    },
  }
}
