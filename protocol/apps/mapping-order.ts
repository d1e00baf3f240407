// Which of several event source mappings of one function, stream and consumer there may be, where several doors make one at once. Runs
// wherever a mapping is made, pure. One is put as being made, looked for again, and counts when no other came first: the later of two
// sees the earlier in any case, since it looks when it is put.
import type { EventSourceMapping } from './function-definition.ts'

/** The version of a mapping that is being made: nothing runs it. */
export const MAPPING_BEING_MADE = 0

/** A mapping as the broker keeps it: by its UUID, with the version of the document. */
export interface KeptMapping {
  readonly name: string
  readonly version: number
  readonly value: EventSourceMapping
}

/** The mapping of the same function, stream and consumer that came before this one; undefined where this one is the first. */
export function mappingBefore(all: readonly KeptMapping[], own: KeptMapping): KeptMapping | undefined {
  return all.find(
    ({ name, version, value }) =>
      name !== own.name &&
      value.function === own.value.function &&
      value.source.stream === own.value.source.stream &&
      value.source.consumer === own.value.source.consumer &&
      // What is made has looked for others before this one was there. Versions of documents rise, whichever they are of.
      (value.version !== MAPPING_BEING_MADE || version < own.version),
  )
}
