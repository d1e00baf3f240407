// A consumer group as a value: its streams, members and leases. Runs in the controller; pure.
// What the rows of the group say is here exactly as it is on the disk; the rest (renewals, reports, revocations, versions)
// lives in memory only, and after a restart each member has one full lease to say it again.
import type { OrderedMap } from '../../../catalog/ordered-map.ts'
import type { Position, WireShardReport } from '../../../../protocol/operations.ts'

/** What the catalog says of a shard. */
export interface ShardFacts {
  readonly index: number
  readonly parents: readonly number[]
  readonly state: 'OPEN' | 'CLOSED'
  readonly startingSequenceNumber: number
  /** Number of the last record of a closed shard; null if it is open, or was closed empty. */
  readonly endingSequenceNumber: number | null
}

/** The shards of a stream by index: those that can still be read. */
export type Lineage = OrderedMap<number, ShardFacts>

/** The active stream of a name. */
export interface StreamFacts {
  readonly streamId: number
  readonly shards: Lineage
}

/** Finds the active stream of a name, as the catalog has it now. */
export type FactsOf = (name: string) => StreamFacts | undefined

/** A stream that the group has read, and that was deleted. */
export interface LeftStream {
  readonly name: string
  readonly streamId: number
  /** When the group found it gone, in milliseconds since the epoch. */
  readonly goneAt: number
}

/** Where a group begins in a stream: TRIM_HORIZON, LATEST or AT_TIMESTAMP. */
export type StartPosition = Pick<Position, 'type' | 'timestamp'>

export interface WantedStream {
  readonly name: string
  readonly from: StartPosition
}

/** A process of the application, while its lease lasts. */
export interface Member {
  readonly memberId: string
  /** Names this membership in the leases: never given twice in a group, also not to the same member. */
  readonly number: number
  /** Hash of the secret that the requests of the member carry. */
  readonly secretHash: string
  readonly leaseMs: number
  readonly streams: readonly WantedStream[]
  readonly joinedAt: number
  readonly address: string
  /** By the lease clock. */
  readonly renewedAt: number
  /** When it told of its shards last, or joined, by the lease clock. */
  readonly syncedAt: number
  /** Version of the assignment: a new number of the group whenever something changes for the member. */
  readonly version: number
  /** False after a restart until the member has synced. */
  readonly isSynced: boolean
}

/** What a member said last of a shard that it reads. */
export interface MemberReport {
  readonly state: WireShardReport['state']
  /** Since when it has been so, by the lease clock. */
  readonly since: number
  readonly sequenceNumber: number | undefined
  readonly detail: string | undefined
}

/** A shard that is not processed to its end. */
export interface Lease {
  readonly shardIndex: number
  /** Of the last assignment; 0 before the first. */
  readonly epoch: number
  /** The member that the shard is assigned to: always a present one. */
  readonly owner: string | undefined
  /** Number of the first record that is not processed; undefined before the first checkpoint. */
  readonly next: number | undefined
  readonly checkpointedAt: number | undefined
  /** The owner shall finish what is under way, and release the shard. */
  readonly isRevoked: boolean
  /** The member for which balance had it revoked. */
  readonly movingTo: string | undefined
  /** When balance moved it last, by the lease clock. */
  readonly movedAt: number
  readonly recordsPerSecond: number
  readonly bytesPerSecond: number
  readonly report: MemberReport | undefined
}

/** The last lease of a shard that is processed to its end, so that a repeated checkpoint is answered as the first was. */
export interface Ended {
  /** Number of the membership that had it. */
  readonly owner: number
  readonly epoch: number
  readonly next: number
}

/** A group's progress in a stream. */
export interface GroupStream {
  readonly name: string
  readonly streamId: number
  /** Rises when the group begins anew in the stream; leases of other generations count for nothing. */
  readonly generation: number
  /** Where shards without a checkpoint begin. LATEST was resolved when it was asked for, and is never stored. */
  readonly from: StartPosition
  /** Shards below this index that have no lease are processed, or were left out at the start. */
  readonly shardsBelow: number
  readonly leases: OrderedMap<number, Lease>
  /** As the catalog had them when the group looked last. */
  readonly shards: Lineage
  readonly ended: OrderedMap<number, Ended>
}

export interface GroupState {
  readonly name: string
  readonly createdAt: number
  /** The principal that made it, for its quotas. */
  readonly createdBy?: string | undefined
  readonly isPaused: boolean
  /** Numbers up to this one belong to earlier groups of the name. */
  readonly since: number
  /** The last number that was given: as an epoch, a generation, a version or the number of a member; one for each change. */
  readonly counter: number
  readonly streams: OrderedMap<string, GroupStream>
  /** Those that were deleted, until they are made again: a member that wants one is no stranger. */
  readonly gone: OrderedMap<string, LeftStream>
  readonly members: OrderedMap<string, Member>
  /** By name: how many members want the stream. */
  readonly wanted: OrderedMap<string, number>
  /** When a member joined last, by the lease clock: every shard may move again then. */
  readonly joinedAt: number
  /** No lease ends before this time of the lease clock. */
  readonly expiresAt: number
  /** When to look at the balance, by the lease clock. */
  readonly lookAt: number
  /** Nothing is assigned before this time of the lease clock: others may join an empty group together with the first. */
  readonly graceUntil: number
  /** There is more to assign, or to list, than one change may hold. */
  readonly isUnsettled: boolean
  /** There are shards to list. */
  readonly isListing: boolean
  /** The catalog that the group has followed. */
  readonly followed: unknown
}

/** The moment of a message. */
export interface GroupMoment {
  /** Lease clock: milliseconds, never backwards, and standing still while the process does. */
  readonly now: number
  /** Milliseconds since the epoch, for what is shown. */
  readonly wall: number
}

/** Makes a lease without an owner. */
export function freeLease(shardIndex: number, next: number | undefined): Lease {
  return {
    shardIndex,
    epoch: 0,
    owner: undefined,
    next,
    checkpointedAt: undefined,
    isRevoked: false,
    movingTo: undefined,
    movedAt: -Infinity,
    recordsPerSecond: 0,
    bytesPerSecond: 0,
    report: undefined,
  }
}

/** Returns the stream of an id, if the group reads it. */
export function streamOf(state: GroupState, streamId: number): GroupStream | undefined {
  for (const stream of state.streams.values()) if (stream.streamId === streamId) return stream
  return undefined
}

/** Returns the number after the last record of a closed shard; undefined for an open one. */
export function endOf(shard: ShardFacts): number | undefined {
  if (shard.state === 'OPEN') return undefined
  return shard.endingSequenceNumber === null ? shard.startingSequenceNumber : shard.endingSequenceNumber + 1
}

/** Returns the unfinished parent that keeps a shard from being read, if there is one. */
export function blockingParent(stream: GroupStream, shardIndex: number): Lease | undefined {
  for (const parent of stream.shards.get(shardIndex)?.parents ?? []) {
    const lease = stream.leases.get(parent)
    if (lease !== undefined) return lease
  }
  return undefined
}

export function wants(member: Member, streamName: string): boolean {
  return member.streams.some(({ name }) => name === streamName)
}

/** Returns how many shards of the streams are not processed to their end. */
export function shardCount(streams: Iterable<Pick<GroupStream, 'leases'>>): number {
  let count = 0
  for (const { leases } of streams) count += leases.size
  return count
}

/** Returns the leases of a member, with their streams, in the order of streams and shards. */
export function* leasesOf(
  state: GroupState,
  memberId: string,
): Generator<{ readonly stream: GroupStream; readonly lease: Lease }> {
  for (const stream of state.streams.values()) {
    for (const lease of stream.leases.values()) if (lease.owner === memberId) yield { stream, lease }
  }
}
