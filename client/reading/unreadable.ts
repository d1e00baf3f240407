// Stored records that cannot be read: their errors, and what a reading does about them. Runs in the client, pure.
// The reasons need different measures: damaged bytes, records that a producer wrote malformed, a codec that this Node does not
// have, a key that is erased or was never given, bytes that do not decrypt, and records in the open where none may be. Such records are never handed out as data, and never skipped silently.
import { MillraceError, type RecordsPlace } from '../../protocol/millrace-error.ts'
import type { Damage } from '../../protocol/structs.ts'
import { endSentence } from '../errors.ts'

const reasons = [
  'corruptData',
  'malformedBatch',
  'codecUnavailable',
  'keyUnavailable',
  'decryptionFailed',
  'notEncrypted',
] as const

/** Why records cannot be read: an error code. */
export type UnreadableReason = (typeof reasons)[number]

/** Records that a reading has skipped, because they cannot be read. */
export interface UnreadableRecords extends RecordsPlace {
  /** Why they cannot be read. */
  readonly reason: UnreadableReason
  /** The error that the reading would have ended with. */
  readonly cause: MillraceError
}

/** What a reading does about records that cannot be read: fail, or report them and go on after them. */
export type OnUnreadable = 'fail' | ((skipped: UnreadableRecords) => void)

/** Makes the error about records that cannot be read, with their place. `cause` says what is wrong with them. */
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
  keyUnavailable: '',
  decryptionFailed: '',
  notEncrypted: '',
}

/** Makes the error about damage that the broker reported. */
export function damageError(shardId: string, damage: Damage): MillraceError {
  const { firstSequenceNumber, nextSequenceNumber, reason } = damage
  return unreadableError('corruptData', { shardId, firstSequenceNumber, nextSequenceNumber }, { reason })
}

/** Returns the report of skipped records; undefined for an error that is not about such records. */
export function skippedOf(error: unknown): UnreadableRecords | undefined {
  if (!MillraceError.is(error)) return undefined
  const reason = reasons.find((code) => code === error.code)
  const { shardId, firstSequenceNumber, nextSequenceNumber } = error
  if (reason === undefined || shardId === undefined) return undefined
  if (firstSequenceNumber === undefined || nextSequenceNumber === undefined) return undefined
  return { shardId, firstSequenceNumber, nextSequenceNumber, reason, cause: error }
}

/** Returns true for an error whose code says why records cannot be read. */
export function isUnreadable(error: unknown): error is MillraceError & { readonly code: UnreadableReason } {
  return MillraceError.is(error) && reasons.some((code) => code === error.code)
}
