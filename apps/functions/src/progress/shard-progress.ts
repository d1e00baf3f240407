// What the app keeps of one shard of a mapping, beside the checkpoint of the group: as a document of the broker, so that retries, windows
// and output go on after a restart, and everyone sees why a shard stands still. Types.
import type { WindowState } from '../windows/window-state.ts'
import type { FormerLanes } from './former-lanes.ts'

/** Records of one lane that are called with together: after a restart again, with what is known of them. */
export interface Piece {
  readonly lane: number
  /** The first record, and the number after the last one. */
  readonly from: number
  readonly to: number
  /** Calls that have failed, and that count. */
  readonly attempts: number
  /** All calls, for the document of a failure. */
  readonly invocations: number
  /** No records, but the last call of the window whose state ends with the record before. */
  readonly isFinal?: boolean
}

/** Why a shard stands still. */
export interface Standstill {
  /**
   * `retrying`: the function fails. `throttled`: it cannot be called. `finalCall`: the last call of a window fails. `output`: the answer cannot be
   * stored. `failureDestination`: the document about a failure cannot be sent.
   */
  readonly reason: 'retrying' | 'throttled' | 'finalCall' | 'output' | 'failureDestination'
  /** A sentence with the error. */
  readonly detail: string
  readonly lane: number
  /** The records: the first one, and the number after the last one. */
  readonly from: number
  readonly to: number
  readonly attempts: number
  readonly since: number
}

export interface ShardProgress {
  /** Epoch of the lease of the writer. A writer with a lower one is too late. */
  readonly epoch: number
  /** Lanes of the shard, by the mapping's parallelization factor. */
  readonly lanes: number
  /** Below these numbers all records are done, by lane. Other than in the checkpoint, a lane may be ahead of the others. */
  readonly doneBelow: readonly number[]
  /** The same of the lanes before the factor was changed, for as long as one of them is ahead of the checkpoint. */
  readonly formerLanes?: readonly FormerLanes[]
  readonly pieces: readonly Piece[]
  readonly window?: WindowState
  /** Output that is prepared and not known to be stored: of the records of these pieces, by this plan. */
  readonly output?: { readonly pieces: readonly Piece[]; readonly plan: unknown }
  readonly standstills: readonly Standstill[]
  readonly at: number
}

/** The name of the document. */
export function progressName(place: {
  readonly uuid: string
  readonly streamId: number
  readonly shardIndex: number
}): string {
  return `${place.uuid}/${place.streamId}/${place.shardIndex}`
}
