// The path of an append request to its owners: which batches are accepted, and why others are refused. Host main thread.
// It costs O(1) for each batch: the header and its hash key bounds are checked here, checksums and records by the owner. A batch
// that is refused here was not written anywhere. Batches of one session to one shard keep their order.
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import { batchWithin, checkBatchHeader, producerIdAt, recordCountAt } from '../../../protocol/batch/batch.ts'
import type { AppendResult, RequestOf, ResponseOf } from '../../../protocol/operations.ts'
import { noShard } from '../../access/absence.ts'
import type { Context } from '../../server/dispatch.ts'
import type { Session } from '../../server/session.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Clock } from '../../time.ts'
import type { KeySampler } from '../load/key-sampler.ts'
import type { SessionGrants } from '../shards/session-grants.ts'
import type { ShardsByName } from '../shards/shards-contract.ts'
import { AppendAnswer, refused } from './append-answer.ts'
import type { QueuedBatch } from './append-group.ts'
import type { AppendQueue } from './append-queue.ts'
import { payloadBytesAt } from '../../../protocol/batch/payload.ts'
import { ProducerProofs } from './producer-proofs.ts'
import type { SessionShares } from './session-shares.ts'
import { countOf } from '../../../protocol/text/count-text.ts'

type BatchToAppend = RequestOf<'append'>['batches'][number]

/** The session of a batch, and the answer that gets its result. */
interface Asked {
  readonly session: Session
  readonly answer: AppendAnswer
  readonly index: number
  readonly now: number
}

export interface AppendPathOptions {
  readonly shards: ShardsByName
  readonly grants: SessionGrants
  readonly owners: { of(ownerId: number): Pick<AppendQueue, 'offer' | 'queuedBytes' | 'retryAfterMs'> }
  readonly shares: SessionShares
  readonly sampler: KeySampler
  /** Producers that a principal may have at an owner, by its quota; 0: no quota. */
  readonly producersMaxOf?: (principal: string) => number
  readonly metrics: Instruments
  readonly elapsed: Clock
}

export class AppendPath {
  readonly #options: AppendPathOptions
  readonly #proofs: ProducerProofs

  constructor(options: AppendPathOptions) {
    this.#options = options
    this.#proofs = new ProducerProofs({ mostOf: options.producersMaxOf })
  }

  append({ batches }: RequestOf<'append'>, { session }: Context<'append'>): Promise<ResponseOf<'append'>> {
    const { elapsed } = this.#options
    const started = elapsed()
    const answer = new AppendAnswer(batches.length)
    let takenBytes = 0
    for (let index = 0; index < batches.length; index++) {
      const refusal = this.#check(batches[index]!, { session, answer, index, now: started })
      if (refusal) answer.settle(index, refusal)
      else takenBytes += batches[index]!.batch.length
    }
    return this.#whenDone(answer, session, takenBytes, started)
  }

  /** Waits for the answer, and keeps nothing of the request: its frame can be freed once its batches are in arenas. */
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
      metrics.millrace_append_seconds.observe((elapsed() - started) / 1000)
      return response
    })
  }

  /** Queues the batch for its owner, or returns a refusal. */
  #check(wanted: BatchToAppend, { session, answer, index, now }: Asked): AppendResult | undefined {
    const { batch } = wanted
    const shard = this.#options.shards.find(wanted.streamId, wanted.shardIndex)
    const denial = shard && this.#options.grants.denialOf(session, 'append', shard)
    if (denial?.code === 'permissionDenied') return this.#refuse(denial.code, denial.message)
    if (!shard || denial) return this.#refuse('shardNotFound', noShard(wanted.streamId, wanted.shardIndex))
    const fault = checkBatchHeader(batch)
    if (fault) return this.#refuse(fault.code, fault.message)
    if (!batchWithin(batch, shard.rangeStart, shard.rangeEnd)) {
      const what = `The batch holds hash keys outside the range of ${shard.label}.`
      return this.#refuse('hashKeyOutOfRange', `${what} Ask for the routing again and divide it by shard.`)
    }
    const producer = this.#proofs.producerOf(session, batch, wanted.producerSecret)
    if (producer === undefined) {
      const what = `The request does not show the secret of producer ${producerIdAt(batch, 0)}.`
      return this.#refuse(
        'producerUnproven',
        `${what} Write under an id that is made of a secret of your own.`,
      )
    }
    const queued = { shard, bytes: batch, producer, answer, index }
    // A closed shard takes only duplicates, which its owner finds. They are neither limited nor part of its load.
    return shard.closed ? this.#offer(queued) : this.#admit(queued, now)
  }

  /** Refuses a batch above the shard's limits, or takes its cost from them and queues it. */
  #admit(queued: QueuedBatch, now: number): AppendResult | undefined {
    const { shard, bytes: batch } = queued
    const { load, writeThrottle } = shard
    const bytes = payloadBytesAt(batch, 0)
    const records = recordCountAt(batch, 0)
    this.#options.sampler.offer(shard, batch, bytes, now)
    if (!writeThrottle) return this.#offer(queued)
    const usedUp = writeThrottle.usedUp(now)
    if (usedUp) {
      load.throttled(bytes, records, now)
      const what = `${shard.label} has used up its ${usedUp.limit} of ${usedUp.perSecond}.`
      return this.#refuse('provisionedThroughputExceeded', what, usedUp.waitMs)
    }
    const refused = this.#offer(queued)
    if (!refused) writeThrottle.take(bytes, records, now)
    return refused
  }

  #offer(queued: QueuedBatch): AppendResult | undefined {
    const owner = this.#options.owners.of(queued.shard.ownerId)
    if (owner.offer(queued)) return undefined
    const what = `What waits to be flushed has ${countOf(owner.queuedBytes, 'byte')}; there is no room for ${queued.bytes.length} more.`
    return this.#refuse('overloaded', what, owner.retryAfterMs)
  }

  #refuse(code: ErrorCode, message: string, retryAfterMs?: number): AppendResult {
    this.#options.metrics.millrace_refused_batches_total.add(1, code)
    return refused(code, message, retryAfterMs)
  }
}
