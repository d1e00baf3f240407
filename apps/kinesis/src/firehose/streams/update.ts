// UpdateDestination. Runs in the endpoint. What an update names replaces what was there; all else stays.
import type { DeliveryDefinition } from 'millrace/protocol'
import type { FirehoseCall } from '../firehose-call.ts'
import type { FirehoseParts } from '../firehose-parts.ts'
import { givenOf, withGiven, type GivenDestination, type S3Configuration } from '../given.ts'
import { FirehoseError, invalid } from '../model/errors.ts'
import type { FirehoseInput, FirehoseOutput } from '../model/operations.ts'
import { DESTINATION_ID } from '../names.ts'
import { translateDestination } from '../translation/definition.ts'

type UpdateInput = FirehoseInput<'UpdateDestination'>
type S3Update = NonNullable<UpdateInput['ExtendedS3DestinationUpdate']>
type HttpUpdate = NonNullable<UpdateInput['HttpEndpointDestinationUpdate']>

export async function updateDestination(
  { deliveries, settings, now }: FirehoseParts,
  call: FirehoseCall<'UpdateDestination'>,
): Promise<FirehoseOutput<'UpdateDestination'>> {
  const { input } = call
  await deliveries.change(call, input.DeliveryStreamName, (before): DeliveryDefinition => {
    if (before.state === 'deleting') throw busy(input.DeliveryStreamName)
    if (String(before.version) !== input.CurrentDeliveryStreamVersionId) throw changedMeanwhile()
    if (input.DestinationId !== DESTINATION_ID) throw invalid(`Destination ${input.DestinationId} not found.`)
    const given = givenOf(before)
    if (given === undefined) {
      throw invalid(
        'This delivery was made or changed through another door: change it there, by `millrace delivery update`.',
      )
    }
    const destination = updatedDestination(given.destination, input)
    // Left away by the translation, these are no longer part of the definition.
    const { extension: _e, partitioning: _p, transform: _t, deaggregation: _d, backup: _b, ...kept } = before
    const parts = translateDestination(destination, {
      buckets: settings.buckets,
      isStreamSourced: given.type === 'KinesisStreamAsSource',
    })
    const after = { ...kept, ...parts, version: before.version + 1, updatedAt: now() }
    return withGiven(after, { ...given, destination })
  })
  return {}
}

function updatedDestination(before: GivenDestination, input: UpdateInput): GivenDestination {
  const { S3DestinationUpdate: s3, ExtendedS3DestinationUpdate: extended } = input
  const { HttpEndpointDestinationUpdate: http } = input
  const updates = Object.entries(input).filter(
    ([name, value]) => name.endsWith('Update') && value !== undefined,
  )
  if (updates.length !== 1) throw invalid('Exactly one destination update is supported for a Firehose.')
  const update = extended ?? s3
  if (before.type === 's3' && update !== undefined) return updatedS3(before, update)
  if (before.type === 'http' && http !== undefined) return updatedHttp(before, http)
  throw invalid(`${updates[0]![0]}: the type of a destination cannot be changed by this endpoint.`)
}

function updatedS3(before: GivenDestination & { readonly type: 's3' }, update: S3Update): GivenDestination {
  const { configuration } = before
  const { S3BackupUpdate: backup, ...rest } = update
  const isPartitioned = configuration.DynamicPartitioningConfiguration?.Enabled === true
  const wanted = update.DynamicPartitioningConfiguration?.Enabled
  if (wanted !== undefined && wanted !== isPartitioned) {
    throw invalid(
      'Dynamic Partitioning can only be enabled when the delivery stream is created, and not be disabled.',
    )
  }
  if (configuration.S3BackupMode === 'Enabled' && update.S3BackupMode === 'Disabled') {
    throw invalid('S3BackupMode cannot be disabled once it is enabled.')
  }
  const merged = backup === undefined ? undefined : updatedBucket(configuration.S3BackupConfiguration, backup)
  return {
    type: 's3',
    configuration: {
      ...configuration,
      ...given(rest),
      ...(merged !== undefined && { S3BackupConfiguration: merged }),
    },
  }
}

function updatedHttp(
  before: GivenDestination & { readonly type: 'http' },
  update: HttpUpdate,
): GivenDestination {
  const { configuration } = before
  const { S3Update: backup, EndpointConfiguration: endpoint, ...rest } = update
  return {
    type: 'http',
    configuration: {
      ...configuration,
      ...given(rest),
      // Nobody is told the access key, so whoever changes the url need not give it again.
      EndpointConfiguration: { ...configuration.EndpointConfiguration, ...given(endpoint ?? {}) },
      S3Configuration:
        backup === undefined
          ? configuration.S3Configuration
          : updatedBucket(configuration.S3Configuration, backup),
    },
  }
}

type BucketUpdate = NonNullable<S3Update['S3BackupUpdate']>

function updatedBucket(before: S3Configuration | undefined, update: BucketUpdate): S3Configuration {
  const merged = { ...before, ...given(update) }
  const { RoleARN, BucketARN } = merged
  if (RoleARN === undefined || BucketARN === undefined) {
    throw invalid('RoleARN and BucketARN are required for a destination in S3.')
  }
  return { ...merged, RoleARN, BucketARN }
}

/** The members of an update that it names. */
function given<T extends object>(update: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const named = Object.entries(update).filter(([, value]) => value !== undefined)
  return Object.fromEntries(named) as { [K in keyof T]: Exclude<T[K], undefined> }
}

function changedMeanwhile(): FirehoseError {
  return new FirehoseError(
    'ConcurrentModificationException',
    'Another modification has already been made: fetch the VersionId again, and use it to update the destination.',
  )
}

function busy(name: string): FirehoseError {
  return new FirehoseError('ResourceInUseException', `Firehose ${name} is being deleted.`)
}
