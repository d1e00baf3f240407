// Decides each batch that an owner receives: stored, with its number and rows; answered as stored before; or refused.
// Runs on the owner thread.
// There are two parts. Checking costs two passes over the bytes and is done while an earlier commit runs; staging is
// done when the batch's own commit is collected. Memory (shards, producers) is ahead of the disk by that one commit: if
// it fails, memory is discarded and read again, and no answer was sent.
import {
  bodyCrcAt,
  firstProducerSequenceAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
  stampBatch,
} from '../../../protocol/batch/batch.ts'
import type { ErrorCode } from '../../../protocol/error-codes.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { checkSentBatch } from '../../../protocol/batch/record-walk.ts'
import type { CommitPlan } from './commit-plan.ts'
import type { PendingAppend } from './pending-append.ts'
import { decideOnBatch, type ProducerDecision } from './producer-decision.ts'
import type { ShardLog } from './shard-log.ts'
import type { ProvenBatch, ShardTable } from './shard-table.ts'

/** What staging reads, and the plan that it fills. */
export interface Staging {
  readonly table: ShardTable
  readonly plan: CommitPlan
  /** The disk has no room: only batches that are stored already are answered as stored. */
  readonly isFull: boolean
}

/** Is each batch whole, and are its records sound? Refuses damaged batches on arrival. */
export function checkBatches(append: PendingAppend): void {
  for (let i = 0; i < append.batches.length; i++) {
    const fault = checkSentBatch(append.batches[i]!)
    if (fault !== undefined) append.refuse(i, fault.code)
  }
}

/** Decides every sound batch in order of arrival, and adds the rows to be written to the plan. */
export function stageBatches(append: PendingAppend, staging: Staging): void {
  for (let i = 0; i < append.batches.length; i++) if (!append.isRefused(i)) stageBatch(append, i, staging)
}

function stageBatch(append: PendingAppend, i: number, { table, plan, isFull }: Staging): void {
  const batch = append.batches[i]!

  // Does its shard take appends here? The host has already checked that the keys lie in the shard's hash key range.
  const log = table.opened(append.slotOf(i))
  if (log === undefined) return append.refuse(i, 'shardNotFound')

  // Was it stored before? A producer that missed the answer sends it again, also to a shard that was closed meanwhile.
  const sent = sentBatch(append, i)
  const known = sent && log.producers?.get(sent.producerId)
  const decision = sent ? decideOnBatch(known, sent) : 'store'
  if (typeof decision === 'object') return append.repeat(i, decision)

  // May it be stored?
  const refusal = refusalOf(decision, log, isFull)
  if (refusal !== undefined) return append.refuse(i, refusal)
  if (sent && !known && !table.admitsProducer(sent)) return append.refuse(i, 'tooManyProducers')

  // Which number does it get, and when did it arrive? Numbers follow without a gap, and arrival times never fall.
  const base = log.tail
  const isIndexed = log.stage(recordCountAt(batch, 0), batch.length, append.now)
  invariant(log.tail <= Number.MAX_SAFE_INTEGER, `slot ${log.slot} has run out of sequence numbers`)
  const at = { base, arrival: log.lastArrival }
  stampBatch(batch, at.base, at.arrival)

  // Which rows are written? All of them in one transaction, or none.
  plan.addBatch(log.slot, base, batch)
  if (isIndexed) plan.addTime(log.slot, at.arrival, base)
  plan.addLog(log)
  if (sent) plan.addProducer(table.storeProducer(log, sent, at))

  append.store(i, at)
}

/** A batch's producer fields; undefined without a producer. */
function sentBatch(append: PendingAppend, i: number): ProvenBatch | undefined {
  const batch = append.batches[i]!
  const producerId = producerIdAt(batch, 0)
  if (producerId === 0) return undefined
  return {
    producerId,
    ...append.provenOf(i),
    epoch: producerEpochAt(batch, 0),
    firstSequence: firstProducerSequenceAt(batch, 0),
    recordCount: recordCountAt(batch, 0),
    bodyCrc: bodyCrcAt(batch, 0),
  }
}

/** Why a batch that was not stored before is refused; undefined if it is stored. */
function refusalOf(
  decision: Exclude<ProducerDecision, object>,
  { isClosed }: ShardLog,
  isFull: boolean,
): ErrorCode | undefined {
  // A batch out of order may be stored in the closed shard, so it must not be stored in the children, too. Any other
  // batch begins there anew.
  if (decision === 'outOfOrderSequence' && isClosed) return 'shardClosed'
  if (decision !== 'store') return decision
  if (isClosed) return 'shardClosed'
  return isFull ? 'storageFull' : undefined
}
