// The operations on event source mappings. Pure data.
import { list, optional, required, structure, timestamp } from '../../../model/shape.ts'
import { foreignSourceMembers, mappingConfiguration, mappingMembers, tags } from '../shapes.ts'
import { arn, eventSourcePosition, maxListItems, namespacedFunctionName, string } from '../values.ts'
import type { LambdaFamily } from '../operation.ts'

const PATH = '/2015-03-31/event-source-mappings'
const foreign = 'Not for sources that are Kinesis streams: refused by InvalidParameterValueException.'

/** Notes on what creation and change have in common. */
const mappingNotes = {
  FilterCriteria:
    'Patterns of `data` and `partitionKey`, ten at most. Their form is looked at; the rest says the app functions, in LastProcessingResult.',
  DestinationConfig:
    'OnFailure: the ARN of a Kinesis stream or Firehose delivery of this endpoint. Others, and OnSuccess, are refused by InvalidParameterValueException.',
  TumblingWindowInSeconds: 'Above 0, ParallelizationFactor must be 1.',
  KMSKeyArn: 'Kept and shown; nothing is encrypted by it.',
  MetricsConfig: 'Kept and shown; metrics are those of the app functions.',
  SourceAccessConfigurations: foreign,
  AmazonManagedKafkaEventSourceConfig: foreign,
  SelfManagedKafkaEventSourceConfig: foreign,
  ScalingConfig: foreign,
  DocumentDBEventSourceConfig: foreign,
  LoggingConfig: foreign,
  ProvisionedPollerConfig: foreign,
} as const

const errors = [
  'InvalidParameterValueException',
  'ResourceNotFoundException',
  'ServiceException',
  'TooManyRequestsException',
] as const

export const mappingsOperations = {
  CreateEventSourceMapping: {
    doc: 'Has a function called with the records of a stream.',
    http: { method: 'POST', path: PATH, status: 202 },
    input: structure({
      EventSourceArn: optional(arn),
      FunctionName: required(namespacedFunctionName),
      StartingPosition: optional(eventSourcePosition),
      StartingPositionTimestamp: optional(timestamp),
      Tags: optional(tags),
      ...mappingMembers,
      ...foreignSourceMembers,
    }),
    output: mappingConfiguration,
    errors: [...errors, 'ResourceConflictException'],
    notes: {
      EventSourceArn: 'A stream, or a registered consumer of one.',
      StartingPosition: 'LATEST is the time of the creation.',
      ...mappingNotes,
      Topics: foreign,
      Queues: foreign,
      SelfManagedEventSource: foreign,
    },
  },
  GetEventSourceMapping: {
    doc: 'Describes a mapping: its settings, state and last result.',
    http: { method: 'GET', path: `${PATH}/{UUID}`, status: 200 },
    input: structure({ UUID: required(string) }),
    output: mappingConfiguration,
    errors,
  },
  ListEventSourceMappings: {
    doc: 'Lists mappings, those of a function or of a stream, a page at a time.',
    http: {
      method: 'GET',
      path: PATH,
      status: 200,
      query: {
        EventSourceArn: 'EventSourceArn',
        FunctionName: 'FunctionName',
        Marker: 'Marker',
        MaxItems: 'MaxItems',
      },
    },
    input: structure({
      EventSourceArn: optional(arn),
      FunctionName: optional(namespacedFunctionName),
      Marker: optional(string),
      MaxItems: optional(maxListItems),
    }),
    output: structure({
      NextMarker: optional(string),
      EventSourceMappings: optional(list(mappingConfiguration, {})),
    }),
    errors,
  },
  UpdateEventSourceMapping: {
    doc: 'Changes what is named of a mapping, or stops or resumes it.',
    http: { method: 'PUT', path: `${PATH}/{UUID}`, status: 202 },
    input: structure({
      UUID: required(string),
      FunctionName: optional(namespacedFunctionName),
      ...mappingMembers,
    }),
    output: mappingConfiguration,
    errors: [...errors, 'ResourceConflictException', 'ResourceInUseException'],
    notes: mappingNotes,
  },
  DeleteEventSourceMapping: {
    doc: 'Ends a mapping, and forgets how far it is.',
    http: { method: 'DELETE', path: `${PATH}/{UUID}`, status: 202 },
    input: structure({ UUID: required(string) }),
    output: mappingConfiguration,
    errors: [...errors, 'ResourceConflictException', 'ResourceInUseException'],
  },
} as const satisfies LambdaFamily
