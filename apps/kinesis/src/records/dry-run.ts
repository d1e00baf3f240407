// The answer to a request that was only to be tried. Pure.
import { placeOf } from '../book/stream-view.ts'
import type { Call } from '../call.ts'
import { KinesisError } from '../model/errors.ts'
import { accessDenied } from '../native-errors.ts'
import type { RecordsContext } from './parts.ts'

type Tried = 'PutRecord' | 'PutRecords' | 'GetShardIterator' | 'GetRecords'

/** Refuses a request that asks for it, once everything else about it was found right: with what it lacks, or with that it would work. */
export async function endDryRun(
  { settings, streams }: Pick<RecordsContext, 'settings' | 'streams'>,
  call: Call<Tried>,
  action: 'read' | 'write',
  stream: string,
): Promise<void> {
  if (call.input.DryRun !== true) return
  if (!(await call.caller.may(action, stream))) throw accessDenied(placeOf(call, settings.account, stream))
  // Whoever reads has asked about the stream already.
  if (action === 'write') await streams.current(call, stream)
  throw new KinesisError('DryRunOperationException', 'Request would have succeeded, but DryRun flag is set.')
}
