// Metrics of shards that a stream's owner has turned on. Pure.
import type { StreamFacts } from '../book/stream-facts.ts'
import type { InputOf } from '../model/operations.ts'

/** The name of a metric in requests: one, or all of them. */
export type MetricName = InputOf<'EnableEnhancedMonitoring'>['ShardLevelMetrics'][number]

/** In the order in which lists show them. */
const metricNames = [
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
] as const satisfies readonly MetricName[]

/** The metrics that are on. */
export function metricsOf({ shardLevelMetrics }: StreamFacts): readonly MetricName[] {
  return metricNames.filter((name) => shardLevelMetrics.includes(name))
}

/** The metrics that are on when these are added; ALL stands for every one. */
export function withMetrics(on: readonly MetricName[], added: readonly MetricName[]): readonly MetricName[] {
  return metricNames.filter((name) => on.includes(name) || isNamed(name, added))
}

/** The metrics that are on when these are taken away. */
export function withoutMetrics(
  on: readonly MetricName[],
  removed: readonly MetricName[],
): readonly MetricName[] {
  return metricNames.filter((name) => on.includes(name) && !isNamed(name, removed))
}

function isNamed(name: MetricName, names: readonly MetricName[]): boolean {
  return names.includes(name) || names.includes('ALL')
}
