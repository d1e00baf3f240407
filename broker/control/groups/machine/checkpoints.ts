// Checkpoints of members. Runs in the controller; pure.
// A checkpoint is taken from the present owner, in the present epoch, alone; it moves forward, within what the shard has.
import { shardIdOf } from '../../../../protocol/shards/shard-id.ts'
import type { Draft } from './draft.ts'
import { memberNotFound, renew } from './membership.ts'
import type { CheckpointMessage, CheckpointResult, MemberClaim, GroupAnswer } from './messages.ts'
import { endOf, streamOf, wants, type Ended, type GroupStream, type Lease, type Member } from './state.ts'

const stored: CheckpointResult = { code: undefined, message: '' }

export function saveCheckpoints(
  draft: Draft,
  message: MemberClaim & { readonly checkpoints: readonly CheckpointMessage[] },
): GroupAnswer {
  const member = renew(draft, message)
  if (member === undefined) return memberNotFound(draft.name, message.memberId)
  return {
    is: 'checkpoints',
    results: message.checkpoints.map((each) => saveCheckpoint(draft, member, each)),
  }
}

function saveCheckpoint(draft: Draft, member: Member, checkpoint: CheckpointMessage): CheckpointResult {
  const { streamId, shardIndex, epoch, next, isEnd } = checkpoint
  const { memberId } = member
  const stream = streamOf(draft.state, streamId)
  const lease = stream?.leases.get(shardIndex)
  const ended = stream?.ended.get(shardIndex)
  const isOwn = lease?.owner === memberId || ended?.owner === member.number
  // It is told nothing of a stream that it has nothing to do with.
  if (stream === undefined || !(isOwn || wants(member, stream.name))) return notAssigned(checkpoint)
  if (lease?.owner !== memberId || lease.epoch !== epoch) {
    // The answer to the same checkpoint was lost: the shard is processed to its end.
    const isSame = ended?.owner === member.number && ended.epoch === epoch && ended.next === next
    if (isEnd && (isSame || wasEnded(draft, stream, checkpoint))) return stored
    return leaseLost(checkpoint, lease)
  }
  const problem = problemOf(stream, lease, checkpoint)
  if (problem !== undefined) return problem
  draft.events.checkpoints++
  if (isEnd) end(draft, stream, lease, { owner: member.number, epoch, next })
  else if (next !== lease.next) {
    // What its handler had for long when the member said so is done by now, or a part of it is.
    const report =
      lease.report?.state === 'handling' ? { ...lease.report, since: draft.at.now } : lease.report
    draft.putLease(stream.name, { ...lease, report, next, checkpointedAt: draft.at.wall }, true)
  }
  return stored
}

/**
 * True if the shard is processed to its end, and the process that took the word for it is gone: who said it is not known any
 * more, and a repeated word of it, from a lease of this generation, changes nothing.
 */
function wasEnded(
  { state }: Draft,
  stream: GroupStream,
  { shardIndex, epoch, next }: CheckpointMessage,
): boolean {
  const { generation, shardsBelow, leases, shards, ended } = stream
  const shard = shards.get(shardIndex)
  if (shard === undefined || ended.has(shardIndex) || leases.has(shardIndex)) return false
  return shardIndex < shardsBelow && epoch >= generation && epoch <= state.counter && endOf(shard) === next
}

/** The shard is processed to its end: its children may be read. */
function end(draft: Draft, { name }: GroupStream, { shardIndex, owner }: Lease, ended: Ended): void {
  draft.removeLease(name, shardIndex)
  const stream = draft.stream(name)
  draft.putStream({ ...stream, ended: stream.ended.set(shardIndex, ended) })
  draft.changed.add(owner!)
  draft.unsettle()
}

function problemOf(
  stream: GroupStream,
  lease: Lease,
  { shardIndex, next, isEnd, tail }: CheckpointMessage,
): CheckpointResult | undefined {
  const label = `${shardIdOf(shardIndex)} of stream ${stream.name}`
  const from = lease.next ?? stream.shards.get(shardIndex)?.startingSequenceNumber ?? 0
  if (next < from)
    return invalid(`The checkpoint ${next} of ${label} lies before ${from}: checkpoints move forward.`)
  const shard = stream.shards.get(shardIndex)
  // It has expired, and the catalog knows it no more: its owner may say what it has processed.
  if (shard === undefined) return undefined
  const end = endOf(shard)
  if (isEnd && end === undefined) return invalid(`${label} is open: it has no end yet.`)
  if (isEnd && next < end!)
    return invalid(`The checkpoint ${next} of ${label} is not its end, which is ${end}.`)
  const last = end ?? tail
  if (last === undefined) {
    return {
      code: 'unavailable',
      message: `The host of ${label} is down, so its tail is not known; try again.`,
    }
  }
  if (next > last) return invalid(`The checkpoint ${next} of ${label} lies beyond its tail, ${last}.`)
  return undefined
}

/** The answer to a checkpoint of a shard that is nobody's. */
function notAssigned(checkpoint: Pick<CheckpointMessage, 'shardIndex' | 'epoch'>): CheckpointResult {
  return leaseLost(checkpoint, undefined)
}

function leaseLost(
  { shardIndex, epoch }: Pick<CheckpointMessage, 'shardIndex' | 'epoch'>,
  lease: Lease | undefined,
): CheckpointResult {
  const now =
    lease?.owner === undefined
      ? 'it is assigned to nobody now'
      : `it is assigned to ${lease.owner} in epoch ${lease.epoch} now`
  return {
    code: 'leaseLost',
    message: `${shardIdOf(shardIndex)} is not the member's in epoch ${epoch}: ${now}.`,
  }
}

function invalid(message: string): CheckpointResult {
  return { code: 'invalidCheckpoint', message }
}
