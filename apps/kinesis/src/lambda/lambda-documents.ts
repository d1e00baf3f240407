// Functions and mappings as the endpoint knows them: documents that the app functions carries out. Runs in the endpoint. Requests read and
// change them by their callers' clients, so that the broker's grants decide.
import { MillraceError, type Client, type NamedDocument } from 'millrace'
import {
  functionKinds,
  type EventSourceMapping,
  type EventSourceReport,
  type FunctionDefinition,
} from 'millrace/protocol'
import type { AnyLambdaCall } from './lambda-call.ts'
import { LambdaError } from './model/errors.ts'
import { functionNotFound, mappingArn } from './names.ts'

/** What calls about documents need of a request. */
type DocumentCall = Pick<AnyLambdaCall, 'operation' | 'caller' | 'region'>

export class LambdaDocuments {
  readonly #own: Client
  readonly #account: string

  constructor(own: Client, account: string) {
    this.#own = own
    this.#account = account
  }

  /** A function, if the caller may read it. */
  async function(call: DocumentCall, name: string): Promise<FunctionDefinition | undefined> {
    const found = await this.translated(call, `function:${name}`, () => functionsOf(call).get(name))
    return found?.value
  }

  /** All functions that the caller may read, by name. */
  async functions(call: DocumentCall): Promise<readonly NamedDocument<FunctionDefinition>[]> {
    return this.translated(call, '*', () => gathered(functionsOf(call).list()))
  }

  /** Changes a function as the caller. `change` may be called several times. Throws ResourceNotFoundException. */
  async changeFunction(
    call: DocumentCall,
    name: string,
    change: (before: FunctionDefinition) => FunctionDefinition,
  ): Promise<void> {
    await this.translated(call, `function:${name}`, () =>
      functionsOf(call).update(name, (before) => {
        if (before === undefined) {
          const home = { region: call.region, account: this.#account }
          throw functionNotFound(home, { name, qualifier: undefined })
        }
        return change(before)
      }),
    )
  }

  /** A mapping, if the caller may read it. Throws ResourceNotFoundException. */
  async mapping(call: DocumentCall, uuid: string): Promise<EventSourceMapping> {
    const found = await this.translated(call, mappingResource(uuid), () => mappingsOf(call).get(uuid))
    if (found === undefined) throw noMapping()
    return found.value
  }

  /** All mappings that the caller may read, by UUID. */
  async mappings(call: DocumentCall): Promise<readonly NamedDocument<EventSourceMapping>[]> {
    return this.translated(call, '*', () => gathered(mappingsOf(call).list()))
  }

  /** Returns the version of the document. */
  async makeMapping(call: DocumentCall, uuid: string, mapping: EventSourceMapping): Promise<number> {
    const { version } = await this.translated(call, mappingResource(uuid), () =>
      mappingsOf(call).put(uuid, mapping, { expectedVersion: 0 }),
    )
    return version
  }

  /** Takes back a mapping that nothing has run. */
  async withdrawMapping(call: DocumentCall, uuid: string): Promise<void> {
    await this.translated(call, mappingResource(uuid), () => mappingsOf(call).delete(uuid))
  }

  /** Changes a mapping as the caller. `change` may be called several times, and may throw. Throws ResourceNotFoundException. */
  async changeMapping(
    call: DocumentCall,
    uuid: string,
    change: (before: EventSourceMapping) => EventSourceMapping,
  ): Promise<EventSourceMapping> {
    const { value } = await this.translated(call, mappingResource(uuid), () =>
      mappingsOf(call).update(uuid, (before) => {
        if (before === undefined) throw noMapping()
        return change(before)
      }),
    )
    return value
  }

  /** What the app says of a mapping; undefined until an app has seen it. Whoever may read the mapping may know. */
  async report(uuid: string): Promise<EventSourceReport | undefined> {
    return (await this.#own.documents<EventSourceReport>(functionKinds.reports).get(uuid))?.value
  }

  /**
   * Removes all that is left of a mapping that is marked, where no app reads for it. Otherwise that is the app's to do, when it has ended
   * its work.
   */
  async removeIdle(uuid: string): Promise<void> {
    try {
      await this.#own.deleteGroup(`function.${uuid}`)
    } catch (error) {
      if (MillraceError.is(error, 'groupInUse')) return
      if (!MillraceError.is(error, 'groupNotFound')) throw error
    }
    const progress = this.#own.documents(functionKinds.progress)
    for (const { name } of await gathered(progress.list({ prefix: `${uuid}/` }))) await progress.delete(name)
    await this.#own.documents(functionKinds.reports).delete(uuid)
    await this.#own.documents(functionKinds.mappings).delete(uuid)
  }

  /** The refusal of a caller who may not do this. `resource` is the last part of an ARN. */
  denied({ operation, caller, region }: DocumentCall, resource: string): LambdaError {
    const user = `arn:aws:iam::${this.#account}:user/${caller.principal ?? 'anonymous'}`
    // An ARN of any kind ends with what is refused.
    const arn = mappingArn({ region, account: this.#account }, '').replace(/event-source-mapping:$/, resource)
    const action = `lambda:${operation === 'Invoke' ? 'InvokeFunction' : operation}`
    return new LambdaError(
      'AccessDeniedException',
      `User: ${user} is not authorized to perform: ${action} on resource: ${resource === '*' ? '*' : arn} ` +
        `because no identity-based policy allows the ${action} action`,
    )
  }

  /** Does the work; a refusal of the broker becomes the error that answers it. */
  async translated<T>(call: DocumentCall, resource: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw MillraceError.is(error) ? this.#translate(error, call, resource) : error
    }
  }

  #translate(error: MillraceError, call: DocumentCall, resource: string): LambdaError {
    const options = { cause: error }
    switch (error.code) {
      case 'permissionDenied':
        return this.denied(call, resource)
      case 'versionConflict':
        return new LambdaError('ResourceConflictException', `${resource} is being changed.`, options)
      case 'limitExceeded':
      case 'invalidArgument':
        return new LambdaError('InvalidParameterValueException', error.message, options)
      case 'throttled':
        return new LambdaError('TooManyRequestsException', 'Rate exceeded', options)
      default:
        return new LambdaError('ServiceException', error.message, options)
    }
  }
}

export function noMapping(): LambdaError {
  return new LambdaError('ResourceNotFoundException', 'The resource you requested does not exist.')
}

function mappingResource(uuid: string): string {
  return `event-source-mapping:${uuid}`
}

function functionsOf({ caller }: DocumentCall) {
  return caller.client.documents<FunctionDefinition>(functionKinds.functions)
}

function mappingsOf({ caller }: DocumentCall) {
  return caller.client.documents<EventSourceMapping>(functionKinds.mappings)
}

async function gathered<T>(list: AsyncIterable<NamedDocument<T>>): Promise<readonly NamedDocument<T>[]> {
  const found: NamedDocument<T>[] = []
  for await (const document of list) found.push(document)
  return found.sort((one, other) => (one.name < other.name ? -1 : 1))
}
