// What is known durably of a delivery's work in a shard: one document, changed by compare-and-set, fenced by the epoch of the lease.
// Records below `position` are delivered. Beyond it, `ahead` says for each lane up to where it is delivered, and `pending` which
// objects are being written, each with its range: after a crash they are made again from their ranges. Pure.
import type { DeliveryDefinition } from 'millrace/protocol'

/** An object, or a batch, whose range is fixed. */
export interface PendingObject {
  /** Of the lane, as `laneIdOf` gives it. */
  readonly lane: string
  /** The object's key; of a batch, the id of its request. */
  readonly key: string
  /** Where records go that the format or the endpoint does not take. */
  readonly errorKey?: string
  readonly from: number
  readonly to: number
  readonly records: number
  /** When its oldest record arrived. */
  readonly ms: number
  /** It is there; what was fixed before it in its lane is not yet. */
  readonly written?: true
  /** What a sink wants to know again. */
  readonly plan?: unknown
}

export interface DeliveredTotals {
  readonly records: number
  readonly bytes: number
  readonly objects: number
  /** Records in error documents. */
  readonly failed: number
}

export interface ShardProgress {
  /** Epoch of the lease that wrote it last. */
  readonly epoch: number
  /** Rises with each put, so that one whose answer was lost can be told from one that was not done. */
  readonly serial: number
  readonly position: number
  /** By lane. */
  readonly ahead: Readonly<Record<string, number>>
  readonly pending: readonly PendingObject[]
  /** The definition by which `ahead` and `pending` were made, while there are any: records up to there go by it, and by no later one. */
  readonly madeBy?: DeliveryDefinition
  readonly delivered: DeliveredTotals
  /** Why the delivery does not move, and since when. */
  readonly trouble?: { readonly message: string; readonly since: number }
}

/** The progress of a shard of which nothing is known. */
export const noProgress: ShardProgress = {
  epoch: 0,
  serial: 0,
  position: 0,
  ahead: {},
  pending: [],
  delivered: { records: 0, bytes: 0, objects: 0, failed: 0 },
}

/** Records below this number are delivered, or decided about by the definition in `madeBy`. */
export function horizonOf({ position, ahead, pending }: ShardProgress): number {
  let horizon = position
  for (const next of Object.values(ahead)) horizon = Math.max(horizon, next)
  for (const { to } of pending) horizon = Math.max(horizon, to)
  return horizon
}
