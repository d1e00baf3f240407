// SubscribeToShard: a subscription of the broker as the registered consumer, told as events. Runs in the endpoint.
// What is wrong with a request is answered before the stream of events begins, since clients try again only then; and so the
// broker has taken the subscription by the time of the answer.
import type { Shard, StreamRecord } from 'millrace'
import { placeOf, type StreamView } from '../book/stream-view.ts'
import type { Call, HandlersOf } from '../call.ts'
import type { ConsumerView } from '../consumers/consumer-view.ts'
import { findConsumer } from '../consumers/find-consumer.ts'
import { createdAtOf, SequenceNumbers } from '../identifiers/sequence-number.ts'
import { shardIdOf, shardIndexOf } from '../identifiers/shard-ids.ts'
import { KinesisError, type ErrorName } from '../model/errors.ts'
import { accessDenied, asKinesisError } from '../native-errors.ts'
import type { EndpointParts } from '../parts.ts'
import { isKeyless } from '../records/keyless.ts'
import { unreadable } from '../records/unreadable.ts'
import { CallPace } from './call-pace.ts'
import { CreditShares } from './credit-shares.ts'
import { feedLimits } from './feed-limits.ts'
import { feedTime, type FeedTime } from './feed-time.ts'
import { ShardFeed, type ChildShard, type FeedRecord } from './shard-feed.ts'
import { nativeStart } from './starting-position.ts'

type SubscribeCall = Call<'SubscribeToShard'>

/** Errors that the service tells within a stream of events; all others are failures there. */
const toldInStream: ReadonlySet<ErrorName> = new Set([
  'ResourceNotFoundException',
  'ResourceInUseException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSAccessDeniedException',
  'KMSNotFoundException',
  'KMSOptInRequired',
  'KMSThrottlingException',
  'InternalFailureException',
])

/** @param time replaces clock and timers in tests */
export function subscriptionHandlers(
  parts: EndpointParts,
  time: FeedTime = feedTime(parts.now),
): HandlersOf<'SubscribeToShard'> {
  const pace = new CallPace(time.now)
  const shares = new CreditShares()
  return {
    SubscribeToShard: async (call) => {
      const consumer = await findConsumer(parts, call, { ConsumerARN: call.input.ConsumerARN })
      requireActive(consumer, parts.settings.account)
      const shard = await shardOf(parts, call, consumer.stream)
      const { account, limits } = parts.settings
      const from = nativeStart(call.input.StartingPosition, {
        shard,
        stream: consumer.stream.name,
        account,
        nowMs: time.now(),
      })
      if (call.input.DryRun === true) await endDryRun(parts, call, consumer)
      if (limits === 'kinesis' && !pace.take(`${consumer.arn}/${shard.shardId}`)) {
        throw new KinesisError(
          'LimitExceededException',
          `Rate exceeded for consumer ${consumer.arn} and shard ${shard.shardId}.`,
        )
      }
      const { reading, stop, release } = beginReading(call, { consumer, shard, from, shares })
      await begun(parts, call, { consumer, answered: reading.answered, stop, time })
      return { EventStream: feedOf(parts, call, { consumer, shard, reading, release, time }) }
    },
  }
}

function beginReading(
  call: SubscribeCall,
  {
    consumer,
    shard,
    from,
    shares,
  }: {
    readonly consumer: ConsumerView
    readonly shard: Shard
    readonly from: ReturnType<typeof nativeStart>
    readonly shares: CreditShares
  },
) {
  const share = shares.take()
  const reading = call.caller.client.subscribe(consumer.stream.name, {
    from,
    shard: shard.shardId,
    consumer: consumer.name,
    creditBytes: share.bytes,
    onInUse: 'fail',
    // What has expired is skipped, as in the service.
    onTrimmed: 'horizon',
    signal: call.signal,
  })
  const stop = (): void => {
    share.release()
    void reading.close()
  }
  return { reading, stop, release: share.release }
}

/** Waits until the broker has taken the subscription. */
async function begun(
  parts: EndpointParts,
  call: SubscribeCall,
  {
    consumer,
    answered,
    stop,
    time,
  }: {
    readonly consumer: ConsumerView
    readonly answered: Promise<void>
    readonly stop: () => void
    readonly time: FeedTime
  },
): Promise<void> {
  let isLate = false
  const cancel = time.after(feedLimits.beginMs, () => {
    isLate = true
    stop()
  })
  try {
    await answered
  } catch (error) {
    stop()
    throw failureOf(parts, call, consumer)(error)
  } finally {
    cancel()
  }
  if (isLate) throw new KinesisError('ServiceUnavailableException', 'The broker does not answer.')
}

function feedOf(
  parts: EndpointParts,
  call: SubscribeCall,
  {
    consumer,
    shard,
    reading,
    release,
    time,
  }: {
    readonly consumer: ConsumerView
    readonly shard: Shard
    readonly reading: ReturnType<typeof beginReading>['reading']
    readonly release: () => void
    readonly time: FeedTime
  },
): ShardFeed {
  const { stream } = consumer
  const numbers = new SequenceNumbers(shardIndexOf(shard.shardId)!, createdAtOf(shard))
  const failure = failureOf(parts, call, consumer)
  return new ShardFeed({
    reading,
    shardId: shard.shardId,
    time,
    lifeMs: parts.settings.subscriptionLifeMs,
    signal: call.signal,
    onEnd: release,
    numberOf: (sequenceNumber, timeMs) => numbers.of(sequenceNumber, timeMs),
    recordOf: (record) => recordOf(parts, { stream, numbers, record }),
    childrenOf: (shardIds) => childrenOf(parts, call, { stream, shardIds }),
    failure: (error) => {
      const told = unreadable(error, numbers) ?? failure(error)
      if (!(told instanceof KinesisError) || toldInStream.has(told.code)) return told
      return new KinesisError('InternalFailureException', told.message, { cause: told })
    },
  })
}

function recordOf(
  { book }: EndpointParts,
  {
    stream,
    numbers,
    record,
  }: { readonly stream: StreamView; readonly numbers: SequenceNumbers; readonly record: StreamRecord },
): FeedRecord {
  const { arrivalTime, bytes, headers, partitionKey, sequenceNumber } = record
  return {
    SequenceNumber: numbers.of(sequenceNumber, arrivalTime.getTime()),
    ApproximateArrivalTimestamp: arrivalTime,
    Data: bytes,
    ...(!isKeyless(headers) && { PartitionKey: partitionKey }),
    ...(book.facts(stream.name, stream.id).encryption !== undefined && { EncryptionType: 'KMS' as const }),
  }
}

/** The shards that took the place of this one. */
async function childrenOf(
  { book }: EndpointParts,
  call: SubscribeCall,
  { stream, shardIds }: { readonly stream: StreamView; readonly shardIds: readonly string[] },
): Promise<readonly ChildShard[]> {
  // The shards have changed since the request.
  const now = await call.caller.client.describeStream(stream.name)
  const shards = await book.shards(call, { ...stream, stream: now })
  return shards
    .filter(({ shardId }) => shardIds.includes(shardId))
    .map(({ shardId, parentShardIds, hashKeyRange }) => ({
      ShardId: shardId,
      ParentShards: parentShardIds,
      HashKeyRange: {
        StartingHashKey: hashKeyRange.startingHashKey,
        EndingHashKey: hashKeyRange.endingHashKey,
      },
    }))
}

async function shardOf(
  { book, settings }: EndpointParts,
  call: SubscribeCall,
  stream: StreamView,
): Promise<Shard> {
  const { ShardId: text } = call.input
  const index = shardIndexOf(text)
  const place = `in stream ${stream.name} under account ${settings.account}`
  if (index === undefined) {
    throw new KinesisError('ResourceNotFoundException', `Could not find shard ${text} ${place}.`)
  }
  const shardId = shardIdOf(index)
  const found = (await book.shards(call, stream)).find((shard) => shard.shardId === shardId)
  if (found !== undefined) return found
  throw new KinesisError('ResourceNotFoundException', `Shard ${shardId} ${place} does not exist`)
}

function requireActive({ name, arnSeconds, status, stream }: ConsumerView, account: string): void {
  if (status === 'ACTIVE') return
  throw new KinesisError(
    'ResourceInUseException',
    `Consumer ${name} with creation timestamp ${arnSeconds} under stream ${stream.name} and account ${account} is not in ACTIVE status.`,
  )
}

function failureOf(
  { settings }: EndpointParts,
  call: SubscribeCall,
  { stream, arn }: ConsumerView,
): (error: unknown) => unknown {
  return (error) => asKinesisError(error, { ...placeOf(call, settings.account, stream.name), arn })
}

/** Refuses a request that was only to be tried: with what it lacks, or with that it would work. */
async function endDryRun(
  { settings }: EndpointParts,
  call: SubscribeCall,
  { stream: { name } }: ConsumerView,
): Promise<never> {
  if (!(await call.caller.may('read', name))) throw accessDenied(placeOf(call, settings.account, name))
  throw new KinesisError('DryRunOperationException', 'Request would have succeeded, but DryRun flag is set.')
}
