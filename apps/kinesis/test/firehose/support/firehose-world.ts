// An endpoint with a Firehose client of the JavaScript SDK, and the part of the app delivery that a test plays itself: its verdicts.
import {
  CreateDeliveryStreamCommand,
  FirehoseClient,
  type CreateDeliveryStreamCommandInput,
  type DeliveryStreamDescription,
  DescribeDeliveryStreamCommand,
} from '@aws-sdk/client-firehose'
import type { KinesisEndpointOptions } from '@millrace/kinesis'
import { deliveryKinds, type DeliveryDefinition, type DeliveryVerdict } from 'millrace/protocol'
import { freshName, TestEndpoint } from '../../clients/support/endpoint.ts'
import type { Credentials } from '../../clients/support/sdk.ts'

export const ROLE = 'arn:aws:iam::123456789012:role/firehose'
export const ACCOUNT = '000000000000'

/** A destination in S3 with all that must be said of one. */
export const lake = { RoleARN: ROLE, BucketARN: 'arn:aws:s3:::lake' } as const

/** A destination that is an HTTP endpoint. */
export const toCollector = {
  EndpointConfiguration: { Url: 'https://collector.example/in', Name: 'collector', AccessKey: 'secret' },
  S3Configuration: lake,
} as const

/** A delivery of direct puts to the bucket. */
export const toLake = (name: string): CreateDeliveryStreamCommandInput => ({
  DeliveryStreamName: name,
  ExtendedS3DestinationConfiguration: lake,
})

export class FirehoseWorld implements AsyncDisposable {
  readonly endpoint: TestEndpoint
  readonly client: FirehoseClient

  private constructor(endpoint: TestEndpoint) {
    this.endpoint = endpoint
    this.client = endpoint.serviceClient(FirehoseClient)
  }

  static async start(options: KinesisEndpointOptions = {}): Promise<FirehoseWorld> {
    return new FirehoseWorld(await TestEndpoint.start(options))
  }

  clientOf(credentials: Credentials): FirehoseClient {
    return this.endpoint.serviceClient(FirehoseClient, credentials)
  }

  /** Makes a delivery of a new name: by default of direct puts to the bucket. */
  async made(more: Partial<CreateDeliveryStreamCommandInput> = {}): Promise<string> {
    const name = freshName('delivery')
    await this.client.send(new CreateDeliveryStreamCommand({ ...toLake(name), ...more }))
    return name
  }

  /** What the app delivery would carry out. */
  async definition(name: string): Promise<DeliveryDefinition | undefined> {
    const documents = this.endpoint.native.documents<DeliveryDefinition>(deliveryKinds.definitions)
    return (await documents.get(name))?.value
  }

  /** Says what the app delivery says of a definition. */
  async judge(name: string, verdict: Omit<DeliveryVerdict, 'at'>): Promise<void> {
    const documents = this.endpoint.native.documents<DeliveryVerdict>(deliveryKinds.verdicts)
    await documents.put(name, { ...verdict, at: 1_700_000_000_000 })
  }

  async describe(name: string): Promise<DeliveryStreamDescription> {
    const answer = await this.client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: name }))
    return answer.DeliveryStreamDescription!
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.endpoint[Symbol.asyncDispose]()
  }
}
