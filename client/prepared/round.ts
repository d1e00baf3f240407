// Sends batches of one shard in one request, and notes of each what is known of it then. Runs in the client. A batch counts as in
// doubt from before it is sent until its shard says what became of it.
import { errorCodeOf } from '../../protocol/error-codes.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { AppendResult } from '../../protocol/operations.ts'
import { asMillraceError, invalidAnswer } from '../errors.ts'
import type { Connection } from '../connecting/connection.ts'
import type { RoundBatch } from './shard-queue.ts'

/** What a request came to. */
export interface RoundOutcome {
  /** The number behind the last record that was stored now; undefined if none was. */
  readonly storedTo: number | undefined
  /** Why the first batch that is not stored is not; those behind it are not stored either. */
  readonly refusal: MillraceError | undefined
}

/**
 * Sends the batches once. Rejects with what hit the request as a whole; batches are in doubt then unless nothing of it was done.
 */
export async function sendRound(
  connection: Connection,
  place: { readonly streamId: number; readonly shardIndex: number },
  round: readonly RoundBatch[],
): Promise<RoundOutcome> {
  const doubts = round.map(({ batch }) => batch.inDoubt)
  const batches = round.map(({ part, batch }) => {
    batch.inDoubt = true
    return { ...place, batch: batch.encrypted ?? batch.bytes, producerSecret: part.identity.secret }
  })
  let results: readonly AppendResult[]
  try {
    results = (await connection.request('append', { batches })).results
  } catch (thrown) {
    const error = asMillraceError(thrown)
    if (error.sideEffects === 'none') for (const [i, { batch }] of round.entries()) batch.inDoubt = doubts[i]!
    throw error
  }
  if (results.length !== round.length)
    throw invalidAnswer('The host answered an append with another number of results.')
  let storedTo: number | undefined
  let refusal: MillraceError | undefined
  for (const [i, { part, batch }] of round.entries()) {
    const result = results[i]!
    if (isStored(result)) {
      if (result.code === 0) storedTo = result.baseSequenceNumber + batch.indexes.length
      // Of a part that was cut meanwhile nothing is left.
      if (part.batches[0] === batch) part.settleNext()
      continue
    }
    const error = refusalOf(result)
    if (error.sideEffects === 'none') batch.inDoubt = doubts[i]!
    refusal ??= error
  }
  return { storedTo, refusal }
}

/**
 * Whether a batch of these numbers is stored. Where the numbers are known with other content, that of an earlier run is: its
 * batches have the numbers of the same plan.
 */
function isStored({ code: id }: AppendResult): boolean {
  if (id === 0) return true
  const code = errorCodeOf(id)
  return code === 'sequenceReused' || code === 'duplicateTooOld'
}

function refusalOf({ code: id, message, retryAfterMs }: AppendResult): MillraceError {
  const code = errorCodeOf(id)
  const why = message ?? `The batch was refused: ${code}.`
  return new MillraceError(code, why, retryAfterMs === undefined ? {} : { retryAfterMs })
}
