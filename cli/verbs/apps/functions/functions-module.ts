// The app functions as its verbs use it: modules of its package, found where it is installed and loaded when a verb is chosen. The types are
// the app's promise to the command line; a test holds the app to them.
import type { Client, GroupDescription } from '../../../../client/index.ts'
import type {
  EventSourceMapping,
  EventSourceReport,
  FunctionDefinition,
  FunctionEndpoint,
  FunctionTarget,
} from '../../../../protocol/apps/function-definition.ts'
import { importAppModule } from '../../../apps/app-module.ts'
import { Failure } from '../../../failure.ts'

/** What the calls that change something need. */
export interface DefinitionDoor {
  readonly client: Client
  readonly now: () => number
  readonly uuid: () => string
}

/** What a function is told of itself; the rest has defaults. */
export interface FunctionInput {
  readonly target: FunctionTarget
  readonly timeoutMs?: number
  readonly memoryMiB?: number
  readonly environment?: Readonly<Record<string, string>>
  readonly description?: string
  readonly isWatched?: boolean
}

/** What a mapping is told of itself besides its function and its source; the rest has defaults. */
export type MappingSettings = Partial<
  Pick<
    EventSourceMapping,
    | 'batchSize'
    | 'batchWindowMs'
    | 'parallelizationFactor'
    | 'retriesMax'
    | 'recordAgeMaxMs'
    | 'bisectsOnError'
    | 'reportsItemFailures'
    | 'tumblingWindowMs'
    | 'filters'
    | 'onFailure'
    | 'to'
  >
>

export interface MappingInput extends MappingSettings {
  readonly function: string
  readonly source: Pick<EventSourceMapping['source'], 'stream'> & Partial<EventSourceMapping['source']>
}

export interface NamedFunction {
  readonly name: string
  readonly definition: FunctionDefinition
}

export interface NamedMapping {
  readonly uuid: string
  readonly mapping: EventSourceMapping
}

/** Where a shard of a mapping stands still, and why. */
export interface Standstill {
  readonly reason: string
  readonly detail: string
  readonly lane: number
  readonly from: number
  readonly to: number
  readonly attempts: number
  readonly since: number
}

export interface MappingDescription extends NamedMapping {
  readonly report: EventSourceReport | undefined
  readonly group: GroupDescription | undefined
  /** By `streamId/shardIndex`. */
  readonly shards: Readonly<Record<string, { readonly standstills: readonly Standstill[] }>>
}

export interface FunctionDescription extends NamedFunction {
  readonly mappings: readonly MappingDescription[]
}

/** The module `definitions` of the app's package. */
export interface FunctionDefinitions {
  parseTarget(text: string, cwd: string): FunctionTarget
  createFunction(door: DefinitionDoor, name: string, input: FunctionInput): Promise<NamedFunction>
  updateFunction(door: DefinitionDoor, name: string, changes: Partial<FunctionInput>): Promise<NamedFunction>
  deleteFunction(
    door: DefinitionDoor,
    name: string,
    options?: { readonly withMappings?: boolean },
  ): Promise<void>
  getFunction(client: Client, name: string): Promise<NamedFunction>
  listFunctions(client: Client): Promise<readonly NamedFunction[]>
  describeFunction(client: Client, name: string): Promise<FunctionDescription>
  createMapping(
    door: DefinitionDoor,
    input: MappingInput,
    options?: { readonly createsSource?: boolean },
  ): Promise<NamedMapping>
  updateMapping(door: DefinitionDoor, uuid: string, changes: MappingSettings): Promise<NamedMapping>
  listMappings(client: Client, where?: { readonly function?: string }): Promise<readonly NamedMapping[]>
  setMappingEnabled(door: DefinitionDoor, uuid: string, isEnabled: boolean): Promise<NamedMapping>
  skipRecords(
    door: DefinitionDoor,
    uuid: string,
    skipped: { readonly shardId: string; readonly from: number; readonly to: number; readonly lane?: number },
  ): Promise<NamedMapping>
}

export interface FunctionReply {
  readonly status: number
  readonly isFunctionError: boolean
  readonly payload: string
  readonly log: string | undefined
}

/** The module `calling` of the app's package. */
export interface FunctionCalling {
  callFunction(
    endpoint: FunctionEndpoint,
    call: {
      readonly name: string
      readonly payload: string | Uint8Array
      readonly type?: 'RequestResponse' | 'Event' | 'DryRun'
      readonly wantsLog?: boolean
      readonly signal?: AbortSignal
      readonly ca?: string | Buffer | undefined
    },
  ): Promise<FunctionReply>
}

/** Loads the module. Throws Failure with what to do where the app is not installed. */
export async function loadDefinitions(): Promise<FunctionDefinitions> {
  return importAppModule<FunctionDefinitions>('functions', 'definitions')
}

/** Loads the module. Throws Failure with what to do where the app is not installed. */
export async function loadCalling(): Promise<FunctionCalling> {
  return importAppModule<FunctionCalling>('functions', 'calling')
}

/** Runs `use`; what it refuses of definitions becomes a failure of the verb. */
export async function refusing<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'DefinitionFault') throw error
    const { code } = error as Error & { readonly code?: string }
    const exit = code === 'invalid' ? 'usage' : code === 'missing' ? 'notFound' : 'failed'
    throw new Failure(error.message, exit, { cause: error })
  }
}
