// How far the lanes of a shard were while its keys were divided otherwise: a record that was done then is not called with again. Runs in the
// app, pure.
import { laneOfKey } from '../mapping/lane-of-key.ts'
import type { ShardProgress } from './shard-progress.ts'

/** Lanes of an earlier parallelization factor. */
export interface FormerLanes {
  readonly lanes: number
  /** Below these numbers all records were done, by lane. */
  readonly doneBelow: readonly number[]
}

/** What a run with so many lanes has to know of those before it. */
export function formerLanesOf(progress: ShardProgress | undefined, lanes: number): readonly FormerLanes[] {
  if (progress === undefined) return []
  const { formerLanes = [], doneBelow } = progress
  return progress.lanes === lanes ? formerLanes : [...formerLanes, { lanes: progress.lanes, doneBelow }]
}

/** Those that still matter where everything below `position` is done. */
export function formerLanesAbove(former: readonly FormerLanes[], position: number): readonly FormerLanes[] {
  return former.filter(({ doneBelow }) => doneBelow.some((below) => below > position))
}

/** Says whether a record was done under one of the former divisions. */
export function wasDone(
  former: readonly FormerLanes[],
  { partitionKey, sequenceNumber }: { readonly partitionKey: string; readonly sequenceNumber: number },
): boolean {
  return former.some(
    ({ lanes, doneBelow }) => sequenceNumber < (doneBelow[laneOfKey(partitionKey, lanes)] ?? 0),
  )
}
