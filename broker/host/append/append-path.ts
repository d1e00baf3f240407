// An append request from its frame to its owners: which batches are taken, and which are refused why. Host main thread.
// Per batch O(1): the header and its hash key bounds are checked, never a record; checksums are the owner's work. A batch
// that is refused here was not written anywhere. Batches of one session to one shard keep their order.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import { batchWithin, checkBatchHeader } from '../../../protocol/batch.ts'
import type { AppendResult, RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import type { Context } from '../../server/dispatch.ts'
import type { Session } from '../../server/session.ts'
import type { HostMetrics } from '../host-metrics.ts'
import type { OwnerLink } from '../owner-link.ts'
import type { HostedShard } from '../hosted-shard.ts'
import { describeShard, type ShardTable } from '../shard-table.ts'
import type { Clock } from '../timing.ts'
import { AppendAnswer, refused } from './append-answer.ts'
import type { SessionShares } from './session-shares.ts'

type BatchToAppend = RequestOf<'append'>['batches'][number]

export interface AppendPathOptions {
  readonly shards: ShardTable
  readonly ownerOf: (shard: HostedShard) => OwnerLink
  readonly shares: SessionShares
  readonly metrics: HostMetrics
  readonly elapsed: Clock
}

export class AppendPath {
  readonly #options: AppendPathOptions

  constructor(options: AppendPathOptions) {
    this.#options = options
  }

  append({ batches }: RequestOf<'append'>, { session }: Context<'append'>): Promise<ResponseOf<'append'>> {
    const { elapsed } = this.#options
    const started = elapsed()
    const answer = new AppendAnswer(batches.length)
    let takenBytes = 0
    for (let index = 0; index < batches.length; index++) {
      const refusal = this.#offer(batches[index]!, answer, index)
      if (refusal) answer.settle(index, refusal)
      else takenBytes += batches[index]!.batch.length
    }
    return this.#whenDone(answer, session, takenBytes, started)
  }

  /** Nothing of the request is kept over the wait: its frame can be let go as soon as its batches are in arenas. */
  #whenDone(
    answer: AppendAnswer,
    session: Session,
    takenBytes: number,
    started: number,
  ): Promise<ResponseOf<'append'>> {
    const { shares, metrics, elapsed } = this.#options
    if (takenBytes > 0) shares.take(session, takenBytes)
    return answer.done.then((response) => {
      if (takenBytes > 0) shares.give(session, takenBytes)
      metrics.appendAnswered(elapsed() - started)
      return response
    })
  }

  /** Queues the batch for its owner, or says why not. */
  #offer(wanted: BatchToAppend, answer: AppendAnswer, index: number): AppendResult | undefined {
    const { shards, ownerOf } = this.#options
    const { batch } = wanted
    const shard = shards.find(wanted.streamId, wanted.shardIndex)
    if (!shard) return this.#refuse('shardNotFound', `${describeShard(wanted)} is not served here.`)
    const fault = checkBatchHeader(batch)
    if (fault) return this.#refuse(fault.code, fault.message)
    if (!batchWithin(batch, shard.rangeStart, shard.rangeEnd)) {
      const what = `The batch holds hash keys outside the range of ${shard.label}.`
      return this.#refuse('hashKeyOutOfRange', `${what} Ask for the routing again and divide it by shard.`)
    }
    const owner = ownerOf(shard)
    if (owner.offer({ shard, bytes: batch, answer, index })) return undefined
    const what = `${owner.queuedBytes} bytes wait to be flushed; there is no room for ${batch.length} more.`
    return this.#refuse('overloaded', what, owner.retryAfterMs)
  }

  #refuse(code: ErrorCode, message: string, retryAfterMs?: number): AppendResult {
    this.#options.metrics.refused(code, 1)
    return refused(code, message, retryAfterMs)
  }
}
