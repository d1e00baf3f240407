// The operations on consumer groups: membership, assignment of shards, checkpoints, and what operators see and change.
// Control plane: served by the controller, which keeps a group's progress beside the catalog.
// The model is the Kinesis Client Library's (leases, checkpoints, parents before children), without a second database.
import { limits } from '../limits.ts'
import { field, type ValueOf } from '../shapes.ts'
import { positionShape, shardIndex, streamId, streamName, timeMs } from '../structs.ts'
import type { OperationFamily } from './operation.ts'

export const groupName = field.string(
  limits.groupNameLengthMax,
  'Name of the group: 1 to 128 letters a–z and A–Z, digits, underscores, full stops and hyphens.',
)
const memberId = field.string(
  limits.memberIdLengthMax,
  'Name of the member within its group, 1 to 128 characters.',
)
const secret = field.bytes(
  limits.memberSecretBytes,
  'What the member chose when it joined, 16 bytes: requests in its name need it.',
)
const epoch = field.uint(
  'Fencing epoch: rises with every assignment of the shard. A checkpoint of an earlier epoch is refused.',
)
const next = field.uint('Sequence number of the first record that is not processed.')

/** A member's request names its member in the same three fields. */
const member = { group: groupName, memberId, secret } as const

/** A stream that a member wants to read, and where the group begins in it if it has no checkpoint yet. */
const wantedStreamShape = {
  name: streamName,
  from: field.struct(positionShape, 'Where the group begins: TRIM_HORIZON, LATEST or AT_TIMESTAMP.'),
} as const

/** A shard that is assigned to the member. */
export const leaseShape = {
  streamId,
  streamName,
  shardIndex,
  epoch,
  next: field.optional(next),
  from: field.struct(positionShape, 'Where to begin if there is no checkpoint yet.'),
  isRevoked: field.boolean('Finish what is under way, checkpoint, and release the shard.'),
} as const

/** What a member says of a shard that it reads. */
export const shardReportShape = {
  streamId,
  shardIndex,
  epoch,
  recordsPerSecond: field.uint('Records handed to the handler a second, lately.'),
  bytesPerSecond: field.uint('Bytes of records handed to the handler a second, lately.'),
  state: field.choice(
    ['reading', 'caughtUp', 'handling', 'retrying', 'blocked', 'throttled', 'unreachable'],
    'What the shard waits for: more records, nothing, the handler, a retry, a decision about a record, its limits, its host.',
  ),
  since: field.uint('For how long it has been so, in milliseconds.'),
  sequenceNumber: field.optional(field.uint('The record that is handled, retried or blocks.')),
  detail: field.optional(field.string(limits.textBytesMax, 'More about it, as a sentence: the last error.')),
} as const

/** A shard that the member does not read any more. */
const releasedShardShape = { streamId, shardIndex, epoch } as const

/** A checkpoint of one shard. */
export const checkpointShape = {
  streamId,
  shardIndex,
  epoch,
  next,
  isEnd: field.boolean('The shard is closed and processed to its end: its children may begin.'),
} as const

/** A stream's progress: everything below `shardsBelow` that is not listed is processed, or was left out at the start. */
export const progressShape = {
  streamId,
  shardsBelow: field.uint(
    'Shards from this index on were not known: they are to be read from their first record.',
  ),
  shards: field.list(
    field.struct(
      { shardIndex, next: field.optional(next) },
      'A shard, and where to go on in it; without a number, where the group began.',
    ),
    limits.readableShardsPerStreamMax,
    'The shards that are not processed to their end.',
  ),
  from: field.optional(
    field.struct(
      positionShape,
      'Where shards without a number begin: TRIM_HORIZON, the default, or AT_TIMESTAMP.',
    ),
  ),
} as const

/** Progress of a group in one shard, with the reason why it stands where it stands. */
export const groupShardShape = {
  streamName,
  shardIndex,
  memberId: field.optional(memberId),
  epoch,
  next: field.optional(next),
  checkpointedAt: field.optional(timeMs('When the checkpoint was stored')),
  recordsBehind: field.optional(
    field.uint('Records from the checkpoint to the tail; absent while the host is down.'),
  ),
  bytesBehind: field.optional(field.uint('Bytes of stored batches from the checkpoint to the tail, about.')),
  millisBehind: field.optional(
    field.uint('Age of the oldest record that is not processed; 0 at the tail, absent if it is not known.'),
  ),
  recordsPerSecond: field.uint('Records a second, as the member says.'),
  reason: field.choice(
    [
      'caughtUp',
      'reading',
      'handlerSlow',
      'waitingForParent',
      'handingOver',
      'throttled',
      'paused',
      'noMember',
      'retrying',
      'blocked',
      'unreachable',
      'memberSilent',
    ],
    'Why the shard is where it is.',
  ),
  detail: field.string(limits.textBytesMax, 'The reason as a sentence, with names and figures.'),
} as const

/** A member of a group. */
export const groupMemberShape = {
  memberId,
  address: field.string(limits.textBytesMax, 'Where it connects from.'),
  joinedAt: timeMs('When it joined'),
  renewedMsAgo: field.uint('Milliseconds since its last renewal.'),
  leaseMs: field.uint('Its leases end so long after its last renewal.'),
  shards: field.uint('Shards assigned to it.'),
} as const

/** A stream that a group has read, and that is there no more. */
const goneStreamShape = {
  name: streamName,
  streamId,
  goneAt: timeMs('When the group found it gone'),
} as const

/** A stream that a member wants, as the group has it. */
const memberStreamShape = {
  name: streamName,
  streamId: field.optional(streamId),
} as const

/** A group in a list. */
export const groupShape = {
  name: groupName,
  createdAt: timeMs('When the group was first used'),
  streams: field.list(streamName, limits.streamsPerGroupMax, 'The streams that it reads.'),
  members: field.uint('Members now.'),
  shards: field.uint('Shards that are not processed to their end.'),
  isPaused: field.boolean('Members keep their shards and hand out no records.'),
  goneStreams: {
    ...field.list(
      field.struct(goneStreamShape, 'A stream.'),
      limits.streamsPerGroupMax,
      'Streams that it has read and that were deleted: one that is made again is read from its first record on.',
    ),
    absent: [],
  },
} as const

export const groupOperations = {
  joinGroup: {
    id: 64,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Joins a group, which is made by its first member. The same member may join again with its secret: it keeps its shards.',
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

export type WireMemberStream = ValueOf<typeof memberStreamShape>
export type WireLease = ValueOf<typeof leaseShape>
export type WireProgress = ValueOf<typeof progressShape>
export type WireShardReport = ValueOf<typeof shardReportShape>
export type WireCheckpoint = ValueOf<typeof checkpointShape>
export type WireGroupMember = ValueOf<typeof groupMemberShape>
export type WireGroupShard = ValueOf<typeof groupShardShape>
