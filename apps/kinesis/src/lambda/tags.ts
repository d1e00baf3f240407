// Tags of functions and mappings. Runs in the endpoint. They are no part of what either does, and leave versions as they are.
import { TAGS_MAX } from '../tags/tag-rules.ts'
import type { LambdaCall, LambdaHandlersOf } from './lambda-call.ts'
import type { LambdaParts } from './lambda-parts.ts'
import { noMapping } from './lambda-documents.ts'
import { invalidParameter } from './model/errors.ts'
import { functionNotFound, taggedThing, type TaggedThing } from './names.ts'

type TagsOperation = 'ListTags' | 'TagResource' | 'UntagResource'
type Tags = Readonly<Record<string, string>>

const KEY_CHARACTERS_MAX = 128
const VALUE_CHARACTERS_MAX = 256

/** Refuses tags that the service refuses. */
export function checkedTags(tags: Tags): Tags {
  for (const [key, value] of Object.entries(tags)) {
    if (key.length === 0 || key.length > KEY_CHARACTERS_MAX) {
      throw invalidParameter(`The key of a tag has 1 to ${KEY_CHARACTERS_MAX} characters.`)
    }
    if (/^aws:/i.test(key)) throw invalidParameter(`Keys of tags that begin with aws: are reserved: ${key}.`)
    if (value.length > VALUE_CHARACTERS_MAX) {
      throw invalidParameter(`The value of a tag has at most ${VALUE_CHARACTERS_MAX} characters.`)
    }
  }
  const count = Object.keys(tags).length
  if (count > TAGS_MAX) throw invalidParameter(`A resource has at most ${TAGS_MAX} tags; these are ${count}.`)
  return tags
}

export function lambdaTagsHandlers(parts: LambdaParts): LambdaHandlersOf<TagsOperation> {
  return {
    ListTags: async (call) => {
      const thing = thingOf(parts, call)
      if (thing.kind === 'mapping') {
        return { Tags: (await parts.documents.mapping(call, thing.uuid)).tags }
      }
      const found = await parts.documents.function(call, thing.name)
      if (found === undefined) {
        const home = { region: call.region, account: parts.settings.account }
        throw functionNotFound(home, { name: thing.name, qualifier: undefined })
      }
      return { Tags: found.tags }
    },
    TagResource: async (call) => {
      const added = checkedTags(call.input.Tags)
      await change(parts, call, (tags) => checkedTags({ ...tags, ...added }))
      return {}
    },
    UntagResource: async (call) => {
      const gone = new Set(call.input.TagKeys)
      await change(parts, call, (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key))),
      )
      return {}
    },
  }
}

function thingOf({ settings }: LambdaParts, call: LambdaCall<TagsOperation>): TaggedThing {
  const thing = taggedThing({ region: call.region, account: settings.account }, call.input.Resource)
  if (thing === undefined) throw noMapping()
  return thing
}

async function change(
  parts: LambdaParts,
  call: LambdaCall<TagsOperation>,
  changed: (tags: Tags) => Tags,
): Promise<void> {
  const thing = thingOf(parts, call)
  if (thing.kind === 'function') {
    await parts.documents.changeFunction(call, thing.name, (before) => ({
      ...before,
      tags: changed(before.tags),
    }))
    return
  }
  await parts.documents.changeMapping(call, thing.uuid, (before) => ({
    ...before,
    tags: changed(before.tags),
  }))
}
