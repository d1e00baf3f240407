// The one table of the Lambda API's operations. Pure. Routes, validation, codecs, handlers, the support table and its tests derive from it.
import type { ValueOf } from '../../model/shape.ts'
import { functionsOperations } from './operations/functions.ts'
import { mappingsOperations } from './operations/mappings.ts'
import { tagsOperations } from './operations/tags.ts'

export const lambdaOperations = {
  ...mappingsOperations,
  ...functionsOperations,
  ...tagsOperations,
} as const

type LambdaOperations = typeof lambdaOperations
export type LambdaOperationName = keyof LambdaOperations
export type LambdaInput<N extends LambdaOperationName> = ValueOf<LambdaOperations[N]['input']>
export type LambdaOutput<N extends LambdaOperationName> = ValueOf<LambdaOperations[N]['output']>
