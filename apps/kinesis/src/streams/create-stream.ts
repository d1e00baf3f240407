// CreateStream. Runs in the endpoint.
import { limits } from 'millrace/protocol'
import type { Stream } from 'millrace'
import type { Call } from '../call.ts'
import { stateFor } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { defaultFacts, type StreamFacts } from '../book/stream-facts.ts'
import { placeOf } from '../book/stream-view.ts'
import { checkWarmThroughput } from '../capacity/warm-throughput.ts'
import { KinesisError } from '../model/errors.ts'
import { translated } from '../native-errors.ts'
import { checkTags, TAGS_MAX } from '../tags/tag-rules.ts'
import { accountShards, shardLimitError } from '../shards/shard-limit.ts'

/** Shards of an on-demand stream that is made without a count, as in the service. */
const ON_DEMAND_SHARDS = 4
/** Streams that may be in the state CREATING at once. */
const CREATING_MAX = 5

type CreateCall = Call<'CreateStream'>

/** Makes a stream; answers when it takes records, though it may show itself as CREATING for a while. */
export async function createStream(parts: EndpointParts, call: CreateCall): Promise<Record<string, never>> {
  const { book, settings } = parts
  const { StreamName: name, Tags: tags = {} } = call.input
  const asked = capacityOf(call.input)
  checkTags(tags, `add tags to stream ${name} under account ${settings.account}`)
  if (Object.keys(tags).length > TAGS_MAX) {
    throw new KinesisError('InvalidArgumentException', `A stream has at most ${TAGS_MAX} tags.`)
  }
  if (call.input.WarmThroughputMiBps !== undefined) {
    await checkWarmThroughput(parts, {
      mode: asked.mode,
      mibPerSecond: call.input.WarmThroughputMiBps,
    })
  }
  checkCreating(parts)
  await book.settle(name)
  const stream = await makeNative(parts, call, asked)
  try {
    await book.begin(stream, factsOf(parts, call))
  } catch (error) {
    // Without what was asked for it is not the stream that was asked for.
    await call.caller.client.deleteStream(name).catch(() => {})
    throw error
  }
  return {}
}

interface Capacity {
  readonly mode: 'provisioned' | 'on-demand'
  readonly shards: number
}

function capacityOf(input: CreateCall['input']): Capacity {
  const { ShardCount: count, StreamModeDetails: details, RecordDistributionStrategy: strategy } = input
  const mode = details?.StreamMode ?? (count === undefined ? 'ON_DEMAND' : 'PROVISIONED')
  if (mode === 'ON_DEMAND') return { mode: 'on-demand', shards: count ?? ON_DEMAND_SHARDS }
  if (count === undefined) {
    const message =
      "1 validation error detected: Value null at 'shardCount' failed to satisfy constraint: Member must not be null"
    throw new KinesisError('ValidationException', message)
  }
  if (strategy === 'AUTO') {
    const message = 'RecordDistributionStrategy AUTO is only supported for streams in ON_DEMAND mode.'
    throw new KinesisError('InvalidArgumentException', message)
  }
  return { mode: 'provisioned', shards: count }
}

function checkCreating({ book, settings }: EndpointParts): void {
  if (settings.rules !== 'aws' || settings.stateDelayMs === 0 || book.creatingCount() < CREATING_MAX) return
  const message =
    `This request would exceed the limit of streams in the state CREATING for the account ${settings.account}. ` +
    `Limit: ${CREATING_MAX}.`
  throw new KinesisError('LimitExceededException', message)
}

async function makeNative(
  parts: EndpointParts,
  call: CreateCall,
  { mode, shards }: Capacity,
): Promise<Stream> {
  const { settings } = parts
  const { StreamName: name, WarmThroughputMiBps: warm } = call.input
  const { client } = call.caller
  const place = placeOf(call, settings.account, name)
  const existing = await client.describeStream(name).catch(() => undefined)
  const exists = `Stream ${name} under account ${settings.account} already exists.`
  if (existing !== undefined) throw new KinesisError('ResourceInUseException', exists)
  const refused = async (): Promise<KinesisError> =>
    shardLimitError(place, { current: await accountShards(parts.own), more: shards })
  if (shards > limits.shardsPerStreamMax) throw await refused()
  return translated(place, () =>
    client.createStream(name, {
      shards: Math.max(shards, warm ?? 0),
      mode,
      shardLimits: settings.limits,
      ...(warm === undefined ? {} : { scaling: { shardsMin: Math.max(1, warm) } }),
    }),
  ).catch(async (error: unknown) => {
    throw error instanceof KinesisError && error.code === 'LimitExceededException' ? await refused() : error
  })
}

/** What is kept of the new stream; undefined where there is nothing to keep. */
function factsOf(parts: EndpointParts, { input }: CreateCall): StreamFacts | undefined {
  const facts: StreamFacts = {
    ...defaultFacts,
    tags: input.Tags ?? {},
    maxRecordSizeInKiB: input.MaxRecordSizeInKiB ?? defaultFacts.maxRecordSizeInKiB,
    distribution: input.RecordDistributionStrategy ?? defaultFacts.distribution,
    warmThroughputMiBps: input.WarmThroughputMiBps,
    statusUntil: stateFor(parts, 'CREATING'),
  }
  const isPlain =
    Object.keys(facts.tags).length === 0 &&
    facts.maxRecordSizeInKiB === defaultFacts.maxRecordSizeInKiB &&
    facts.distribution === defaultFacts.distribution &&
    facts.warmThroughputMiBps === undefined &&
    facts.statusUntil === undefined
  return isPlain ? undefined : facts
}
