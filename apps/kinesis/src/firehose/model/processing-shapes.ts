// What happens to records on their way. Pure.
import { boolean, list, optional, required, structure } from '../../model/shape.ts'
import { processorParameterName, processorParameterValue, processorType } from './values.ts'

export const processorParameter = structure({
  ParameterName: required(processorParameterName),
  ParameterValue: required(processorParameterValue),
})
export const processorParameterList = list(processorParameter, {})
export const processor = structure({
  Type: required(processorType),
  Parameters: optional(processorParameterList),
})
export const processorList = list(processor, {})
export const processingConfiguration = structure({
  Enabled: optional(boolean),
  Processors: optional(processorList),
})
