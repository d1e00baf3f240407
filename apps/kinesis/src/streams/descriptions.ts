// DescribeStream and DescribeStreamSummary. Runs in the endpoint.
import type { Stream } from 'millrace'
import type { Call } from '../call.ts'
import type { EndpointParts } from '../parts.ts'
import { hidesShards, placeOf, type StreamView } from '../book/stream-view.ts'
import { isCommitted } from '../capacity/account-settings.ts'
import { warmThroughputOf } from '../capacity/warm-throughput.ts'
import type { OutputOf } from '../model/operations.ts'
import { metricsOf } from '../protection/metrics.ts'
import { requireShardIndex, shardIdOf } from '../shards/shard-names.ts'
import { shardOutput } from '../shards/shard-output.ts'
import { translated } from '../native-errors.ts'

const HOUR_MS = 3_600_000
/** Shards in one answer, however many are asked for. */
const SHARDS_MAX = 100
/** Consumers that a stream may have: one page. */
const CONSUMERS_MAX = 1000

/** Describes a stream with a page of its shards; there are none until it is active. */
export async function describeStream(
  parts: EndpointParts,
  call: Call<'DescribeStream'>,
): Promise<OutputOf<'DescribeStream'>> {
  const { Limit: limit = SHARDS_MAX, ExclusiveStartShardId: after } = call.input
  const start = after === undefined ? undefined : requireShardIndex(after)
  const view = await parts.book.resolve(call)
  const head = headOf(view)
  if (hidesShards(view)) {
    return { StreamDescription: { ...head, Shards: [], HasMoreShards: false } }
  }
  const page = await translated(placeOf(call, parts.settings.account, view.name), () =>
    call.caller.client.listShards(view.name).page({
      limit: Math.min(limit, SHARDS_MAX),
      after: start === undefined ? undefined : shardIdOf(start),
    }),
  )
  return {
    StreamDescription: {
      ...head,
      Shards: page.items.map(shardOutput),
      HasMoreShards: page.next !== undefined,
    },
  }
}

/** Describes a stream with the numbers of its shards and consumers. */
export async function describeStreamSummary(
  parts: EndpointParts,
  call: Call<'DescribeStreamSummary'>,
): Promise<OutputOf<'DescribeStreamSummary'>> {
  const view = await parts.book.resolve(call)
  const consumers = await translated(placeOf(call, parts.settings.account, view.name), () =>
    call.caller.client.listConsumers(view.name).page({ limit: CONSUMERS_MAX }),
  )
  const isOnDemand = view.stream.mode === 'on-demand'
  const warmThroughput =
    isOnDemand && (await isCommitted(parts)) ? warmThroughputOf(view.stream, view.facts) : undefined
  return {
    StreamDescriptionSummary: {
      ...headOf(view),
      OpenShardCount: hidesShards(view) ? 0 : view.stream.openShardCount,
      ConsumerCount: consumers.items.length,
      MaxRecordSizeInKiB: view.facts.maxRecordSizeInKiB,
      ChannelCount: 0,
      ...(isOnDemand ? { RecordDistributionStrategy: view.facts.distribution } : {}),
      ...(warmThroughput === undefined ? {} : { WarmThroughput: warmThroughput }),
    },
  }
}

function headOf(view: StreamView) {
  const { stream, facts } = view
  return {
    StreamName: view.name,
    StreamARN: view.arn,
    StreamStatus: view.status,
    StreamModeDetails: { StreamMode: modeOf(stream) },
    RetentionPeriodHours: retentionHoursOf(stream),
    StreamCreationTimestamp: createdAtOf(stream),
    EnhancedMonitoring: [{ ShardLevelMetrics: metricsOf(facts) }],
    EncryptionType: facts.encryption === undefined ? 'NONE' : 'KMS',
    ...(facts.encryption === undefined ? {} : { KeyId: facts.encryption.keyId }),
  } as const
}

export function modeOf({ mode }: Pick<Stream, 'mode'>): 'PROVISIONED' | 'ON_DEMAND' {
  return mode === 'on-demand' ? 'ON_DEMAND' : 'PROVISIONED'
}

/** In whole hours: native streams may have others. */
export function retentionHoursOf({ retentionMs }: Pick<Stream, 'retentionMs'>): number {
  return Math.max(1, Math.floor(retentionMs / HOUR_MS))
}

/** In whole seconds, as the service tells it, so that requests can give it back. */
export function createdAtOf({ createdAt }: Pick<Stream, 'createdAt'>): Date {
  return new Date(Math.floor(createdAt.getTime() / 1000) * 1000)
}
