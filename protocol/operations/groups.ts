// The operations on consumer groups: membership, assignment of shards, checkpoints, and what operators see and change.
// Control plane: served by the controller, which keeps a group's progress beside the catalog.
// The model is the Kinesis Client Library's (leases, checkpoints, parents before children), without a second database.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { positionShape, shardIndex, streamName } from '../structs.ts'
import {
  groupName,
  memberId,
  wantedStreamShape,
  leaseShape,
  shardReportShape,
  releasedShardShape,
  checkpointShape,
  progressShape,
  groupShardShape,
  groupMemberShape,
  groupShape,
  memberStreamShape,
} from './group-shapes.ts'
import { may, mayAsMember, mayMake, shows } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

const secret = field.bytes(
  limits.memberSecretBytes,
  'What the member chose when it joined, 16 bytes: requests in its name need it.',
)

/** A member's request names its member in the same three fields. */
const member = { group: groupName, memberId, secret } as const

export const groupOperations = {
  joinGroup: {
    id: 64,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Joins a group, which is made by its first member. The same member may join again with its secret: it keeps its shards.',
    grant: [mayMake('read', 'group', 'group'), may('read', 'stream', 'streams.name')],
    request: {
      ...member,
      streams: field.list(
        field.struct(wantedStreamShape, 'A stream.'),
        limits.streamsPerGroupMax,
        'The streams that the member can process.',
      ),
      leaseMs: field.uint('The member is taken for dead so long after its last renewal.', limits.leaseMsMax),
      life: field.optional(
        field.uint(
          'The life of the group in which the process was a member before: where that has ended, it is refused.',
        ),
      ),
    },
    response: {
      leaseMs: field.uint('The lease that applies: within the bounds of the broker.'),
      life: field.optional(
        field.uint('Number of the life of the group: another one after it was deleted and made again.'),
      ),
    },
    errors: ['streamNotFound', 'streamBusy', 'memberExists', 'limitExceeded', 'storageFull', 'groupNotFound'],
  },
  renewMember: {
    id: 65,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Renews all leases of the member. Sent by a thread of its own, so that a busy handler loses nothing.',
    grant: [mayAsMember],
    request: member,
    response: {},
    errors: ['memberNotFound'],
  },
  syncMember: {
    id: 66,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Reports on the shards of the member, releases shards, renews, and waits until the assignment differs from the version that the member has.',
    grant: [mayAsMember],
    request: {
      ...member,
      version: field.uint('Version of the assignment that the member has; 0 for none.'),
      waitMs: field.uint('How long to wait for a change.', limits.groupWaitMsMax),
      reports: field.list(
        field.struct(shardReportShape, 'A shard.'),
        limits.groupShardsPerRequestMax,
        'Shards whose report has changed.',
      ),
      released: field.list(
        field.struct(releasedShardShape, 'A shard.'),
        limits.groupShardsPerRequestMax,
        'Shards that were revoked and are not read any more.',
      ),
    },
    response: {
      version: field.uint('Version of the assignment; the same if nothing has changed.'),
      isPaused: field.boolean('Hand out no records until told otherwise.'),
      leases: field.list(
        field.struct(leaseShape, 'A shard.'),
        limits.readableShardsPerStreamMax,
        'All shards of the member; empty if the version is the same.',
      ),
      streams: {
        ...field.list(
          field.struct(memberStreamShape, 'A stream; without a number, it does not exist now.'),
          limits.streamsPerGroupMax,
          'The streams that the member wants; empty if the version is the same.',
        ),
        absent: [],
      },
    },
    errors: ['memberNotFound'],
  },
  saveCheckpoints: {
    id: 67,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Stores checkpoints of shards that are assigned to the member. Answers when they are flushed, each by itself.',
    grant: [mayAsMember],
    request: {
      ...member,
      checkpoints: field.list(
        field.struct(checkpointShape, 'A checkpoint.'),
        limits.groupShardsPerRequestMax,
        'At most one of each shard.',
      ),
    },
    response: {
      results: field.list(
        field.struct(
          {
            code: field.uint(
              '0 for stored, else the id of an error code (leaseLost, invalidCheckpoint, unavailable, …).',
            ),
            message: field.optional(field.string(limits.textBytesMax, 'What was refused, and why.')),
          },
          'The answer for one checkpoint.',
        ),
        limits.groupShardsPerRequestMax,
        'In the order of the request.',
      ),
    },
    errors: ['memberNotFound', 'leaseLost', 'invalidCheckpoint', 'storageFull'],
  },
  leaveGroup: {
    id: 68,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Leaves the group: all shards of the member are free at once. Save checkpoints before.',
    grant: [mayMake('read', 'group', 'group')],
    request: member,
    response: {},
    errors: [],
  },
  listGroups: {
    id: 69,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists groups by name, a page at a time.',
    grant: [shows('group', 'groups.name')],
    request: {
      limit: field.uint('Groups in the page.', limits.listPageMax),
      exclusiveStartName: field.optional(groupName),
    },
    response: {
      groups: field.list(
        field.struct(groupShape, 'A group.'),
        limits.listPageMax,
        'In the order of their names.',
      ),
      hasMore: field.boolean('More groups follow: ask again from the last name.'),
    },
    errors: [],
  },
  describeGroup: {
    id: 70,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Describes a group, its members, and a page of its shards with their lag and the reason for it.',
    grant: [may('describe', 'group', 'group')],
    request: {
      group: groupName,
      limit: field.uint('Shards in the page.', limits.listPageMax),
      after: field.optional(field.struct({ streamName, shardIndex }, 'The last shard of the page before.')),
    },
    response: {
      group: field.struct(groupShape, 'The group.'),
      members: field.list(
        field.struct(groupMemberShape, 'A member.'),
        limits.membersPerGroupMax,
        'In the order of their names.',
      ),
      shards: field.list(
        field.struct(groupShardShape, 'A shard.'),
        limits.listPageMax,
        'Shards that are not processed to their end, by stream and index.',
      ),
      hasMore: field.boolean('More shards follow.'),
    },
    errors: ['groupNotFound'],
  },
  resetGroup: {
    id: 71,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Sets the group back, or forth, to a position in one of its streams. Refused while it has members, unless forced.',
    grant: [may('manage', 'group', 'group'), may('describe', 'stream', 'stream')],
    request: {
      group: groupName,
      stream: streamName,
      to: field.struct(positionShape, 'TRIM_HORIZON, LATEST or AT_TIMESTAMP.'),
      isForced: field.boolean('Fences the members: what they have under way is processed again.'),
    },
    response: { progress: field.struct(progressShape, 'Where the group begins now.') },
    errors: ['groupNotFound', 'groupInUse', 'streamNotFound', 'streamBusy', 'storageFull'],
  },
  deleteGroup: {
    id: 72,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Deletes a group and its checkpoints. Refused while it has members, unless forced.',
    grant: [may('manage', 'group', 'group')],
    request: {
      group: groupName,
      isForced: field.boolean('Deletes it although it has members: none of them joins again by itself.'),
    },
    response: {},
    errors: ['groupNotFound', 'groupInUse'],
  },
  pauseGroup: {
    id: 73,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Pauses a group, or lets it go on. Members keep their shards.',
    grant: [may('manage', 'group', 'group')],
    request: { group: groupName, isPaused: field.boolean('True to pause.') },
    response: {},
    errors: ['groupNotFound', 'storageFull'],
  },
  loadProgress: {
    id: 74,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Returns the progress of a group in a stream: the position from which a reader goes on.',
    grant: [mayMake('read', 'group', 'group'), may('read', 'stream', 'stream')],
    request: { group: groupName, stream: streamName },
    response: { progress: field.optional(field.struct(progressShape, 'Absent if nothing was saved.')) },
    errors: ['streamNotFound'],
  },
  saveProgress: {
    id: 75,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Stores the progress of a reader that is not a member. Positions only move forward; refused while the group has members.',
    grant: [mayMake('read', 'group', 'group'), may('read', 'stream', 'stream')],
    request: {
      group: groupName,
      stream: streamName,
      isPartial: field.boolean('Shards that are not listed stay as they are: only changes are sent.'),
      progress: field.struct(progressShape, 'Where the reader goes on.'),
    },
    response: {},
    errors: ['streamNotFound', 'groupInUse', 'invalidCheckpoint', 'limitExceeded', 'storageFull'],
  },
} as const satisfies OperationFamily
