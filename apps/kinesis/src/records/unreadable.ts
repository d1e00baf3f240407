// What readers are told of records that are there and cannot be read: the same by GetRecords and by SubscribeToShard. Pure.
import { MillraceError } from 'millrace'
import type { SequenceNumbers } from '../identifiers/sequence-number.ts'
import { KinesisError } from '../model/errors.ts'

/** The error about records that are damaged, or closed to the endpoint; undefined for any other refusal of the broker. */
export function unreadable(error: unknown, numbers: SequenceNumbers): KinesisError | undefined {
  if (!MillraceError.is(error)) return undefined
  switch (error.code) {
    case 'corruptData':
      return new KinesisError('InternalFailureException', wayOn(error, numbers), { cause: error })
    // Records that a native producer encrypted under a key that the endpoint does not have: no retry helps.
    case 'keyUnavailable':
    case 'decryptionFailed':
    case 'keyProviderFailed':
      return new KinesisError('KMSAccessDeniedException', wayOn(error, numbers), { cause: error })
    default:
      return undefined
  }
}

/** What cannot be read is never passed over in silence: the error says how to go on behind it. */
function wayOn({ message, nextSequenceNumber }: MillraceError, numbers: SequenceNumbers): string {
  if (nextSequenceNumber === undefined) return message
  // Only the counter of a number decides where reading begins.
  const last = numbers.of(nextSequenceNumber - 1, 0)
  return `${message} To go on behind these records, begin AFTER_SEQUENCE_NUMBER ${last}.`
}
