// The position of a shard that the application keeps, with `checkpoint: 'external'`: asked for at the begin of a lease, and held
// against what the shard has. Runs in the client. A position beyond the tail would skip the records that come, or wait for ever
// at the end of a closed shard; it means that the application's data and the stream do not belong together.
import { inspect } from 'node:util'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { errorFrom } from '../../errors.ts'
import { toWirePosition } from '../../reading/position.ts'
import type { ShardLookups } from '../../reading/start.ts'
import { errorText } from '../error-text.ts'
import type { GroupOptions } from '../options.ts'
import type { LeasedShard, Trouble } from './leased-shard.ts'

export type LoadCheckpoint = NonNullable<GroupOptions['loadCheckpoint']>

/** `loadCheckpoint` has failed, or what it gave is refused: `cause` says which. */
export class LoadFailed extends Error {
  override readonly name = 'LoadFailed'
  override readonly cause: Error

  constructor(cause: Error) {
    super(`loadCheckpoint failed: ${cause.message}`, { cause })
    this.cause = cause
  }

  /** What is told of the shard meanwhile. */
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
 * Returns the position that the application keeps of a shard, or undefined where it keeps none. Throws LoadFailed where it
 * cannot say, and with `invalidCheckpoint` for what is no position in the shard; otherwise what a lookup throws.
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
    // What has expired is told of when reading begins at the oldest record.
    if (!MillraceError.is(error, 'trimmed')) throw error
  }
  return next
}

function refused(what: string): LoadFailed {
  return new LoadFailed(new MillraceError('invalidCheckpoint', `loadCheckpoint gave ${what}`))
}
