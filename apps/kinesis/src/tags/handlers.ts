// The operations on tags. Runs in the endpoint. The broker does not know tags: the endpoint keeps them.
import type { HandlersOf } from '../call.ts'
import { requireMay, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { resolveResource, type Resource, type ResourceCall } from '../book/resources.ts'
import { checkKeys, checkTags, listedTags, TAGS_MAX, withoutTags, withTags } from './tag-rules.ts'

type TagsOperation =
  | 'AddTagsToStream'
  | 'RemoveTagsFromStream'
  | 'ListTagsForStream'
  | 'TagResource'
  | 'UntagResource'
  | 'ListTagsForResource'

export function tagsHandlers(parts: EndpointParts): HandlersOf<TagsOperation> {
  const { book } = parts
  const { account } = parts.settings
  return {
    AddTagsToStream: async (call) => {
      const view = await streamToChange(parts, call)
      const what = `add tags to stream ${view.name} under account ${account}`
      checkTags(call.input.Tags, what)
      await book.update(view, (facts) => ({ ...facts, tags: withTags(facts.tags, call.input.Tags, what) }))
      return {}
    },
    RemoveTagsFromStream: async (call) => {
      const view = await streamToChange(parts, call)
      checkKeys(call.input.TagKeys, `remove tags from stream ${view.name} under account ${account}`)
      await book.update(view, (facts) => ({ ...facts, tags: withoutTags(facts.tags, call.input.TagKeys) }))
      return {}
    },
    ListTagsForStream: async (call) => {
      const { ExclusiveStartTagKey: after, Limit: limit = TAGS_MAX } = call.input
      const { facts } = await book.resolve(call)
      const tags = listedTags(facts.tags).filter(({ Key }) => after === undefined || Key > after)
      return { Tags: tags.slice(0, limit), HasMoreTags: tags.length > limit }
    },
    TagResource: async (call) => {
      const resource = await resourceToChange(parts, call)
      const what = `add tags to ${resource.words}`
      checkTags(call.input.Tags, what)
      await resource.update((facts) => ({ ...facts, tags: withTags(facts.tags, call.input.Tags, what) }))
      return {}
    },
    UntagResource: async (call) => {
      const resource = await resourceToChange(parts, call)
      checkKeys(call.input.TagKeys, `remove tags from ${resource.words}`)
      await resource.update((facts) => ({ ...facts, tags: withoutTags(facts.tags, call.input.TagKeys) }))
      return {}
    },
    ListTagsForResource: async (call) => {
      const { facts } = await resolveResource(parts, call)
      return { Tags: listedTags(facts.tags) }
    },
  }
}

async function resourceToChange(parts: EndpointParts, call: ResourceCall): Promise<Resource> {
  const resource = await resolveResource(parts, call)
  await requireMay(parts, call, { action: 'manage', stream: resource.view.name })
  return resource
}
