// The one table of the Firehose API's operations. Pure. Validation, codecs, handlers, the support table and its tests derive from it.
import type { ValueOf } from '../../model/shape.ts'
import { recordsOperations } from './operations/records.ts'
import { streamsOperations } from './operations/streams.ts'
import { tagsOperations } from './operations/tags.ts'

export const firehoseOperations = {
  ...streamsOperations,
  ...recordsOperations,
  ...tagsOperations,
} as const

type FirehoseOperations = typeof firehoseOperations
export type FirehoseOperationName = keyof FirehoseOperations
export type FirehoseInput<N extends FirehoseOperationName> = ValueOf<FirehoseOperations[N]['input']>
export type FirehoseOutput<N extends FirehoseOperationName> = ValueOf<FirehoseOperations[N]['output']>
