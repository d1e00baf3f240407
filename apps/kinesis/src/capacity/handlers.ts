// The operations on capacity. Runs in the endpoint.
import { limits } from 'millrace/protocol'
import type { Call, HandlersOf } from '../call.ts'
import { changeFacts, countedNow, inLastDay, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { placeOf } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import type { OutputOf } from '../model/operations.ts'
import { translated } from '../native-errors.ts'
import { ACCOUNT_SHARDS_MAX } from '../shards/shard-limit.ts'
import { describeAccountSettings, updateAccountSettings } from './account-settings.ts'
import { checkWarmThroughput, keepWarm, updateWarmThroughput } from './warm-throughput.ts'

type CapacityOperation =
  | 'UpdateStreamMode'
  | 'UpdateStreamWarmThroughput'
  | 'DescribeLimits'
  | 'DescribeAccountSettings'
  | 'UpdateAccountSettings'

/** Switches of the mode of one stream in a day. */
const SWITCHES_MAX = 2

export function capacityHandlers(parts: EndpointParts): HandlersOf<CapacityOperation> {
  return {
    UpdateStreamMode: (call) => updateStreamMode(parts, call),
    UpdateStreamWarmThroughput: (call) => updateWarmThroughput(parts, call),
    DescribeLimits: (call) => describeLimits(parts, call),
    DescribeAccountSettings: () => describeAccountSettings(parts),
    UpdateAccountSettings: (call) => updateAccountSettings(parts, call),
  }
}

/** Counts what the caller may see. There are no channels, and there may be none. */
async function describeLimits(
  { settings }: EndpointParts,
  call: Call<'DescribeLimits'>,
): Promise<OutputOf<'DescribeLimits'>> {
  let openShardCount = 0
  let onDemandStreams = 0
  await translated(placeOf(call, settings.account), async () => {
    for await (const stream of call.caller.client.listStreams()) {
      openShardCount += stream.openShardCount
      if (stream.mode === 'on-demand') onDemandStreams++
    }
  })
  return {
    ShardLimit: ACCOUNT_SHARDS_MAX,
    OpenShardCount: openShardCount,
    OnDemandStreamCount: onDemandStreams,
    OnDemandStreamCountLimit: limits.streamsMax,
    ChannelCount: 0,
    ChannelCountLimit: 0,
  }
}

/** Switches the mode; the one that the stream has changes nothing, and is not counted. */
async function updateStreamMode(
  parts: EndpointParts,
  call: Call<'UpdateStreamMode'>,
): Promise<Record<string, never>> {
  const { StreamModeDetails: details, WarmThroughputMiBps: mibPerSecond } = call.input
  const mode = details.StreamMode === 'ON_DEMAND' ? 'on-demand' : 'provisioned'
  const view = await streamToChange(parts, call)
  if (mibPerSecond !== undefined) await checkWarmThroughput(parts, { mode, mibPerSecond })
  if (view.stream.mode === mode) return {}
  if (mode === 'provisioned' && view.facts.distribution === 'AUTO') {
    const message =
      `Stream ${view.name} has the RecordDistributionStrategy AUTO, which is only supported for streams in ON_DEMAND mode: ` +
      'update it to USER_PARTITION_KEY first.'
    throw new KinesisError('InvalidArgumentException', message)
  }
  // Counted first: of two requests at once, only one may be the last that is allowed.
  await changeFacts(parts, view, (facts) => {
    if (parts.settings.rules === 'aws' && inLastDay(facts.modeChanges, parts.now()).length >= SWITCHES_MAX) {
      const message = `The mode of stream ${view.name} under account ${parts.settings.account} can be switched ${SWITCHES_MAX} times in 24 hours.`
      throw new KinesisError('LimitExceededException', message)
    }
    const modeChanges = countedNow(facts.modeChanges, parts.now())
    return { ...facts, modeChanges, warmThroughputMiBps: mibPerSecond }
  })
  const place = placeOf(call, parts.settings.account, view.name)
  await translated(place, () => call.caller.client.updateStream(view.name, { mode }))
  if (mibPerSecond !== undefined) await keepWarm(parts, call, { view, mibPerSecond })
  return {}
}
