// What a request says of a mapping, as fields of its document: units, bounds that the model does not have, and what is refused by its name.
// Pure.
import { checkFilter, type EventSourceMapping } from 'millrace/protocol'
import { invalidParameter } from '../model/errors.ts'
import type { LambdaInput } from '../model/operations.ts'

type CreateInput = LambdaInput<'CreateEventSourceMapping'>

/** What creation and change have in common. */
export type MappingRequest = Partial<
  Omit<
    CreateInput,
    'EventSourceArn' | 'FunctionName' | 'StartingPosition' | 'StartingPositionTimestamp' | 'Tags'
  >
>

/** The fields that a request can set, beside the destination. */
type SettingsOf = Pick<
  EventSourceMapping,
  | 'state'
  | 'batchSize'
  | 'batchWindowMs'
  | 'parallelizationFactor'
  | 'retriesMax'
  | 'recordAgeMaxMs'
  | 'bisectsOnError'
  | 'reportsItemFailures'
  | 'tumblingWindowMs'
  | 'filters'
>

/** As the service has them for streams, and the app too. */
export const mappingDefaults: SettingsOf = {
  state: 'enabled',
  batchSize: 100,
  batchWindowMs: 0,
  parallelizationFactor: 1,
  retriesMax: -1,
  recordAgeMaxMs: -1,
  bisectsOnError: false,
  reportsItemFailures: false,
  tumblingWindowMs: 0,
  filters: [],
}

const SECOND_MS = 1000
const RECORD_AGE_SECONDS_MIN = 60

/** Members of sources that are no Kinesis streams. */
const foreignMembers = [
  'Topics',
  'Queues',
  'SourceAccessConfigurations',
  'SelfManagedEventSource',
  'AmazonManagedKafkaEventSourceConfig',
  'SelfManagedKafkaEventSourceConfig',
  'ScalingConfig',
  'DocumentDBEventSourceConfig',
  'LoggingConfig',
  'ProvisionedPollerConfig',
] as const satisfies readonly (keyof CreateInput)[]

/** Refuses what is for other sources. An empty list says nothing. */
export function refuseForeign(request: MappingRequest): void {
  for (const member of foreignMembers) {
    const value: unknown = request[member]
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue
    throw invalidParameter(`${member} is not supported for event sources that are Kinesis streams.`)
  }
}

/** The fields that the request names. Fails with InvalidParameterValueException. */
export function settingsBy(request: MappingRequest): Partial<SettingsOf> {
  refuseForeign(request)
  const { MaximumRecordAgeInSeconds: ageSeconds, FilterCriteria, FunctionResponseTypes } = request
  if (ageSeconds !== undefined && ageSeconds >= 0 && ageSeconds < RECORD_AGE_SECONDS_MIN) {
    throw invalidParameter(
      `MaximumRecordAgeInSeconds is ${ageSeconds}; it must be -1, or from ${RECORD_AGE_SECONDS_MIN} to 604800.`,
    )
  }
  const filters = FilterCriteria && (FilterCriteria.Filters ?? []).map(({ Pattern = '' }) => Pattern)
  if (filters !== undefined) checkFilters(filters)
  return present({
    state: request.Enabled === undefined ? undefined : request.Enabled ? 'enabled' : 'disabled',
    batchSize: request.BatchSize,
    batchWindowMs: milliseconds(request.MaximumBatchingWindowInSeconds),
    parallelizationFactor: request.ParallelizationFactor,
    retriesMax: request.MaximumRetryAttempts,
    recordAgeMaxMs: ageSeconds === -1 ? -1 : milliseconds(ageSeconds),
    bisectsOnError: request.BisectBatchOnFunctionError,
    reportsItemFailures: FunctionResponseTypes?.includes('ReportBatchItemFailures'),
    tumblingWindowMs: milliseconds(request.TumblingWindowInSeconds),
    filters,
  })
}

/** The service has 5, and 10 on request. */
const FILTERS_MAX = 10

function checkFilters(patterns: readonly string[]): void {
  if (patterns.length > FILTERS_MAX) {
    throw invalidParameter(`FilterCriteria has ${patterns.length} filters; it has at most ${FILTERS_MAX}.`)
  }
  for (const pattern of patterns) {
    try {
      checkFilter(pattern)
    } catch (error) {
      throw invalidParameter(`Invalid filter pattern definition. ${(error as Error).message}`)
    }
  }
}

/** Refuses what does not go together. */
export function checkTogether({
  tumblingWindowMs,
  parallelizationFactor,
  source,
  onFailure,
}: Pick<EventSourceMapping, 'tumblingWindowMs' | 'parallelizationFactor' | 'onFailure'> & {
  readonly source: Pick<EventSourceMapping['source'], 'stream'>
}): void {
  if (tumblingWindowMs !== 0 && parallelizationFactor !== 1) {
    throw invalidParameter('ParallelizationFactor must be 1 where TumblingWindowInSeconds is above 0.')
  }
  if (onFailure?.type === 'stream' && onFailure.stream === source.stream) {
    throw invalidParameter(
      'DestinationConfig.OnFailure.Destination is the event source: what fails would never end.',
    )
  }
}

type Maybe<T> = { readonly [K in keyof T]?: T[K] | undefined }

function present(settings: Maybe<SettingsOf>): Partial<SettingsOf> {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries)
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * SECOND_MS
}
