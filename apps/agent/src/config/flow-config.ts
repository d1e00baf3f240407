// One flow of the configuration, checked. Pure.
import { dirname, resolve } from 'node:path'
import type { ProcessingStep } from '../processing/processing-step.ts'
import type { ConfigPlace } from './config-fault.ts'
import type { AwsEndpoint } from './endpoints.ts'
import {
  destinationWords,
  flowBounds,
  PARTITION_KEY_LENGTH_MAX,
  type DestinationType,
} from './flow-bounds.ts'
import type { JavaPattern } from './java-pattern.ts'
import type { JsonValue } from './json-file.ts'
import { flowKeys } from './keys/flow-keys.ts'
import { shown, valuesIn, type Findings } from './key-values.ts'
import { processingSteps } from './processing-steps.ts'

export type FlowDestination =
  /** A stream of the broker. */
  | { readonly type: 'stream'; readonly name: string }
  /** A delivery of the broker. */
  | { readonly type: 'delivery'; readonly name: string }
  | { readonly type: 'kinesis'; readonly name: string; readonly endpoint: AwsEndpoint }
  | { readonly type: 'firehose'; readonly name: string; readonly endpoint: AwsEndpoint }

export type PartitionKeyOption = 'RANDOM' | 'DETERMINISTIC'

export interface FlowConfig {
  /** As AWS' agent names it: `kinesis:clicks:/var/log/app.log*`. Positions are kept under it. */
  readonly name: string
  readonly place: ConfigPlace
  readonly destination: FlowDestination
  /** Absolute. */
  readonly filePattern: string
  /** Undefined where the configuration does not say it. */
  readonly initialPosition: 'START_OF_FILE' | 'END_OF_FILE' | undefined
  readonly multiLineStart: JavaPattern | undefined
  readonly footer: JavaPattern | undefined
  readonly skipHeaderLines: number
  /** Of a record's data. */
  readonly dataBytesMax: number
  readonly truncationTerminator: string
  readonly pollMsMin: number
  readonly refreshMsMax: number
  readonly buffer: { readonly ageMs: number; readonly records: number; readonly bytes: number }
  readonly queueCapacity: number
  readonly retry: { readonly initialMs: number; readonly maxMs: number }
  readonly partitionKeys: PartitionKeyOption
  readonly processing: readonly ProcessingStep[]
}

export interface FlowEndpoints {
  readonly kinesis: AwsEndpoint | undefined
  readonly firehose: AwsEndpoint | undefined
}

/** The flow, or undefined where its problems leave none. */
export function flowConfig(
  given: JsonValue,
  endpoints: FlowEndpoints,
  findings: Findings,
): FlowConfig | undefined {
  const values = valuesIn(flowKeys, given, findings)
  const { place } = given
  const destination = destinationOf(values, endpoints, (message) => findings.problem(place, message))
  const { filePattern = '' } = values
  if (filePattern === '')
    findings.problem(place, 'The flow has no filePattern: name the files that it reads.')
  const processing = processingSteps(given.members?.get('dataProcessingOptions'), findings)
  if (destination === undefined || filePattern === '') return undefined
  const bounded = boundsIn(given, destination.type, findings)
  const dataBytesMax = flowBounds[destination.type].recordBytesMax - keyBytes(destination.type)
  if (Buffer.byteLength(values.truncatedRecordTerminator) >= dataBytesMax) {
    findings.problem(
      place,
      `truncatedRecordTerminator must be shorter than the largest record, ${dataBytesMax} bytes.`,
    )
  }
  if (values.retryInitialBackoffMillis > values.retryMaxBackoffMillis) {
    findings.problem(
      place,
      `retryInitialBackoffMillis, ${values.retryInitialBackoffMillis}, must not be above retryMaxBackoffMillis, ${values.retryMaxBackoffMillis}.`,
    )
  }
  return {
    name: `${destination.type === 'stream' || destination.type === 'kinesis' ? 'kinesis' : 'firehose'}:${destination.name}:${filePattern}`,
    place,
    destination,
    filePattern: resolve(dirname(place.file), filePattern),
    initialPosition: given.members?.get('initialPosition') === undefined ? undefined : values.initialPosition,
    multiLineStart: values.multiLineStartPattern,
    footer: values.fileFooterPattern,
    skipHeaderLines: values.skipHeaderLines,
    dataBytesMax,
    truncationTerminator: values.truncatedRecordTerminator,
    pollMsMin: values.minTimeBetweenFilePollsMillis,
    refreshMsMax: values.maxTimeBetweenFileTrackerRefreshMillis,
    buffer: bounded,
    queueCapacity: values.publishQueueCapacity,
    retry: { initialMs: values.retryInitialBackoffMillis, maxMs: values.retryMaxBackoffMillis },
    partitionKeys: values.partitionKeyOption,
    processing,
  }
}

function keyBytes(type: DestinationType): number {
  return type === 'firehose' ? 0 : PARTITION_KEY_LENGTH_MAX
}

function destinationOf(
  {
    kinesisStream,
    deliveryStream,
  }: { readonly kinesisStream?: string | undefined; readonly deliveryStream?: string | undefined },
  endpoints: FlowEndpoints,
  refuse: (message: string) => void,
): FlowDestination | undefined {
  const stream = kinesisStream === '' ? undefined : kinesisStream
  const delivery = deliveryStream === '' ? undefined : deliveryStream
  if ((stream === undefined) === (delivery === undefined)) {
    refuse(
      stream === undefined
        ? 'The flow has no destination: give kinesisStream or deliveryStream.'
        : 'The flow has two destinations, kinesisStream and deliveryStream: give one, and make a second flow for the other.',
    )
    return undefined
  }
  const name = (stream ?? delivery)!
  if (!/^[a-zA-Z0-9_.-]{1,128}$/.test(name)) {
    refuse(
      `${stream === undefined ? 'deliveryStream' : 'kinesisStream'} is ${shown(name)}: a name has 1 to 128 characters of a–z, A–Z, 0–9, _, . and -.`,
    )
    return undefined
  }
  const endpoint = stream === undefined ? endpoints.firehose : endpoints.kinesis
  if (endpoint === undefined) return { type: stream === undefined ? 'delivery' : 'stream', name }
  return { type: stream === undefined ? 'firehose' : 'kinesis', name, endpoint }
}

const bufferKeys = {
  ageMs: 'maxBufferAgeMillis',
  records: 'maxBufferSizeRecords',
  bytes: 'maxBufferSizeBytes',
} as const

/** Of the buffers. The table's bounds are those of AWS; what the destination takes decides. */
function boundsIn(given: JsonValue, type: DestinationType, findings: Findings): FlowConfig['buffer'] {
  const read = (name: keyof typeof bufferKeys): number => {
    const { default: fallback, min, max } = flowBounds[type][name]
    const member = given.members?.get(bufferKeys[name])
    if (member === undefined || member.value === null) return fallback
    const value = Number(member.value)
    // What is beyond the table is refused by the table.
    const { min: widestMin, max: widestMax } = flowKeys[bufferKeys[name]]
    if (!Number.isInteger(value) || value < widestMin || value > widestMax) return fallback
    if (value >= min && value <= max) return value
    findings.problem(
      member.place,
      `${bufferKeys[name]} is ${shown(member.value)}: it must be ${min} to ${max} for ${destinationWords[type]}.`,
    )
    return fallback
  }
  return { ageMs: read('ageMs'), records: read('records'), bytes: read('bytes') }
}
