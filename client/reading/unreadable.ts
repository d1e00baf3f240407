// Stored records that cannot be read: what is said of them, and what a reading does about it. Runs in the client, pure.
// There are three reasons, which call for different things: bytes that are damaged, records that a producer wrote so that no
// reader can take them apart, and a codec that this Node does not have. None of them is data, and none is passed over in silence.
import { MillraceError, type RecordsPlace } from '../../protocol/millrace-error.ts'
import type { Damage } from '../../protocol/structs.ts'
import { endSentence } from '../errors.ts'

const reasons = ['corruptData', 'malformedBatch', 'codecUnavailable'] as const

/** Why records cannot be read: an error code. */
export type UnreadableReason = (typeof reasons)[number]

/** Records that a reading has passed over, because they cannot be read. */
export interface UnreadableRecords extends RecordsPlace {
  /** Why they cannot be read. */
  readonly reason: UnreadableReason
  /** The error that the reading would have ended with. */
  readonly cause: MillraceError
}

/** What a reading does about records that cannot be read: fail, or report them and go on behind them. */
export type OnUnreadable = 'fail' | ((skipped: UnreadableRecords) => void)

/** The error about records that cannot be read, with their place; what is wrong with them is said by `cause`. */
export function unreadableError(
  code: UnreadableReason,
  place: RecordsPlace,
  { reason, cause }: { reason: string; cause?: unknown },
): MillraceError {
  const { shardId, firstSequenceNumber: first, nextSequenceNumber: next } = place
  const which = next - first === 1 ? `Record ${first}` : `The records from ${first} to ${next - 1}`
  const message = `${which} of ${shardId} cannot be read: ${endSentence(reason)}${advice[code]} Behind them reading goes on at ${next}.`
  return new MillraceError(code, message, { records: place, ...(cause === undefined ? {} : { cause }) })
}

const advice: Readonly<Record<UnreadableReason, string>> = {
  corruptData: '',
  malformedBatch: ' Their producer wrote them so: no disk is at fault.',
  codecUnavailable: '',
}

/** The error about damage of which the broker told. */
export function damageError(shardId: string, damage: Damage): MillraceError {
  const { firstSequenceNumber, nextSequenceNumber, reason } = damage
  return unreadableError('corruptData', { shardId, firstSequenceNumber, nextSequenceNumber }, { reason })
}

/** What is reported of records that are passed over; undefined for an error that is not about such records. */
export function skippedOf(error: unknown): UnreadableRecords | undefined {
  if (!MillraceError.is(error)) return undefined
  const reason = reasons.find((code) => code === error.code)
  const { shardId, firstSequenceNumber, nextSequenceNumber } = error
  if (reason === undefined || shardId === undefined) return undefined
  if (firstSequenceNumber === undefined || nextSequenceNumber === undefined) return undefined
  return { shardId, firstSequenceNumber, nextSequenceNumber, reason, cause: error }
}

/** True for a code that says why records cannot be read. */
export function isUnreadable(error: unknown): error is MillraceError & { readonly code: UnreadableReason } {
  return MillraceError.is(error) && reasons.some((code) => code === error.code)
}
