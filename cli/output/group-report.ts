// Formats consumer groups for people: lists, members, and each shard with the reason why it stands where it stands. Pure.
import type {
  GoneStream,
  GroupDescription,
  GroupMember,
  GroupShard,
  GroupSummary,
  GroupTotals,
} from '../../client/index.ts'
import { countOf, formatBytes, formatCount, formatDuration, shortShardId } from './amounts.ts'
import { namesOf, reasonTable } from './lag.ts'
import { formatFields, formatTable, type Room } from './table.ts'

const UNKNOWN = 'host is down'

export function groupTable(groups: readonly GroupSummary[], room: Room): string {
  const rows = groups.map((group) => [
    group.name,
    stateOf(group),
    namesOf(group.streams),
    formatCount(group.memberCount),
    formatCount(group.shardCount),
    // The time is shown to the second, with a blank at which it may be wrapped.
    group.createdAt.toISOString().replace('T', ' ').replace(/\.\d+/, ''),
  ])
  return formatTable(['name', 'state', 'streams', 'members', 'shards', 'created'], rows, room)
}

/** One group: its sums, its members, its shards, and the reasons, the most urgent one first. */
export function groupReport(group: GroupDescription, room: Room): string {
  const parts = [
    formatFields(
      [
        ['name', group.name],
        ['state', stateOf(group)],
        ['streams', group.streams.join(', ') || 'none'],
        ...group.goneStreams.map(goneField),
        ['members', formatCount(group.memberCount)],
        ['shards', formatCount(group.shardCount)],
        ['behind', behindOf(group.totals)],
        ['created', group.createdAt.toISOString()],
      ],
      room,
    ),
  ]
  if (group.members.length > 0) parts.push(memberTable(group.members, room))
  if (group.shards.length > 0) {
    const nameOf = shardNames(group)
    const named = group.shards.map((shard) => ({ ...shard, name: nameOf(shard) }))
    parts.push(shardTable(group.shards, { nameOf, room }), reasonTable(named, urgency, room))
  }
  return parts.join('\n\n')
}

function goneField({ stream, goneAt }: GoneStream): [string, string] {
  return ['gone', `${stream}: deleted, seen ${goneAt.toISOString()}; read anew if it is made again`]
}

interface ShardNaming {
  readonly nameOf: (shard: GroupShard) => string
  readonly room: Room
}

/** Shards are named with their stream where the group reads several. */
function shardNames({ streams }: GroupSummary): ShardNaming['nameOf'] {
  if (streams.length === 1) return ({ shardId }) => shortShardId(shardId)
  return ({ stream, shardId }) => `${stream}/${shortShardId(shardId)}`
}

function memberTable(members: readonly GroupMember[], room: Room): string {
  const rows = members.map(({ memberId, address, shards, leaseMs, renewedMsAgo }) => [
    memberId,
    address,
    formatCount(shards),
    `${formatDuration(Math.max(0, leaseMs - renewedMsAgo))} of ${formatDuration(leaseMs)}`,
  ])
  return formatTable(['member', 'address', 'shards', 'lease left'], rows, room)
}

function shardTable(shards: readonly GroupShard[], { nameOf, room }: ShardNaming): string {
  const rows = shards.map((shard) => [
    nameOf(shard),
    shard.memberId ?? '-',
    shard.position === undefined ? '-' : String(shard.position),
    shard.recordsBehind === undefined ? UNKNOWN : formatCount(shard.recordsBehind),
    shard.bytesBehind === undefined ? '-' : formatBytes(shard.bytesBehind),
    shard.millisBehind === undefined ? '-' : formatDuration(shard.millisBehind),
    `${formatCount(shard.recordsPerSecond)}/s`,
  ])
  return formatTable(['shard', 'owner', 'checkpoint', 'behind', 'bytes', 'oldest', 'rate'], rows, room)
}

/** The sums of all shards. They say which shards are missing in them. */
function behindOf({ recordsBehind, bytesBehind, millisBehind, unknownShards }: GroupTotals): string {
  const amounts = [
    countOf(recordsBehind, 'record'),
    formatBytes(bytesBehind),
    `the oldest of them ${formatDuration(millisBehind)} old`,
  ]
  const sums = recordsBehind === 0 ? 'nothing' : amounts.join(', ')
  return unknownShards === 0 ? sums : `${sums}; and ${countOf(unknownShards, 'shard')} whose host is down`
}

/** Every reason, the one that must be seen to first at the top. */
const urgency: Readonly<Record<GroupShard['reason'], number>> = {
  blocked: 0,
  retrying: 1,
  unreachable: 2,
  memberSilent: 3,
  noMember: 4,
  throttled: 5,
  handlerSlow: 6,
  waitingForParent: 7,
  handingOver: 8,
  paused: 9,
  reading: 10,
  caughtUp: 11,
}

function stateOf({ isPaused, memberCount }: GroupSummary): string {
  if (memberCount === 0) return isPaused ? 'paused, no members' : 'no members'
  return isPaused ? 'paused' : 'running'
}
