// What the fake broker answers to a fetch: the broker's own answer, over the shards of the fake.
import { FetchAnswer, type ShardToFetch } from '../../../broker/host/read/fetch-answer.ts'
import { fetchRefusal } from '../../../broker/host/read/fetch.ts'
import type { RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import type { FakeShard } from './fake-shard.ts'

/** The answer now, by the broker's clock; undefined where it waits for news. */
export function fetched(
  { shards, bytesMax, waitMs }: RequestOf<'fetch'>,
  shardAt: (wanted: ShardToFetch) => FakeShard | undefined,
  time: number,
): ResponseOf<'fetch'> | undefined {
  const answer = new FetchAnswer(bytesMax)
  for (const [i, wanted] of shards.entries()) fill(answer, i, { wanted, shard: shardAt(wanted), time })
  if (!answer.hasNews && waitMs > 0) return undefined
  answer.charge(performance.now())
  return { shards: answer.shards, time }
}

function fill(
  answer: FetchAnswer,
  index: number,
  { wanted, shard, time }: { wanted: ShardToFetch; shard: FakeShard | undefined; time: number },
): void {
  const { sequenceNumber: from } = wanted
  const hosted = shard?.hosted
  const damage = shard?.damageAt(from)
  const refusal =
    fetchRefusal(hosted, from, performance.now()) ??
    (damage === undefined ? undefined : ({ code: 'corruptData', damage } as const))
  if (refusal !== undefined) {
    if (refusal.code === 'provisionedThroughputExceeded') shard!.throttled++
    answer.refuse(index, wanted, refusal, hosted, time)
    return
  }
  const firstBytes = answer.batchCount === 0 ? Infinity : answer.bytesLeft
  const bytes = Math.min(wanted.bytesMax, answer.bytesLeft)
  answer.take(index, hosted!, shard!.read(from, { bytes, firstBytes }), time)
}
