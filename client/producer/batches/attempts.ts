// How a batch was tried: a short list that is replaced, never changed, so that results may share it. Runs in the client, pure.
import type { AppendAttempt } from '../../../protocol/millrace-error.ts'

/** Attempts that a list keeps: the first one, and the newest ones. */
export const ATTEMPTS_KEPT = 16

export const noAttempts: readonly AppendAttempt[] = Object.freeze([])

/** The list with one more attempt at its end. The numbers go on where attempts between are forgotten. */
export function withAttempt(
  earlier: readonly AppendAttempt[],
  { shardId, sentAt, tookMs, errorCode }: Omit<AppendAttempt, 'number'>,
): readonly AppendAttempt[] {
  const number = (earlier.at(-1)?.number ?? 0) + 1
  // By name, and without a copy of nothing: it is done for each batch.
  const attempt = Object.freeze({ number, shardId, sentAt, tookMs, errorCode })
  if (number === 1) return Object.freeze([attempt])
  const kept = earlier.length < ATTEMPTS_KEPT ? earlier : [earlier[0]!, ...earlier.slice(2)]
  return Object.freeze([...kept, attempt])
}
