// The one table of operations. Pure. Validation, codecs, handlers, the support table and its tests derive from it.
import { capacityOperations } from './operations/capacity.ts'
import { channelsOperations } from './operations/channels.ts'
import { consumersOperations } from './operations/consumers.ts'
import { protectionOperations } from './operations/protection.ts'
import { recordsOperations } from './operations/records.ts'
import { shardsOperations } from './operations/shards.ts'
import { streamsOperations } from './operations/streams.ts'
import { tagsOperations } from './operations/tags.ts'
import type { ValueOf } from './shape.ts'

export const operations = {
  ...streamsOperations,
  ...shardsOperations,
  ...capacityOperations,
  ...recordsOperations,
  ...consumersOperations,
  ...tagsOperations,
  ...protectionOperations,
  ...channelsOperations,
} as const

export type Operations = typeof operations
export type OperationName = keyof Operations
export type InputOf<N extends OperationName> = ValueOf<Operations[N]['input']>
export type OutputOf<N extends OperationName> = ValueOf<Operations[N]['output']>
