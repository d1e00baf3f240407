// Carries out what balance plans: raises epochs, assigns, revokes. Runs in the controller; pure.
// An assignment counts once its raised epoch is durable: only then its member is told.
import { balance, type BalanceMember, type BalanceMove, type BalanceShard } from './balance.ts'
import type { Draft } from './draft.ts'
import { blockingParent, type GroupState, type GroupStream, type Lease } from './state.ts'

/** An idle shard weighs as much as one with this many records a second. */
const IDLE_WEIGHT = 100
/** One record a second weighs as much as this many bytes a second. */
const BYTES_OF_RECORD = 1024
/** Shards that are assigned in one change. */
const ASSIGNMENTS_MAX = 256
/** Shards that may be on their way from one member to another, in one group. */
const HAND_OVERS_MAX = 64
/** A shard that was moved stays where it is for so long, unless its member goes, or another one joins. */
const COOL_DOWN_MS = 60_000
/** From a look at the balance to the next, while loads change or moves wait. */
const LOOK_EVERY_MS = 10_000

/** Assigns and revokes, where something has changed or a look is due. */
export function settle(draft: Draft): void {
  const { found, at } = draft
  if (found === undefined || !(found.isUnsettled || at.now >= found.lookAt)) return
  if (at.now < found.graceUntil) {
    const lookAt = Math.min(found.lookAt > at.now ? found.lookAt : Infinity, found.graceUntil)
    draft.set({ isUnsettled: found.isListing, lookAt })
    return
  }
  const shards = readableShards(found, at.now)
  const members = Array.from(found.members.values(), ({ memberId, streams }): BalanceMember => ({
    memberId,
    streams: new Set(streams.map(({ name }) => name)),
  }))
  const plan = balance(members, shards, { assignmentsMax: ASSIGNMENTS_MAX, handOversMax: HAND_OVERS_MAX })
  let { hasMore } = plan
  for (const { shard, memberId } of plan.assignments) {
    // A shard that was listed just now takes no further row.
    if (draft.hasRoomFor(shard.stream, shard.shardIndex)) assign(draft, shard, memberId)
    else hasMore = true
  }
  for (const move of plan.revocations) revoke(draft, move)
  const hasMoved = plan.revocations.length > 0 || shards.some(({ isMovable }) => !isMovable)
  draft.set({ isUnsettled: hasMore || found.isListing, lookAt: hasMoved ? at.now + LOOK_EVERY_MS : Infinity })
}

/** Sees to it that the balance is looked at soon, because loads have changed. */
export function lookSoon(draft: Draft): void {
  const { lookAt } = draft.state
  const soon = draft.at.now + LOOK_EVERY_MS
  if (soon < lookAt) draft.set({ lookAt: soon })
}

/** Shards that are owned, or that can be: parents come before their children, and expired shards are only released. */
function readableShards(state: GroupState, now: number): readonly BalanceShard[] {
  const shards: BalanceShard[] = []
  for (const stream of state.streams.values()) {
    for (const lease of stream.leases.values()) {
      if (lease.owner === undefined && !isAssignable(stream, lease)) continue
      shards.push({
        stream: stream.name,
        shardIndex: lease.shardIndex,
        weight: weightOf(lease),
        owner: lease.owner,
        isRevoked: lease.isRevoked,
        movingTo: lease.movingTo,
        isMovable: lease.movedAt < state.joinedAt || now - lease.movedAt >= COOL_DOWN_MS,
      })
    }
  }
  return shards
}

/** True if an unowned shard may be assigned. */
export function isAssignable(stream: GroupStream, { shardIndex }: Lease): boolean {
  return stream.shards.has(shardIndex) && blockingParent(stream, shardIndex) === undefined
}

function weightOf({ recordsPerSecond, bytesPerSecond }: Lease): number {
  return IDLE_WEIGHT + Math.round(recordsPerSecond + bytesPerSecond / BYTES_OF_RECORD)
}

function assign(draft: Draft, { stream, shardIndex }: BalanceShard, memberId: string): void {
  const lease = draft.stream(stream).leases.get(shardIndex)!
  const owned = {
    ...lease,
    epoch: draft.number(),
    owner: memberId,
    isRevoked: false,
    movingTo: undefined,
    report: undefined,
  }
  draft.putLease(stream, owned, true)
  draft.changed.add(memberId)
  draft.events.assigned++
}

function revoke(draft: Draft, { shard: { stream, shardIndex }, to }: BalanceMove): void {
  const lease = draft.stream(stream).leases.get(shardIndex)!
  draft.putLease(stream, { ...lease, isRevoked: true, movingTo: to, movedAt: draft.at.now }, false)
  draft.changed.add(lease.owner!)
  draft.events.revoked++
}
