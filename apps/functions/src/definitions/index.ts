// Functions and mappings for other programs: `import … from '@millrace/functions/definitions'`. The command line and the Lambda API use it.
export {
  checkedFunction,
  checkedMapping,
  checkFunctionName,
  type FunctionFields,
  type FunctionInput,
  type MappingFields,
  type MappingInput,
} from './checks.ts'
export { DefinitionFault, type DefinitionFaultCode } from './definition-fault.ts'
export { deleteFunction, deleteMapping } from './deletion.ts'
export {
  describeFunction,
  describeMapping,
  type FunctionDescription,
  type MappingDescription,
} from './description.ts'
export type { DefinitionField, NumberField, SwitchField } from './field.ts'
export { definitionLimits, functionFields, mappingFields } from './fields.ts'
export {
  createFunction,
  getFunction,
  listFunctions,
  updateFunction,
  type DefinitionDoor,
  type FunctionChanges,
  type NamedFunction,
} from './functions.ts'
export {
  createMapping,
  getMapping,
  listMappings,
  mappingGroup,
  setMappingEnabled,
  skipRecords,
  updateMapping,
  type CreateMappingOptions,
  type MappingChanges,
  type NamedMapping,
} from './mappings.ts'
export { parseTarget } from './target.ts'
export { progressName, type Piece, type ShardProgress, type Standstill } from '../progress/shard-progress.ts'
export type { WindowState } from '../windows/window-state.ts'
export { filterOperators } from 'millrace/protocol'
