// An endpoint with a Lambda client of the JavaScript SDK, and the parts of the app functions that a test plays itself: its definitions, its
// reports, and the port where it takes calls.
import {
  CreateEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  type CreateEventSourceMappingCommandInput,
  type CreateEventSourceMappingCommandOutput,
  type EventSourceMappingConfiguration,
  type ListEventSourceMappingsCommandInput,
} from '@aws-sdk/client-lambda'
import type { KinesisEndpointOptions } from '@millrace/kinesis'
import {
  functionKinds,
  type EventSourceMapping,
  type EventSourceReport,
  type FunctionDefinition,
} from 'millrace/protocol'
import { freshName, TestEndpoint } from '../../clients/support/endpoint.ts'
import type { Credentials } from '../../clients/support/sdk.ts'

export const ACCOUNT = '000000000000'
export const streamArnOf = (name: string): string => `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${name}`
export const functionArnOf = (name: string): string => `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${name}`

/** As `millrace function create` keeps it. */
export const enrich: FunctionDefinition = {
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_123,
  version: 1,
  target: { type: 'module', path: '/srv/enrich.mjs', handler: 'handler' },
  timeoutMs: 2500,
  memoryMiB: 256,
  environment: { STAGE: 'test' },
  description: 'adds what is missing',
  isWatched: false,
  tags: {},
}

export class LambdaWorld implements AsyncDisposable {
  readonly endpoint: TestEndpoint
  readonly client: LambdaClient

  private constructor(endpoint: TestEndpoint) {
    this.endpoint = endpoint
    this.client = endpoint.serviceClient(LambdaClient)
  }

  static async start(options: KinesisEndpointOptions = {}): Promise<LambdaWorld> {
    return new LambdaWorld(await TestEndpoint.start(options))
  }

  clientOf(credentials: Credentials): LambdaClient {
    return this.endpoint.serviceClient(LambdaClient, credentials)
  }

  /** Registers a function, of a new name unless one is given. */
  async function(
    definition: Partial<FunctionDefinition> = {},
    name: string = freshName('function'),
  ): Promise<string> {
    const documents = this.endpoint.native.documents<FunctionDefinition>(functionKinds.functions)
    await documents.put(name, { ...enrich, ...definition })
    return name
  }

  async stream(name: string = freshName()): Promise<string> {
    await this.endpoint.native.createStream(name, { shards: 1 })
    return name
  }

  /** Makes a mapping: by default of a new function to a new stream. */
  async made(
    more: Partial<CreateEventSourceMappingCommandInput> = {},
  ): Promise<CreateEventSourceMappingCommandOutput & { readonly UUID: string }> {
    const made = await this.client.send(
      new CreateEventSourceMappingCommand({
        FunctionName: more.FunctionName ?? (await this.function()),
        EventSourceArn: more.EventSourceArn ?? streamArnOf(await this.stream()),
        StartingPosition: 'TRIM_HORIZON',
        ...more,
      }),
    )
    return { ...made, UUID: made.UUID! }
  }

  /** What the app functions would carry out. */
  async mapping(uuid: string): Promise<EventSourceMapping | undefined> {
    const documents = this.endpoint.native.documents<EventSourceMapping>(functionKinds.mappings)
    return (await documents.get(uuid))?.value
  }

  /** Says what the app functions says of a mapping. */
  async report(uuid: string, report: Partial<EventSourceReport> = {}): Promise<void> {
    const documents = this.endpoint.native.documents<EventSourceReport>(functionKinds.reports)
    await documents.put(uuid, { version: 1, state: 'enabled', lastResult: 'OK', at: 1, ...report })
  }

  describe(uuid: string, client = this.client): Promise<EventSourceMappingConfiguration> {
    return client.send(new GetEventSourceMappingCommand({ UUID: uuid }))
  }

  /** The UUIDs of all mappings that a listing has, of all its pages. */
  async listed(input: ListEventSourceMappingsCommandInput = {}): Promise<readonly string[]> {
    const found: string[] = []
    let { Marker } = input
    do {
      const page = await this.client.send(
        new ListEventSourceMappingsCommand({ ...input, ...(Marker !== undefined && { Marker }) }),
      )
      found.push(...page.EventSourceMappings!.map(({ UUID: uuid }) => uuid!))
      Marker = page.NextMarker
    } while (Marker !== undefined)
    return found
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.endpoint[Symbol.asyncDispose]()
  }
}
