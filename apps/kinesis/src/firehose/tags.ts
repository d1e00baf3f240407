// Tags of delivery streams. Runs in the endpoint. They are no part of what a delivery does, and leave its version as it is.
import { TAGS_MAX } from '../tags/tag-rules.ts'
import type { FirehoseHandlersOf } from './firehose-call.ts'
import type { FirehoseParts } from './firehose-parts.ts'
import { invalid } from './model/errors.ts'

type TagsOperation = 'TagDeliveryStream' | 'UntagDeliveryStream' | 'ListTagsForDeliveryStream'

export function firehoseTagsHandlers({ deliveries }: FirehoseParts): FirehoseHandlersOf<TagsOperation> {
  return {
    TagDeliveryStream: async (call) => {
      const added = call.input.Tags.map(({ Key, Value }) => [Key, Value ?? ''] as const)
      await deliveries.change(call, call.input.DeliveryStreamName, (before) => {
        const tags = { ...before.tags, ...Object.fromEntries(added) }
        if (Object.keys(tags).length > TAGS_MAX)
          throw invalid(`A delivery stream has at most ${TAGS_MAX} tags.`)
        return { ...before, tags }
      })
      return {}
    },
    UntagDeliveryStream: async (call) => {
      const gone = new Set(call.input.TagKeys)
      await deliveries.change(call, call.input.DeliveryStreamName, (before) => ({
        ...before,
        tags: Object.fromEntries(Object.entries(before.tags).filter(([key]) => !gone.has(key))),
      }))
      return {}
    },
    ListTagsForDeliveryStream: async (call) => {
      const { DeliveryStreamName: name, ExclusiveStartTagKey: after = '', Limit = TAGS_MAX } = call.input
      const { tags } = await deliveries.read(call, name)
      const following = Object.entries(tags)
        .filter(([key]) => key > after)
        .sort(([one], [other]) => (one < other ? -1 : 1))
      return {
        Tags: following.slice(0, Limit).map(([Key, Value]) => ({ Key, Value })),
        HasMoreTags: following.length > Limit,
      }
    },
  }
}
