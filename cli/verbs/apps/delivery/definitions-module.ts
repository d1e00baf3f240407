// The definitions of deliveries as their verbs use them: a module of the app delivery, found as an installed package and loaded when a
// verb is chosen. The types are the app's promise to the command line; a test holds the app to them.
import type { Client, GroupDescription } from '../../../../client/index.ts'
import type {
  DeliveryDefinition,
  DeliveryRetry,
  DeliveryVerdict,
} from '../../../../protocol/apps/delivery-definition.ts'
import { importAppModule } from '../../../apps/app-module.ts'
import { Failure } from '../../../failure.ts'

/** What `update` may change. */
export interface DeliveryFields {
  readonly destination?: DeliveryDefinition['destination'] | { readonly type: 'http'; readonly url: string }
  readonly prefix?: string
  readonly errorPrefix?: string
  readonly timeZone?: string
  readonly extension?: string
  readonly buffer?: Partial<DeliveryDefinition['buffer']>
  readonly delimiter?: string
  readonly compression?: DeliveryDefinition['compression']
  readonly format?: DeliveryDefinition['format']
  readonly partitioning?: {
    readonly queries: Readonly<Record<string, string>>
    readonly partitionsMax?: number
  }
  readonly transform?: Partial<NonNullable<DeliveryDefinition['transform']>> & { readonly function: string }
  readonly deaggregation?: NonNullable<DeliveryDefinition['deaggregation']>
  readonly backup?: {
    readonly to: NonNullable<DeliveryDefinition['backup']>['to']
    readonly prefix?: string
    readonly mode?: 'all' | 'failed'
  }
  readonly tags?: Readonly<Record<string, string>>
}

export interface NewDelivery extends DeliveryFields {
  readonly source: {
    readonly stream: string
    readonly from?: DeliveryDefinition['source']['from']
    readonly isOwn?: boolean
  }
  readonly destination: NonNullable<DeliveryFields['destination']>
}

interface Made {
  readonly definition: DeliveryDefinition
  readonly warnings: readonly string[]
}

export interface ShownDelivery {
  readonly name: string
  readonly definition: DeliveryDefinition
  readonly verdict: DeliveryVerdict | undefined
  readonly group: GroupDescription | undefined
  readonly progress: readonly {
    readonly streamId: number
    readonly shardIndex: number
    readonly position: number
    readonly delivered: {
      readonly records: number
      readonly bytes: number
      readonly objects: number
      readonly failed: number
    }
    readonly trouble: { readonly message: string; readonly since: number } | undefined
    readonly writing: number
  }[]
}

/** The module `definitions` of the app's package. */
export interface DefinitionsModule {
  createDelivery(client: Client, name: string, input: NewDelivery): Promise<Made>
  updateDelivery(client: Client, name: string, changes: DeliveryFields): Promise<Made>
  setDeliveryState(client: Client, name: string, state: 'active' | 'paused'): Promise<DeliveryDefinition>
  listDeliveries(
    client: Client,
  ): Promise<readonly { readonly name: string; readonly definition: DeliveryDefinition }[]>
  describeDelivery(client: Client, name: string): Promise<ShownDelivery>
  makeStream(client: Client, stream: string): Promise<void>
  ownStreamOf(name: string): string
  markDeleting(client: Client, name: string): Promise<void>
  isInUse(client: Client, name: string): Promise<boolean>
  removeDelivery(client: Client, name: string): Promise<void>
  requestRetry(
    client: Client,
    name: string,
    prefix: string | undefined,
    rim: { readonly now: () => number; readonly id: () => string },
  ): Promise<DeliveryRetry>
  retryOf(client: Client, name: string): Promise<DeliveryRetry | undefined>
}

/** Uses the module; what it refuses becomes a failure of the verb. Throws Failure with what to do where the app is not installed. */
export async function withDefinitions<T>(use: (definitions: DefinitionsModule) => Promise<T>): Promise<T> {
  const definitions = await importAppModule<DefinitionsModule>('delivery', 'definitions')
  try {
    return await use(definitions)
  } catch (error) {
    throw failureOf(error) ?? error
  }
}

function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error) || error.name !== 'DeliveryError') return undefined
  const { code } = error as { readonly code?: unknown }
  const exit = code === 'notFound' ? 'notFound' : code === 'exists' ? 'failed' : 'usage'
  const advice = code === 'notFound' ? ' See `millrace delivery list`.' : ''
  return new Failure(error.message + advice, exit)
}
