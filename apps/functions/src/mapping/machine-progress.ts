// What a machine keeps for the run after it, and what it finds there: batches with their attempts, and why lanes stand still. Runs in the app, pure.
import type { Piece, ShardProgress, Standstill } from '../progress/shard-progress.ts'
import { standstillDetail } from '../progress/standstill-detail.ts'
import type { Lane, PinnedPiece } from './lane.ts'
import type { Settled } from './work.ts'

/** The part of a shard's progress that the machine knows. */
export type MachineProgress = Pick<ShardProgress, 'lanes' | 'doneBelow' | 'pieces' | 'window' | 'standstills'>

/** Why a lane stands still: empty if it does not. `windowLast`: the last record in the state of the open window. */
export function standstillOf<R, O>(
  { index: lane, works }: Lane<R, O>,
  windowLast = 0,
): readonly Standstill[] {
  const [work] = works
  if (work?.failure === undefined || work.failedSince === undefined) return []
  const { failure, attempts, failedSince: since, records, isFinal } = work
  const [from, to] = isFinal
    ? [windowLast, windowLast + 1]
    : [records[0]!.sequenceNumber, records.at(-1)!.sequenceNumber + 1]
  const reason = isFinal ? 'finalCall' : failure.isThrottle ? 'throttled' : 'retrying'
  const detail = standstillDetail(`${failure.errorType}: ${failure.errorMessage}`)
  return [{ reason, detail, lane, from, to, attempts, since }]
}

/** The batches that the run before had begun. */
export function pinsOf({ pieces, output, window }: ShardProgress): readonly PinnedPiece[] {
  // Of a window that is closed, the last call was made, and its output is stored.
  const prepared = (output?.pieces ?? []).filter(
    ({ isFinal, from }) => isFinal !== true || window?.last === from,
  )
  return [
    ...pieces.map((piece) => ({ ...piece, restores: false })),
    ...prepared.map((piece) => ({ ...piece, restores: true })),
  ]
}

/** The batches of a lane that were called with and are not over, and those of the run before that are not formed yet. */
export function piecesOf<R, O>({ works, pins }: Lane<R, O>): readonly Piece[] {
  const called = works.filter(
    ({ isFinal, invocations, restores }) => !isFinal && invocations > 0 && !restores,
  )
  return [
    ...called.map(({ lane, records, attempts, invocations }) => {
      const [from, to] = [records[0]!.sequenceNumber, records.at(-1)!.sequenceNumber + 1]
      return { lane, from, to, attempts, invocations }
    }),
    // Those whose output was prepared are kept with the plan.
    ...pins
      .filter(({ restores }) => !restores)
      .map(({ lane, from, to, attempts, invocations }) => ({ lane, from, to, attempts, invocations })),
  ]
}

/** What a run after this one has to call with again, where the output of it was prepared and is not known to be stored. */
export function pieceOfSettled<R, O>({
  lane,
  from,
  records,
  attempts,
  invocations,
  isFinal,
}: Settled<R, O>): Piece {
  const to = (records.at(-1)?.sequenceNumber ?? from) + 1
  return { lane, from, to, attempts, invocations, ...(isFinal && { isFinal }) }
}
