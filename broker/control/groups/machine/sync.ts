// What a member says of its shards: how they go, and which it reads no more. Runs in the controller; pure.
import type { WireShardReport } from '../../../../protocol/operations.ts'
import { lookSoon } from './assignment.ts'
import type { Draft } from './draft.ts'
import { memberNotFound, renew } from './membership.ts'
import { done, type GroupAnswer, type SyncMessage } from './messages.ts'
import { streamOf, type GroupStream, type Lease } from './state.ts'

/** A new rate counts for this part; the rates before it, for the rest. */
const NEW_RATE_PART = 0.5

export function sync(draft: Draft, message: SyncMessage): GroupAnswer {
  const { memberId, address } = message
  const member = renew(draft, message, address)
  if (member === undefined) return memberNotFound(draft.name, memberId)
  // What an earlier process of the broker has told it is not known: it is told everything.
  if (!member.isSynced) draft.changed.add(memberId)
  draft.putMember({ ...member, isSynced: true, syncedAt: draft.at.now }, false)
  for (const report of message.reports) takeReport(draft, memberId, report)
  for (const shard of message.released) {
    const found = ownLease(draft, memberId, shard)
    if (found !== undefined) release(draft, found)
  }
  return done
}

function ownLease(
  draft: Draft,
  memberId: string,
  { streamId, shardIndex, epoch }: { streamId: number; shardIndex: number; epoch: number },
): { readonly stream: GroupStream; readonly lease: Lease } | undefined {
  const stream = streamOf(draft.state, streamId)
  const lease = stream?.leases.get(shardIndex)
  return stream !== undefined && lease?.owner === memberId && lease.epoch === epoch
    ? { stream, lease }
    : undefined
}

function takeReport(draft: Draft, memberId: string, report: WireShardReport): void {
  const found = ownLease(draft, memberId, report)
  if (found === undefined) return
  const { stream, lease } = found
  const { state, since, sequenceNumber, detail } = report
  const mixed = (before: number, now: number): number => before + NEW_RATE_PART * (now - before)
  const recordsPerSecond = mixed(lease.recordsPerSecond, report.recordsPerSecond)
  const bytesPerSecond = mixed(lease.bytesPerSecond, report.bytesPerSecond)
  const taken = { state, since: draft.at.now - since, sequenceNumber, detail }
  draft.putLease(stream.name, { ...lease, recordsPerSecond, bytesPerSecond, report: taken }, false)
  if (recordsPerSecond !== lease.recordsPerSecond || bytesPerSecond !== lease.bytesPerSecond) lookSoon(draft)
}

function release(draft: Draft, { stream, lease }: { stream: GroupStream; lease: Lease }): void {
  const { name } = stream
  const { shardIndex } = lease
  draft.changed.add(lease.owner!)
  draft.unsettle()
  if (!stream.shards.has(shardIndex)) draft.removeLease(name, shardIndex)
  else draft.putLease(name, { ...lease, owner: undefined, isRevoked: false, report: undefined }, true)
}
