// Until when records are tried, and which of a lane's batches are over. Runs in the client, pure.
// The time for delivery counts from the oldest record of a batch, so that no batch is sent after the broker has forgotten its
// producer. The time to live counts from the newest one, so that no record ends before its time; batches are kept short
// enough that none lives much longer.
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { PendingBatch } from '../batches/pending-batch.ts'
import type { ProducerSettings } from '../options.ts'

export type LaneDeadlines = Pick<ProducerSettings, 'deliveryTimeoutMs' | 'recordTtlMs'>

/** Batches whose time is over, from the first of a lane on. */
export interface Overdue {
  readonly count: number
  /** What they end with, if nothing else is known; `cause` is what kept them from being stored. */
  readonly reason: (cause: MillraceError | undefined) => MillraceError
  /** How long they were tried, where the reason does not say it. */
  readonly triedMs?: number
}

type Times = Pick<PendingBatch, 'acceptedAt' | 'lastAcceptedAt'>

/** Whether the time of a batch is over. */
export function isOverdue(batch: Times, now: number, deadlines: LaneDeadlines): boolean {
  return isLate(batch, now, deadlines) || isExpired(batch, now, deadlines)
}

/** The batches at the front of the queue whose time is over; undefined if the first one has time left. */
export function overdueOf(
  queue: readonly Times[],
  now: number,
  deadlines: LaneDeadlines,
): Overdue | undefined {
  const [first] = queue
  if (first === undefined) return undefined
  const { deliveryTimeoutMs, recordTtlMs } = deadlines
  const countWhere = (isOver: typeof isLate): number => {
    const inTime = queue.findIndex((batch) => !isOver(batch, now, deadlines))
    return inTime < 0 ? queue.length : inTime
  }
  if (isExpired(first, now, deadlines)) {
    const message = `The record could not be stored within recordTtlMs, ${recordTtlMs} ms.`
    const reason = (cause?: MillraceError) =>
      new MillraceError('recordExpired', message, cause === undefined ? {} : { cause })
    return { count: countWhere(isExpired), reason }
  }
  if (!isLate(first, now, deadlines)) return undefined
  const reason = (cause?: MillraceError) => cause ?? notTaken()
  return { count: countWhere(isLate), reason, triedMs: deliveryTimeoutMs }
}

/** How often deadlines are to be looked at. */
export function sweepMsOf({ deliveryTimeoutMs, recordTtlMs }: LaneDeadlines): number {
  return Math.min(1000, Math.max(5, Math.min(deliveryTimeoutMs / 4, recordTtlMs / 8)))
}

/** For how long a batch may gather records: what has a time to live expires with the newest record of its batch. */
export function gatherMsOf({ recordTtlMs }: LaneDeadlines): number {
  return recordTtlMs / 8
}

function isLate({ acceptedAt }: Times, now: number, { deliveryTimeoutMs }: LaneDeadlines): boolean {
  return now - acceptedAt >= deliveryTimeoutMs
}

function isExpired({ lastAcceptedAt }: Times, now: number, { recordTtlMs }: LaneDeadlines): boolean {
  return now - lastAcceptedAt >= recordTtlMs
}

function notTaken(): MillraceError {
  return new MillraceError('unavailable', 'The host took nothing for the shard.')
}
