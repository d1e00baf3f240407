// Transforms of records by functions.
export {
  FunctionFailure,
  FunctionUnreached,
  httpCaller,
  isUrl,
  type FunctionCaller,
  type FunctionCallerRim,
} from './function-caller.ts'
export {
  Transformer,
  type TransformedRecord,
  type TransformerParts,
  type TransformOutcome,
} from './transformer.ts'
