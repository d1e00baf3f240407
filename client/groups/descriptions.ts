// Groups as applications see them: the controller's answers, with shard ids and dates. Runs in the client.
import type { ResponseOf, WireGroupMember, WireGroupShard } from '../../protocol/operations.ts'
import { limits } from '../../protocol/limits.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { ControlPlane } from '../connecting/control-plane.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { invalidAnswer } from '../errors.ts'

/** A member of a group. */
export interface GroupMember {
  /** Its name in the group. */
  readonly memberId: string
  /** Where it connects from. */
  readonly address: string
  /** When it joined. */
  readonly joinedAt: Date
  /** Milliseconds since its last renewal. */
  readonly renewedMsAgo: number
  /** Milliseconds from its last renewal to the end of its leases. */
  readonly leaseMs: number
  /** Shards that are assigned to it. */
  readonly shards: number
}

/** A group's progress in one shard, and why it is where it is. */
export interface GroupShard {
  /** Name of the stream. */
  readonly stream: string
  /** The shard. */
  readonly shardId: string
  /** The member that reads it; undefined if no member does. */
  readonly memberId: string | undefined
  /** Fencing epoch of its last assignment. */
  readonly epoch: number
  /** The first sequence number that is not processed; undefined before the first checkpoint. */
  readonly position: number | undefined
  /** When the checkpoint was stored. */
  readonly checkpointedAt: Date | undefined
  /** Records from the checkpoint to the tail; undefined while the host is down. */
  readonly recordsBehind: number | undefined
  /** Approximate stored bytes from the checkpoint to the tail. */
  readonly bytesBehind: number | undefined
  /** Age of the oldest record that is not processed; 0 at the tail. */
  readonly millisBehind: number | undefined
  /** Records a second that its member hands to the handler. */
  readonly recordsPerSecond: number
  /** Why the shard is where it is. */
  readonly reason: WireGroupShard['reason']
  /** The reason as a sentence, with names and figures. */
  readonly detail: string
}

/** A stream that a group has read, and that was deleted. */
export interface GoneStream {
  /** Name of the stream. */
  readonly stream: string
  /** A stream that is deleted and made again has another number. */
  readonly streamId: number
  /** When the group found it gone. */
  readonly goneAt: Date
}

/** A group in a list. */
export interface GroupSummary {
  /** Its name. */
  readonly name: string
  /** When it was first used. */
  readonly createdAt: Date
  /** The streams that it reads. */
  readonly streams: readonly string[]
  /**
   * Streams that it has read and that were deleted. The group goes on with the others; one that is made again is read from its
   * first record on, and leaves the list.
   */
  readonly goneStreams: readonly GoneStream[]
  /** True while members keep their shards and hand out no records. */
  readonly isPaused: boolean
  /** How many members it has. */
  readonly memberCount: number
  /** How many shards are not processed to their end. */
  readonly shardCount: number
}

/** A group as it is now. */
export interface GroupDescription extends GroupSummary {
  /** Its members, by name. */
  readonly members: readonly GroupMember[]
  /** The shards that are not processed to their end, by stream and index. */
  readonly shards: readonly GroupShard[]
  /** Sums over the shards. */
  readonly totals: GroupTotals
}

/** Sums over the shards of a group. Shards whose host is down count in `unknownShards` alone. */
export interface GroupTotals {
  /** Records from the checkpoints to the tails. */
  readonly recordsBehind: number
  /** Stored bytes from the checkpoints to the tails, about. */
  readonly bytesBehind: number
  /** Age of the oldest record that is not processed; 0 at the tails. */
  readonly millisBehind: number
  /** Shards of which the lag is not known, because their host is down. */
  readonly unknownShards: number
  /** Shards that no member has, and that do not wait for a parent. */
  readonly unownedShards: number
  /** Shards that stand still at a record that failed in all attempts. */
  readonly blockedShards: number
}

/** Asks for a whole group, one page of shards at a time. Rejects with `groupNotFound`. */
export async function describeGroup(
  control: Pick<ControlPlane, 'call'>,
  group: string,
  signal?: AbortSignal,
): Promise<GroupDescription> {
  const shards: GroupShard[] = []
  let page: ResponseOf<'describeGroup'>
  let after: ShardPlace | undefined
  do {
    page = await control.call('describeGroup', { group, limit: limits.listPageMax, after }, signal)
    shards.push(...page.shards.map(groupShardOf))
    const last = page.shards.at(-1)
    if (page.hasMore && (last === undefined || !isBehind(last, after))) {
      throw invalidAnswer('A page of describeGroup says that there are more shards, and does not lead on.')
    }
    after = last && { streamName: last.streamName, shardIndex: last.shardIndex }
  } while (page.hasMore)
  const members = page.members.map(groupMemberOf)
  return { ...groupOf(page.group), members, shards, totals: totalsOf(shards) }
}

/** Sums up shards. */
export function totalsOf(shards: readonly GroupShard[]): GroupTotals {
  const count = (isIt: (shard: GroupShard) => boolean): number => shards.filter(isIt).length
  const sum = (of: (shard: GroupShard) => number | undefined): number =>
    shards.reduce((total, shard) => total + (of(shard) ?? 0), 0)
  return {
    recordsBehind: sum(({ recordsBehind }) => recordsBehind),
    bytesBehind: sum(({ bytesBehind }) => bytesBehind),
    millisBehind: shards.reduce((oldest, { millisBehind = 0 }) => Math.max(oldest, millisBehind), 0),
    unknownShards: count(({ recordsBehind }) => recordsBehind === undefined),
    unownedShards: count(({ memberId, reason }) => memberId === undefined && reason !== 'waitingForParent'),
    blockedShards: count(({ reason }) => reason === 'blocked'),
  }
}

/** Returns the only stream of a group. Rejects with `groupNotFound`, and with `invalidArgument` if the group reads none or several. */
export async function onlyStreamOf(
  control: Pick<ControlPlane, 'call'>,
  group: string,
  signal?: AbortSignal,
): Promise<string> {
  const page = await control.call('describeGroup', { group, limit: 1, after: undefined }, signal)
  const [first, ...others] = page.group.streams
  if (first === undefined) {
    throw new MillraceError('invalidArgument', `Group ${group} reads no stream that there is.`)
  }
  if (others.length === 0) return first
  const some = `${page.group.streams.slice(0, 3).join(', ')}${others.length > 2 ? ', …' : ''}`
  throw new MillraceError(
    'invalidArgument',
    `Group ${group} reads several streams (${some}): name one of them.`,
  )
}

type ShardPlace = Pick<WireGroupShard, 'streamName' | 'shardIndex'>

function isBehind(place: ShardPlace, other: ShardPlace | undefined): boolean {
  if (other === undefined || place.streamName > other.streamName) return true
  return place.streamName === other.streamName && place.shardIndex > other.shardIndex
}

/** Makes the list's entry for a group. */
export function groupOf(group: ResponseOf<'listGroups'>['groups'][number]): GroupSummary {
  const { name, createdAt, streams, isPaused, members: memberCount, shards: shardCount } = group
  const goneStreams = group.goneStreams.map(({ name: stream, streamId, goneAt }): GoneStream => ({
    stream,
    streamId,
    goneAt: new Date(goneAt),
  }))
  const shown = { isPaused, memberCount, shardCount }
  return { name, createdAt: new Date(createdAt), streams: [...streams], goneStreams, ...shown }
}

function groupMemberOf(member: WireGroupMember): GroupMember {
  const { memberId, address, joinedAt, renewedMsAgo, leaseMs, shards } = member
  return { memberId, address, joinedAt: new Date(joinedAt), renewedMsAgo, leaseMs, shards }
}

function groupShardOf(shard: WireGroupShard): GroupShard {
  const { streamName, shardIndex, next, checkpointedAt, ...same } = shard
  return {
    stream: streamName,
    shardId: shardIdOf(shardIndex),
    position: next,
    checkpointedAt: checkpointedAt === undefined ? undefined : new Date(checkpointedAt),
    memberId: same.memberId,
    epoch: same.epoch,
    recordsBehind: same.recordsBehind,
    bytesBehind: same.bytesBehind,
    millisBehind: same.millisBehind,
    recordsPerSecond: same.recordsPerSecond,
    reason: same.reason,
    detail: same.detail,
  }
}
