// Why a shard of a group is where it is: one word, and a sentence with names and figures. Runs in the controller; pure.
import { limits } from '../../../../protocol/limits.ts'
import { countOf } from '../../../../protocol/text/count-text.ts'
import type { WireGroupShard } from '../../../../protocol/operations.ts'
import { shardIdOf } from '../../../../protocol/shards/shard-id.ts'
import {
  blockingParent,
  wants,
  type GroupState,
  type GroupStream,
  type Lease,
  type Member,
  type MemberReport,
} from './state.ts'

/** A handler that has one batch for longer than this is called slow. */
const SLOW_MS = 2_000
/** A member that has not renewed for this part of its lease is called silent: it sends several renewals in the time of one. */
const SILENT_PART = 0.5
/** A member whose own thread has told nothing for longer than this is kept busy by its handler: it asks for changes sooner. */
const UNHEARD_MS = limits.groupWaitMsMax

export type Reason = Pick<WireGroupShard, 'reason' | 'detail'>

export interface Standing {
  readonly state: GroupState
  readonly stream: GroupStream
  readonly lease: Lease
  /** Records from the checkpoint to the tail; undefined while the host does not answer. */
  readonly recordsBehind: number | undefined
  /** By the lease clock. */
  readonly now: number
}

/** Returns the first of the reasons that apply, the one that must be seen to first. */
export function reasonOf(standing: Standing): Reason {
  return unread(standing) ?? read(standing)
}

/** Returns why a shard has no reader or is about to move; undefined if its owner reads it. */
function unread({ state, stream, lease, now }: Standing): Reason | undefined {
  const { owner, shardIndex, isRevoked } = lease
  const silent = owner === undefined ? undefined : silenceOf(state.members.get(owner), now)
  if (silent !== undefined) return silent
  if (owner !== undefined && isRevoked) {
    const detail = stream.shards.has(shardIndex)
      ? `Member ${owner} finishes what it has, and releases the shard for another member.`
      : `The shard has expired; member ${owner} finishes what it has of it.`
    return { reason: 'handingOver', detail }
  }
  const parent = blockingParent(stream, shardIndex)
  if (parent !== undefined) {
    const holder = parent.owner === undefined ? 'which no member has' : `which member ${parent.owner} has`
    const detail = `It waits for its parent ${shardIdOf(parent.shardIndex)}, ${holder}, to be processed to its end.`
    return { reason: 'waitingForParent', detail }
  }
  if (owner !== undefined) return undefined
  const readers = [...state.members.values()].filter((member) => wants(member, stream.name))
  const graceMs = state.graceUntil - now
  if (readers.length > 0 && graceMs > 0) {
    const detail = `It is assigned in ${Math.ceil(graceMs)} ms, when those have joined that were started with the first member.`
    return { reason: 'handingOver', detail }
  }
  if (readers.length > 0) return { reason: 'handingOver', detail: 'It is being assigned to a member.' }
  const { size } = state.members
  const detail =
    size === 0
      ? 'The group has no members.'
      : `None of ${countOf(size, 'member')} reads stream ${stream.name}.`
  return { reason: 'noMember', detail }
}

/** A member that is stopped, or cut off, says nothing: what it said last is not what is. */
function silenceOf(member: Member | undefined, now: number): Reason | undefined {
  if (member === undefined) return undefined
  const { memberId, renewedAt, leaseMs } = member
  if (now - renewedAt <= SILENT_PART * leaseMs) return undefined
  const leftMs = renewedAt + leaseMs - now
  const then = `its shards go to others in ${seconds(leftMs)} unless it is heard of`
  const detail = `Member ${memberId} has not renewed its lease for ${seconds(now - renewedAt)}; ${then}.`
  return { reason: 'memberSilent', detail }
}

function read({ state, lease, recordsBehind, now }: Standing): Reason {
  const { owner, report } = lease
  if (state.isPaused) return { reason: 'paused', detail: 'The group is paused.' }
  const special = report && troubleOf(owner!, report, now)
  if (special !== undefined) return special
  const unheardMs = now - (state.members.get(owner!)?.syncedAt ?? now)
  if (unheardMs > UNHEARD_MS && recordsBehind !== 0) {
    const detail = `Member ${owner} renews its lease, and has not told how its shards are for ${seconds(unheardMs)}: its handler keeps it busy.`
    return { reason: 'handlerSlow', detail }
  }
  if (recordsBehind === undefined) {
    return {
      reason: 'unreachable',
      detail: 'The host of the shard does not answer: it is down, or starting.',
    }
  }
  if (recordsBehind === 0) return { reason: 'caughtUp', detail: 'Everything is processed.' }
  const behind = countOf(recordsBehind, 'record')
  if (report?.state === 'caughtUp') {
    return {
      reason: 'reading',
      detail: `Member ${owner} has read everything; not checkpointed yet: ${behind}.`,
    }
  }
  const handlingMs = report?.state === 'handling' ? now - report.since : 0
  if (handlingMs >= SLOW_MS) {
    const at = report?.sequenceNumber === undefined ? 'a batch' : `record ${report.sequenceNumber}`
    const detail = `The handler of member ${owner} has had ${at} for ${seconds(handlingMs)}; waiting: ${behind}.`
    return { reason: 'handlerSlow', detail }
  }
  return { reason: 'reading', detail: `Member ${owner} reads; not checkpointed yet: ${behind}.` }
}

function troubleOf(
  owner: string,
  { state, since, sequenceNumber, detail }: MemberReport,
  now: number,
): Reason | undefined {
  // Without a number, the member fails before the first record.
  const record = sequenceNumber === undefined ? 'the start of the shard' : `record ${sequenceNumber}`
  const why = detail === undefined ? '' : `: ${detail}`
  const forMs = seconds(now - since)
  switch (state) {
    case 'retrying':
      return { reason: 'retrying', detail: `Member ${owner} has retried ${record} for ${forMs}${why}` }
    case 'blocked':
      return { reason: 'blocked', detail: `Member ${owner} has stopped at ${record}, ${forMs} ago${why}` }
    case 'throttled':
      return {
        reason: 'throttled',
        detail: `The read limits of the shard hold member ${owner} up, for ${forMs}${why}`,
      }
    case 'unreachable':
      return {
        reason: 'unreachable',
        detail: `Member ${owner} has not reached the shard's host for ${forMs}${why}`,
      }
    case 'reading':
    case 'caughtUp':
    case 'handling':
      return undefined
  }
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`
}
