// The operations on functions: they are called and described. Pure data.
import { blob, integer, list, optional, required, structure } from '../../../model/shape.ts'
import { functionConfiguration, tags } from '../shapes.ts'
import {
  durableExecutionName,
  functionVersion,
  invocationType,
  logType,
  masterRegion,
  maxListItems,
  namespacedFunctionName,
  qualifier,
  string,
  tenantId,
} from '../values.ts'
import type { LambdaFamily } from '../operation.ts'

const PATH = '/2015-03-31/functions'
const named = { FunctionName: required(namespacedFunctionName), Qualifier: optional(qualifier) } as const
const namedNotes = {
  FunctionName: 'A name, partial ARN or ARN of this account and region.',
  Qualifier: 'Only `$LATEST`: there are no versions and aliases.',
} as const
const errors = ['InvalidParameterValueException', 'ServiceException', 'TooManyRequestsException'] as const

export const functionsOperations = {
  Invoke: {
    doc: 'Calls a function.',
    http: {
      method: 'POST',
      path: `${PATH}/{FunctionName}/invocations`,
      status: 200,
      query: { Qualifier: 'Qualifier' },
      headers: {
        InvocationType: 'x-amz-invocation-type',
        LogType: 'x-amz-log-type',
        ClientContext: 'x-amz-client-context',
        DurableExecutionName: 'x-amz-durable-execution-name',
        TenantId: 'x-amz-tenant-id',
      },
      payload: 'Payload',
      answerHeaders: {
        FunctionError: 'x-amz-function-error',
        LogResult: 'x-amz-log-result',
        ExecutedVersion: 'x-amz-executed-version',
      },
    },
    input: structure({
      ...named,
      InvocationType: optional(invocationType),
      LogType: optional(logType),
      ClientContext: optional(string),
      DurableExecutionName: optional(durableExecutionName),
      TenantId: optional(tenantId),
      Payload: optional(blob({})),
    }),
    output: structure({
      StatusCode: optional(integer({})),
      FunctionError: optional(string),
      LogResult: optional(string),
      Payload: optional(blob({})),
      ExecutedVersion: optional(string),
    }),
    errors: [
      ...errors,
      'InvalidRequestContentException',
      'RequestTooLargeException',
      'ResourceNotFoundException',
    ],
    notes: {
      ...namedNotes,
      ClientContext: 'Taken and ignored.',
      DurableExecutionName: 'Refused by InvalidParameterValueException.',
      TenantId: 'Refused by InvalidParameterValueException.',
    },
  },
  ListFunctions: {
    doc: 'Lists functions, a page at a time.',
    http: {
      method: 'GET',
      path: PATH,
      status: 200,
      query: {
        MasterRegion: 'MasterRegion',
        FunctionVersion: 'FunctionVersion',
        Marker: 'Marker',
        MaxItems: 'MaxItems',
      },
    },
    input: structure({
      MasterRegion: optional(masterRegion),
      FunctionVersion: optional(functionVersion),
      Marker: optional(string),
      MaxItems: optional(maxListItems),
    }),
    output: structure({
      NextMarker: optional(string),
      Functions: optional(list(functionConfiguration, {})),
    }),
    errors,
    notes: {
      MasterRegion: 'Taken and ignored.',
      FunctionVersion: 'There is one version of each, `$LATEST`.',
    },
  },
  GetFunction: {
    doc: 'Describes a function, with its tags.',
    support:
      'Runtime is not told: a module runs in the Node.js of the app functions. Code names the module, or the url.',
    http: {
      method: 'GET',
      path: `${PATH}/{FunctionName}`,
      status: 200,
      query: { Qualifier: 'Qualifier' },
    },
    input: structure(named),
    output: structure({
      Configuration: optional(functionConfiguration),
      Code: optional(structure({ RepositoryType: optional(string), Location: optional(string) })),
      Tags: optional(tags),
    }),
    errors: [...errors, 'ResourceNotFoundException'],
    notes: namedNotes,
  },
  GetFunctionConfiguration: {
    doc: 'Describes a function.',
    support: 'As GetFunction.',
    http: {
      method: 'GET',
      path: `${PATH}/{FunctionName}/configuration`,
      status: 200,
      query: { Qualifier: 'Qualifier' },
    },
    input: structure(named),
    output: functionConfiguration,
    errors: [...errors, 'ResourceNotFoundException'],
    notes: namedNotes,
  },
} as const satisfies LambdaFamily
