// The shapes that the operations on consumer groups are made of: leases, reports, checkpoints, progress, and what operators see.
// Pure data and types.
import { limits } from '../limits.ts'
import { field, type ValueOf } from '../shapes.ts'
import { positionShape, shardIndex, streamId, streamName, timeMs } from '../structs.ts'

export const groupName = field.string(
  limits.groupNameLengthMax,
  'Name of the group: 1 to 128 letters a–z and A–Z, digits, underscores, full stops and hyphens.',
)
export const memberId = field.string(
  limits.memberIdLengthMax,
  'Name of the member within its group, 1 to 128 characters.',
)
const epoch = field.uint(
  'Fencing epoch: rises with every assignment of the shard. A checkpoint of an earlier epoch is refused.',
)
export const next = field.uint('Sequence number of the first record that is not processed.')

/** A stream that a member wants to read, and where the group begins in it if it has no checkpoint yet. */
export const wantedStreamShape = {
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
export const releasedShardShape = { streamId, shardIndex, epoch } as const

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
export const goneStreamShape = {
  name: streamName,
  streamId,
  goneAt: timeMs('When the group found it gone'),
} as const

/** A stream that a member wants, as the group has it. */
export const memberStreamShape = {
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

export type WireMemberStream = ValueOf<typeof memberStreamShape>
export type WireLease = ValueOf<typeof leaseShape>
export type WireProgress = ValueOf<typeof progressShape>
export type WireShardReport = ValueOf<typeof shardReportShape>
export type WireCheckpoint = ValueOf<typeof checkpointShape>
export type WireGroupMember = ValueOf<typeof groupMemberShape>
export type WireGroupShard = ValueOf<typeof groupShardShape>
