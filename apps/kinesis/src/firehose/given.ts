// What a delivery was given through the Firehose API, as it is kept beside its definition, so that descriptions show it again. Pure.
import type { DeliveryDefinition } from 'millrace/protocol'
import type { FirehoseInput } from './model/operations.ts'

type CreateInput = FirehoseInput<'CreateDeliveryStream'>
export type ExtendedS3Configuration = NonNullable<CreateInput['ExtendedS3DestinationConfiguration']>
export type S3Configuration = NonNullable<CreateInput['S3DestinationConfiguration']>
export type HttpConfiguration = NonNullable<CreateInput['HttpEndpointDestinationConfiguration']>
export type Processing = NonNullable<ExtendedS3Configuration['ProcessingConfiguration']>

/** The one destination, in the words of the request. */
export type GivenDestination =
  | { readonly type: 's3'; readonly configuration: ExtendedS3Configuration }
  | { readonly type: 'http'; readonly configuration: HttpConfiguration }

export interface GivenEncryption {
  readonly Status: 'ENABLED' | 'DISABLED'
  readonly KeyType?: 'AWS_OWNED_CMK' | 'CUSTOMER_MANAGED_CMK'
  readonly KeyARN?: string
}

/** All that descriptions need, and the definition does not say. JSON. */
export interface GivenDelivery {
  readonly type: 'DirectPut' | 'KinesisStreamAsSource'
  readonly destination: GivenDestination
  /** As the request names the source. */
  readonly source?: { readonly KinesisStreamARN: string; readonly RoleARN: string }
  readonly throughputHint?: number
  readonly encryption?: GivenEncryption
}

/** The door's name in `asGiven`. */
const DOOR = 'firehose'

/** As it is kept: with the version of the definition that was made of it. */
interface KeptGiven extends GivenDelivery {
  readonly version: number
}

/** What the Firehose API was given for a delivery; undefined for one that was made, or changed since, through another door. */
export function givenOf({ asGiven, version }: DeliveryDefinition): GivenDelivery | undefined {
  const kept = asGiven?.[DOOR] as KeptGiven | undefined
  return kept?.version === version ? kept : undefined
}

/** The definition with what it was made of. */
export function withGiven(
  definition: Omit<DeliveryDefinition, 'asGiven'>,
  given: GivenDelivery,
): DeliveryDefinition {
  const kept: KeptGiven = { ...given, version: definition.version }
  return { ...definition, asGiven: { [DOOR]: kept } }
}
