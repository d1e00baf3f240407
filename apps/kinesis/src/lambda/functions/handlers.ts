// The handlers of functions. Runs in the endpoint.
import type { FunctionDefinition } from 'millrace/protocol'
import type { LambdaCall, LambdaHandlersOf } from '../lambda-call.ts'
import type { LambdaParts } from '../lambda-parts.ts'
import { invalidParameter } from '../model/errors.ts'
import { functionNamed, functionNotFound, LATEST_VERSION, type Home } from '../names.ts'
import { pageOf } from '../pages.ts'
import { describeCode, describeFunction } from './configuration.ts'
import { invoke } from './invoke.ts'

type FunctionsOperation = 'Invoke' | 'ListFunctions' | 'GetFunction' | 'GetFunctionConfiguration'
type NamedCall = LambdaCall<'Invoke' | 'GetFunction' | 'GetFunctionConfiguration'>

/** Functions of a page, as in the service. */
const PAGE_MAX = 50

export function functionsHandlers(parts: LambdaParts): LambdaHandlersOf<FunctionsOperation> {
  const homeOf = ({ region }: { readonly region: string }): Home => ({
    region,
    account: parts.settings.account,
  })
  return {
    Invoke: async (call) => {
      const { name } = await functionOf(parts, call, homeOf(call))
      return invoke(parts, call, name)
    },
    ListFunctions: async (call) => {
      const { items, NextMarker } = pageOf(await parts.documents.functions(call), call.input, PAGE_MAX)
      const Functions = items.map(({ name, value }) => describeFunction(name, value, homeOf(call)))
      return { NextMarker, Functions }
    },
    GetFunction: async (call) => {
      const { name, definition } = await functionOf(parts, call, homeOf(call))
      const { tags } = definition
      return {
        Configuration: describeFunction(name, definition, homeOf(call)),
        Code: describeCode(definition),
        ...(Object.keys(tags).length > 0 && { Tags: tags }),
      }
    },
    GetFunctionConfiguration: async (call) => {
      const { name, definition } = await functionOf(parts, call, homeOf(call))
      return describeFunction(name, definition, homeOf(call))
    },
  }
}

/** The function that a request names, if the caller may read it. Fails with ResourceNotFoundException. */
async function functionOf(
  { documents }: LambdaParts,
  call: NamedCall,
  home: Home,
): Promise<{ readonly name: string; readonly definition: FunctionDefinition }> {
  const { FunctionName, Qualifier } = call.input
  const naming = functionNamed(home, FunctionName)
  if (naming.qualifier !== undefined && Qualifier !== undefined && naming.qualifier !== Qualifier) {
    throw invalidParameter(
      'The derived qualifier from the function name does not match the specified qualifier.',
    )
  }
  const { name } = naming
  const qualifier = naming.qualifier ?? Qualifier
  const isLatest = qualifier === undefined || qualifier === LATEST_VERSION
  const definition = isLatest ? await documents.function(call, name) : undefined
  if (definition === undefined) throw functionNotFound(home, { name, qualifier })
  return { name, definition }
}
