// Finds out from a shard itself what it has of a part: for when the broker may have forgotten the part's producer. Runs in the
// client. Only headers are looked at, from where the shard stood when the part was first kept, to behind the time in which it
// was sent.
import {
  arrivalTimeAt,
  checkBatchHeader,
  firstProducerSequenceAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from '../../protocol/batch/batch.ts'
import { errorCodeOf, errorCodes } from '../../protocol/error-codes.ts'
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { FetchedShard } from '../../protocol/operations.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { ConnectionPool } from '../connecting/pool.ts'
import type { Routing, RoutingCache } from '../connecting/routing.ts'
import { invalidAnswer } from '../errors.ts'
import { ShardLookups } from '../reading/start.ts'
import { believedMs } from '../retry.ts'
import type { Settings } from '../settings.ts'
import { sleep } from '../waiting.ts'
import { preparedLimits } from './options.ts'
import type { Part, SendingTimes } from './part.ts'

export interface ReadBackDependencies {
  readonly stream: string
  readonly routing: Routing
  readonly routings: RoutingCache
  readonly pool: ConnectionPool
  readonly settings: Settings
  readonly signal: AbortSignal
}

/** What a shard has of a part. */
export interface ReadBack {
  /** The number behind its last record that is stored; 0 if none was found. */
  readonly nextSequence: number
  /** Up to here the shard was read: what was not found stands behind, or nowhere. */
  readonly readTo: number
  /** Some of what had to be read has expired, or is damaged: what was not found may have been there. */
  readonly isIncomplete: boolean
}

/** Reads a shard for what it has of a part. Rejects as a read of the shard; limits of reads are waited for. */
export async function readBack(
  part: Part,
  times: SendingTimes,
  dependencies: ReadBackDependencies,
): Promise<ReadBack> {
  const lookups = new ShardLookups<Routing>(dependencies.routing, dependencies)
  let at = times.from
  let nextSequence = 0
  let isIncomplete = false
  let tail: number | undefined
  for (;;) {
    const answer = await ask(part.shardIndex, at, lookups)
    // The shard is no more: everything in it has expired.
    if (answer === undefined) return { nextSequence, readTo: at, isIncomplete: true }
    // It was lost with what the shard had: nothing is stored from there on.
    if (errorCodeOf(answer.code) === 'invalidPosition') return { nextSequence, readTo: at, isIncomplete }
    if (answer.code !== 0) {
      const next = behind(answer, at, part.shardIndex)
      if (next === undefined)
        await sleep(Math.max(1, believedMs(answer.retryAfterMs ?? 0)), dependencies.signal)
      else isIncomplete = true
      at = next ?? at
      continue
    }
    tail ??= answer.tail
    for (const batch of answer.batches) {
      if (checkBatchHeader(batch) !== undefined) {
        isIncomplete = true
        continue
      }
      if (arrivalTimeAt(batch, 0) > times.sentUntil + preparedLimits.arrivalMs)
        return { nextSequence, readTo: at, isIncomplete }
      if (producerIdAt(batch, 0) !== part.identity.producerId || producerEpochAt(batch, 0) !== 0) continue
      nextSequence = Math.max(nextSequence, firstProducerSequenceAt(batch, 0) + recordCountAt(batch, 0))
    }
    if (answer.nextSequenceNumber > at) at = answer.nextSequenceNumber
    else if (at < tail)
      throw invalidAnswer(`The host of ${shardIdOf(part.shardIndex)} gives nothing at ${at}, below ${tail}.`)
    if (at >= tail || nextSequence >= part.endSequence) return { nextSequence, readTo: at, isIncomplete }
  }
}

async function ask(
  shardIndex: number,
  sequenceNumber: number,
  lookups: ShardLookups<Routing>,
): Promise<FetchedShard | undefined> {
  const bytesMax = limits.fetchBytesMax
  const response = await lookups.ask({
    operation: 'fetch',
    shardIndex,
    of: (streamId) => ({ shards: [{ streamId, shardIndex, sequenceNumber, bytesMax }], bytesMax, waitMs: 0 }),
    check: ({ shards }) => {
      const [answer] = shards
      if (answer === undefined) throw invalidAnswer('The host answered a fetch of one shard with none.')
      const code = errorCodeOf(answer.code)
      const isFinal = code === 'provisionedThroughputExceeded' || errorCodes[code].retry === 'never'
      if (answer.code !== 0 && !isFinal)
        throw new MillraceError(code, `${shardIdOf(shardIndex)} cannot be read: ${code}.`)
    },
  })
  return response?.shards[0]
}

/** Where to go on behind records that cannot be read; undefined where the limits of reads are used up. Throws other refusals. */
function behind(answer: FetchedShard, at: number, shardIndex: number): number | undefined {
  const code = errorCodeOf(answer.code)
  if (code === 'provisionedThroughputExceeded') return undefined
  const next = code === 'trimmed' ? answer.trimHorizon : answer.damage?.nextSequenceNumber
  if (next !== undefined && next > at) return next
  throw new MillraceError(code, `${shardIdOf(shardIndex)} cannot be read at ${at}: ${code}.`)
}
