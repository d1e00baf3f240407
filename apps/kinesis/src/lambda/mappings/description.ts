// A mapping as it is answered: its document and what the app says of it, in the words of the service. Pure.
import type { EventSourceMapping, EventSourceReport } from 'millrace/protocol'
import type { LambdaOutput } from '../model/operations.ts'
import { functionArn, mappingArn, type Home } from '../names.ts'
import { destinationText } from './destination.ts'
import { givenOf } from './given.ts'

type Configuration = LambdaOutput<'GetEventSourceMapping'>

const SECOND_MS = 1000
/** The version of a mapping that was made and never changed. */
const FIRST_VERSION = 1

export interface DescribedMapping {
  readonly uuid: string
  readonly mapping: EventSourceMapping
  /** Undefined until an app has seen it. */
  readonly report: EventSourceReport | undefined
  readonly sourceArn: string
}

export function describeMapping(
  { uuid, mapping, report, sourceArn }: DescribedMapping,
  home: Home,
): Configuration {
  const { source, filters, onFailure } = mapping
  const given = givenOf(mapping)
  return {
    UUID: uuid,
    ...startOf(source, given.StartingPosition),
    BatchSize: mapping.batchSize,
    MaximumBatchingWindowInSeconds: seconds(mapping.batchWindowMs),
    ParallelizationFactor: mapping.parallelizationFactor,
    EventSourceArn: sourceArn,
    ...(filters.length > 0 && { FilterCriteria: { Filters: filters.map((Pattern) => ({ Pattern })) } }),
    FunctionArn: functionArn(home, mapping.function),
    LastModified: new Date(mapping.updatedAt),
    LastProcessingResult: lastResultOf(report),
    State: stateOf(mapping, report),
    StateTransitionReason: 'User action',
    DestinationConfig: {
      OnFailure: onFailure === undefined ? {} : { Destination: destinationText(home, onFailure) },
    },
    MaximumRecordAgeInSeconds: mapping.recordAgeMaxMs === -1 ? -1 : seconds(mapping.recordAgeMaxMs),
    BisectBatchOnFunctionError: mapping.bisectsOnError,
    MaximumRetryAttempts: mapping.retriesMax,
    TumblingWindowInSeconds: seconds(mapping.tumblingWindowMs),
    FunctionResponseTypes: mapping.reportsItemFailures ? ['ReportBatchItemFailures'] : [],
    EventSourceMappingArn: mappingArn(home, uuid),
    ...(given.KMSKeyArn !== undefined && { KMSKeyArn: given.KMSKeyArn }),
    ...(given.MetricsConfig && { MetricsConfig: given.MetricsConfig }),
  }
}

/** What is asked for and what the app has reached, as one word. */
export function stateOf(mapping: EventSourceMapping, report: EventSourceReport | undefined): string {
  const { state, version } = mapping
  if (state === 'deleting') return 'Deleting'
  // Who has changed it waits for an end of the change, and does not know of a creation.
  if (report === undefined) return version > FIRST_VERSION ? 'Updating' : 'Creating'
  const reached = report.state === 'disabled' ? 'disabled' : 'enabled'
  if (reached !== state) return state === 'enabled' ? 'Enabling' : 'Disabling'
  if (report.version < version) return 'Updating'
  return state === 'enabled' ? 'Enabled' : 'Disabled'
}

function lastResultOf(report: EventSourceReport | undefined): string {
  if (report === undefined) return 'No records processed'
  return report.state === 'refused' ? `PROBLEM: ${report.reason ?? 'refused'}` : report.lastResult
}

/** LATEST is kept as the time of the creation. */
function startOf(
  { from }: EventSourceMapping['source'],
  given: Configuration['StartingPosition'],
): Pick<Configuration, 'StartingPosition' | 'StartingPositionTimestamp'> {
  if (typeof from !== 'object') return { StartingPosition: from }
  if (given === 'LATEST') return { StartingPosition: given }
  return { StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date(from.atTimestamp) }
}

/** Other doors take fractions. */
function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / SECOND_MS)
}
