// Structures of the Lambda API that several operations share. Pure.
import {
  boolean,
  integer,
  list,
  long,
  map,
  namedStructure,
  optional,
  structure,
  timestamp,
} from '../../model/shape.ts'
import {
  arn,
  batchSize,
  destinationArn,
  eventSourceMappingMetric,
  eventSourcePosition,
  filterPattern,
  functionResponseType,
  kmsKeyArn,
  maximumBatchingWindowInSeconds,
  maximumRecordAgeInSeconds,
  maximumRetryAttempts,
  namespacedFunctionName,
  parallelizationFactor,
  string,
  tumblingWindowInSeconds,
} from './values.ts'

/** What the model has, and this endpoint refuses by its name: it is seen that it is given, and not what is in it. */
const refused = structure({})
const refusedList = list(refused, {})

export const tags = map(string, string, {})
export const tagKeyList = list(string, {})
const filterCriteria = structure({
  Filters: optional(list(namedStructure('Filter', { Pattern: optional(filterPattern) }), {})),
})
const destination = structure({ Destination: optional(destinationArn) })
export const destinationConfig = structure({
  OnSuccess: optional(destination),
  OnFailure: optional(destination),
})
const metricsConfig = structure({ Metrics: optional(list(eventSourceMappingMetric, { min: 0, max: 3 })) })
const functionResponseTypes = list(functionResponseType, { min: 0, max: 1 })

/** What creation and change of a mapping have in common. */
export const mappingMembers = {
  Enabled: optional(boolean),
  BatchSize: optional(batchSize),
  FilterCriteria: optional(filterCriteria),
  MaximumBatchingWindowInSeconds: optional(maximumBatchingWindowInSeconds),
  ParallelizationFactor: optional(parallelizationFactor),
  DestinationConfig: optional(destinationConfig),
  MaximumRecordAgeInSeconds: optional(maximumRecordAgeInSeconds),
  BisectBatchOnFunctionError: optional(boolean),
  MaximumRetryAttempts: optional(maximumRetryAttempts),
  TumblingWindowInSeconds: optional(tumblingWindowInSeconds),
  FunctionResponseTypes: optional(functionResponseTypes),
  KMSKeyArn: optional(kmsKeyArn),
  MetricsConfig: optional(metricsConfig),
  SourceAccessConfigurations: optional(refusedList),
  AmazonManagedKafkaEventSourceConfig: optional(refused),
  SelfManagedKafkaEventSourceConfig: optional(refused),
  ScalingConfig: optional(refused),
  DocumentDBEventSourceConfig: optional(refused),
  LoggingConfig: optional(refused),
  ProvisionedPollerConfig: optional(refused),
} as const

/** Only at creation: sources that are no streams. */
export const foreignSourceMembers = {
  Topics: optional(list(string, {})),
  Queues: optional(list(string, {})),
  SelfManagedEventSource: optional(refused),
} as const

/** A mapping as it is answered. */
export const mappingConfiguration = structure({
  UUID: optional(string),
  StartingPosition: optional(eventSourcePosition),
  StartingPositionTimestamp: optional(timestamp),
  BatchSize: optional(batchSize),
  MaximumBatchingWindowInSeconds: optional(maximumBatchingWindowInSeconds),
  ParallelizationFactor: optional(parallelizationFactor),
  EventSourceArn: optional(arn),
  FilterCriteria: optional(filterCriteria),
  FunctionArn: optional(string),
  LastModified: optional(timestamp),
  LastProcessingResult: optional(string),
  State: optional(string),
  StateTransitionReason: optional(string),
  DestinationConfig: optional(destinationConfig),
  MaximumRecordAgeInSeconds: optional(maximumRecordAgeInSeconds),
  BisectBatchOnFunctionError: optional(boolean),
  MaximumRetryAttempts: optional(maximumRetryAttempts),
  TumblingWindowInSeconds: optional(tumblingWindowInSeconds),
  FunctionResponseTypes: optional(functionResponseTypes),
  KMSKeyArn: optional(kmsKeyArn),
  EventSourceMappingArn: optional(string),
  MetricsConfig: optional(metricsConfig),
})

/** A function as it is answered. */
export const functionConfiguration = structure({
  FunctionName: optional(namespacedFunctionName),
  FunctionArn: optional(string),
  Role: optional(string),
  Handler: optional(string),
  CodeSize: optional(long({})),
  Description: optional(string),
  Timeout: optional(integer({ min: 1 })),
  MemorySize: optional(integer({})),
  LastModified: optional(string),
  Version: optional(string),
  Environment: optional(structure({ Variables: optional(map(string, string, {})) })),
  RevisionId: optional(string),
  State: optional(string),
  LastUpdateStatus: optional(string),
  PackageType: optional(string),
})
