// Members of a group: how they join, renew, leave and expire. Runs in the controller; pure.
// A member is alive until `leaseMs` after its last renewal. Its end frees its shards at once, by the removal of its row
// alone: their leases name a membership that no longer is.
import { limits } from '../../../../protocol/limits.ts'
import { noMember, noStream } from '../../../access/absence.ts'
import { OrderedMap } from '../../../catalog/ordered-map.ts'
import type { Draft } from './draft.ts'
import { done, refused, type MemberClaim, type GroupAnswer, type JoinMessage } from './messages.ts'
import { leasesOf, shardCount, wants, type GroupState, type Member, type StartPosition } from './state.ts'
import { startStream } from './subscriptions.ts'

/** Returns the member, if it is alive and the claim is its own. */
export function claimed(state: GroupState | undefined, claim: MemberClaim): Member | undefined {
  const member = state?.members.get(claim.memberId)
  return member !== undefined && isProven(member, claim) ? member : undefined
}

function isProven({ secretHash }: Pick<Member, 'secretHash'>, claim: MemberClaim): boolean {
  return secretHash === claim.secretHash || secretHash === claim.openHash
}

export function memberNotFound(group: string, memberId: string): GroupAnswer {
  return refused('memberNotFound', noMember(group, memberId))
}

/** Removes the members whose leases have ended. */
export function expire(draft: Draft): void {
  const { found, at } = draft
  if (found === undefined || at.now < found.expiresAt) return
  for (const member of found.members.values()) {
    if (at.now < member.renewedAt + member.leaseMs) continue
    remove(draft, member.memberId)
    draft.events.expired++
  }
  draft.set({ expiresAt: firstExpiry(draft.state) })
}

export function join(draft: Draft, message: JoinMessage): GroupAnswer {
  const { memberId, secretHash, leaseMs, address, life } = message
  const { found, at } = draft
  if (life !== undefined && (found === undefined || found.since > life)) {
    return refused('groupNotFound', `Group ${draft.name}, in which ${memberId} was a member, was deleted.`)
  }
  const known = found?.members.get(memberId)
  if (known !== undefined && !isProven(known, message)) {
    const endsInMs = Math.max(0, known.renewedAt + known.leaseMs - at.now)
    const who = `Group ${draft.name} has a member ${memberId} that is another process`
    return refused('memberExists', `${who}; its lease ends in ${endsInMs} ms unless it is renewed.`, endsInMs)
  }
  const refusal = refusedJoin(draft, message)
  if (refusal !== undefined) return refusal
  if (found === undefined) create(draft, message.by)
  for (const { name, from } of message.streams) {
    if (draft.state.streams.has(name) || draft.factsOf(name) === undefined) continue
    startStream(draft, name, startIn(draft, name, from), message.pins.get(name))
  }
  const moment = { renewedAt: at.now, syncedAt: at.now }
  const own = { memberId, secretHash, leaseMs, streams: message.streams, address, ...moment }
  if (known === undefined) {
    const number = draft.number()
    if (draft.state.members.size === 0) draft.set({ graceUntil: at.now + draft.graceMs })
    draft.putMember({ ...own, number, joinedAt: at.wall, version: 0, isSynced: true }, true)
    draft.set({ joinedAt: at.now })
  } else if (isSameMember(known, message)) draft.putMember({ ...known, ...own }, false)
  else draft.putMember({ ...known, ...own }, true)
  draft.set({ expiresAt: Math.min(draft.state.expiresAt, at.now + leaseMs) })
  draft.changed.add(memberId)
  revokeUnwanted(draft, memberId)
  draft.unsettle()
  return { is: 'joined', life: draft.state.since }
}

/** A stream that was made again is read from its first record on: the group has followed its name ever since. */
export function startIn(draft: Draft, name: string, from: StartPosition): StartPosition {
  const isMadeAgain = draft.state.gone.has(name)
  return isMadeAgain && from.type === 'LATEST' ? { type: 'TRIM_HORIZON', timestamp: undefined } : from
}

/** Makes a group without members and streams, for a principal if it is known who asks. */
export function create(draft: Draft, createdBy: string | undefined): void {
  draft.create({
    createdAt: draft.at.wall,
    createdBy,
    isPaused: false,
    streams: OrderedMap.empty(),
    gone: OrderedMap.empty(),
    members: OrderedMap.empty(),
    wanted: OrderedMap.empty(),
    joinedAt: -Infinity,
    expiresAt: Infinity,
    lookAt: Infinity,
    graceUntil: -Infinity,
    isUnsettled: false,
    isListing: false,
    followed: draft.catalog,
  })
}

export function renew(draft: Draft, claim: MemberClaim, address?: string): Member | undefined {
  const member = claimed(draft.found, claim)
  if (member === undefined) return undefined
  const renewed = { ...member, renewedAt: draft.at.now, address: address ?? member.address }
  draft.putMember(renewed, false)
  return renewed
}

/** Removes a member; a member that is gone, or that is another one by now, changes nothing. */
export function leave(draft: Draft, claim: MemberClaim): GroupAnswer {
  if (claimed(draft.found, claim) !== undefined) remove(draft, claim.memberId)
  return done
}

/**
 * Gives the members for which something has changed a new version: that is what their syncs wait for. A version is a number
 * of the group, and so is given once: a member never takes an assignment for one that it knows from before.
 */
export function raiseVersions(draft: Draft): void {
  for (const memberId of draft.changed) {
    const member = draft.found?.members.get(memberId)
    if (member !== undefined) draft.putMember({ ...member, version: draft.number() }, false)
  }
}

/** Returns the time before which no lease ends. */
export function firstExpiry({ members }: GroupState): number {
  let first = Infinity
  for (const { renewedAt, leaseMs } of members.values()) first = Math.min(first, renewedAt + leaseMs)
  return first
}

function remove(draft: Draft, memberId: string): void {
  for (const { stream, lease } of leasesOf(draft.state, memberId)) {
    if (stream.shards.has(lease.shardIndex)) {
      draft.putLease(stream.name, { ...lease, owner: undefined, isRevoked: false, report: undefined }, false)
    } else draft.removeLease(stream.name, lease.shardIndex)
  }
  draft.removeMember(memberId)
  draft.unsettle()
}

function refusedJoin(draft: Draft, { memberId, streams, pins }: JoinMessage): GroupAnswer | undefined {
  const { found, name: group } = draft
  const { membersPerGroupMax, streamsPerGroupMax, shardsPerGroupMax } = limits
  if (found !== undefined && !found.members.has(memberId) && found.members.size >= membersPerGroupMax) {
    return refused('limitExceeded', `Group ${group} has the most members, ${membersPerGroupMax}.`)
  }
  const isMissing = ({ name }: { readonly name: string }): boolean => draft.factsOf(name) === undefined
  const isAllGone = streams.every(isMissing)
  // One that was deleted is waited for, while there are others to process.
  const unknown = streams.find((each) => isMissing(each) && (isAllGone || !found?.gone.has(each.name)))
  if (unknown !== undefined) return refused('streamNotFound', noStream(unknown.name))
  const added = streams.filter((each) => !found?.streams.has(each.name) && !isMissing(each))
  let shards = shardCount(found?.streams.values() ?? [])
  for (const { name, from } of added) {
    const facts = draft.factsOf(name)!
    const isPinned = from.type === 'LATEST' && !found?.gone.has(name)
    const pinned = pins.get(name)
    if (isPinned && pinned?.streamId !== facts.streamId) {
      return refused('unavailable', `Stream ${name} was changed meanwhile; nothing was done, try again.`)
    }
    shards += isPinned ? pinned!.shards.length : facts.shards.size
  }
  const streamCount = (found?.streams.size ?? 0) + added.length
  if (streamCount > streamsPerGroupMax) {
    return refused(
      'limitExceeded',
      `Group ${group} would read more than ${streamsPerGroupMax} streams, the most that a group has.`,
    )
  }
  if (added.length > 0 && shards > shardsPerGroupMax) {
    return refused(
      'limitExceeded',
      `Group ${group} would have more than ${shardsPerGroupMax} shards to read, the most that a group has.`,
    )
  }
  return undefined
}

/** Revokes the shards of streams that the member does not want any more. */
function revokeUnwanted(draft: Draft, memberId: string): void {
  const member = draft.state.members.get(memberId)!
  for (const { stream, lease } of leasesOf(draft.state, memberId)) {
    if (lease.isRevoked || wants(member, stream.name)) continue
    draft.putLease(stream.name, { ...lease, isRevoked: true }, false)
    draft.events.revoked++
  }
}

function isSameMember(known: Member, { leaseMs, streams, secretHash }: JoinMessage): boolean {
  if (known.secretHash !== secretHash) return false
  return known.leaseMs === leaseMs && JSON.stringify(known.streams) === JSON.stringify(streams)
}
