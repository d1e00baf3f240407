// Functions as documents of the broker: made, listed, changed and deleted. Runs wherever there is a client: the command line, the Lambda
// API, a program. Refusals are `DefinitionFault`s; what the broker refuses is a `MillraceError`.
import { MillraceError, type Client, type Documents, type NamedDocument } from 'millrace'
import { functionKinds, type FunctionDefinition } from 'millrace/protocol'
import { checkedFunction, checkFunctionName, type FunctionInput } from './checks.ts'
import { DefinitionFault } from './definition-fault.ts'

/** What the calls of this folder need. */
export interface DefinitionDoor {
  readonly client: Client
  /** The time in milliseconds: `Date.now`. */
  readonly now: () => number
  /** A new UUID: `randomUUID` of node:crypto. */
  readonly uuid: () => string
}

/** A function and its name. */
export interface NamedFunction {
  readonly name: string
  readonly definition: FunctionDefinition
}

/** What a change may set. */
export type FunctionChanges = Partial<FunctionInput>

/** Makes a function. */
export async function createFunction(
  { client, now }: Pick<DefinitionDoor, 'client' | 'now'>,
  name: string,
  input: FunctionInput,
): Promise<NamedFunction> {
  const wrong = checkFunctionName(name)
  if (wrong !== undefined) throw new DefinitionFault('invalid', 'name', wrong)
  const at = now()
  const definition = { ...checkedFunction(input), createdAt: at, updatedAt: at, version: 1 }
  try {
    await functionsOf(client).put(name, definition, { expectedVersion: 0 })
  } catch (error) {
    if (!MillraceError.is(error, 'versionConflict')) throw error
    throw new DefinitionFault('exists', '', `There is a function ${name} already.`)
  }
  return { name, definition }
}

/** Changes a function; what is left out stays. */
export async function updateFunction(
  { client, now }: Pick<DefinitionDoor, 'client' | 'now'>,
  name: string,
  changes: FunctionChanges,
): Promise<NamedFunction> {
  const { value } = await functionsOf(client).update(name, (found) => {
    if (found === undefined) throw noFunction(name)
    const { createdAt, version } = found
    return { ...checkedFunction({ ...found, ...changes }), createdAt, updatedAt: now(), version: version + 1 }
  })
  return { name, definition: value }
}

/** Reads a function. */
export async function getFunction(client: Client, name: string): Promise<NamedFunction> {
  // What cannot be a name is no name of a function that there is.
  const found = checkFunctionName(name) === undefined ? await functionsOf(client).get(name) : undefined
  if (found === undefined) throw noFunction(name)
  return { name, definition: found.value }
}

/** Says whether there is a function of this name. */
export async function functionExists(client: Client, name: string): Promise<boolean> {
  return (await functionsOf(client).get(name)) !== undefined
}

/** All functions, by name. */
export async function listFunctions(client: Client): Promise<readonly NamedFunction[]> {
  const found: NamedFunction[] = []
  for await (const document of functionsOf(client).list()) found.push(namedOf(document))
  return found
}

/** The documents of functions. */
export function functionsOf(client: Pick<Client, 'documents'>): Documents<FunctionDefinition> {
  return client.documents<FunctionDefinition>(functionKinds.functions)
}

export function noFunction(name: string): DefinitionFault {
  return new DefinitionFault('missing', '', `There is no function ${name}.`)
}

function namedOf({ name, value }: NamedDocument<FunctionDefinition>): NamedFunction {
  return { name, definition: value }
}
