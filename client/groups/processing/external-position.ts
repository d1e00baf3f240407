// Asks the application for its position in a shard when a lease begins (`checkpoint: 'external'`), and checks that the shard has
// it. Runs in the client. A position beyond the tail would skip coming records, or wait for ever at the end of a closed shard.
// It means that the application's data and the stream do not belong together.
import { inspect } from 'node:util'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { errorFrom } from '../../errors.ts'
import { toWirePosition } from '../../reading/position.ts'
import type { ShardLookups } from '../../reading/start.ts'
import { errorText } from '../error-text.ts'
import type { GroupOptions } from '../options.ts'
import type { LeasedShard, Trouble } from './leased-shard.ts'

export type LoadCheckpoint = NonNullable<GroupOptions['loadCheckpoint']>

/** `loadCheckpoint` has failed, or its position is refused: `cause` says which. */
export class LoadFailed extends Error {
  override readonly name = 'LoadFailed'
  override readonly cause: Error

  constructor(cause: Error) {
    super(`loadCheckpoint failed: ${cause.message}`, { cause })
    this.cause = cause
  }

  /** Makes the trouble that reports show for the shard meanwhile. */
  trouble(since: number): Trouble {
    const isRefused = MillraceError.is(this.cause, 'invalidCheckpoint')
    return {
      state: isRefused ? 'blocked' : 'retrying',
      since,
      sequenceNumber: undefined,
      detail: errorText(isRefused ? this.cause : this),
    }
  }
}

/**
 * Returns the application's position in a shard; undefined if it has none. Throws LoadFailed if `loadCheckpoint` fails or
 * returns a value that is no position in the shard (`invalidCheckpoint`), and passes on the errors of lookups.
 */
export async function loadedPosition(
  { stream, streamId, shardIndex, shardId, epoch }: LeasedShard,
  load: LoadCheckpoint,
  lookups: Pick<ShardLookups, 'resolve'>,
): Promise<number | undefined> {
  let position: unknown
  try {
    position = await load({ stream, streamId, shardId, epoch })
  } catch (error) {
    throw new LoadFailed(errorFrom(error))
  }
  if (position === undefined) return undefined
  const next = typeof position === 'number' || typeof position === 'bigint' ? Number(position) : NaN
  if (!Number.isSafeInteger(next) || next < 0) {
    throw refused(
      `${inspect(position)} for ${shardId}: it must be a number, a bigint, or undefined for none.`,
    )
  }
  try {
    await lookups.resolve(shardIndex, toWirePosition({ atSequenceNumber: next }))
  } catch (error) {
    if (MillraceError.is(error, 'invalidPosition')) {
      throw refused(
        `${next} for ${shardId} of ${JSON.stringify(stream)}, which does not go so far: ${error.message}`,
      )
    }
    // The reading reports the expired records when it begins at the oldest one.
    if (!MillraceError.is(error, 'trimmed')) throw error
  }
  return next
}

function refused(what: string): LoadFailed {
  return new LoadFailed(new MillraceError('invalidCheckpoint', `loadCheckpoint gave ${what}`))
}
