// The structures that several operations carry: positions, streams, shards, results. Runs anywhere, pure data.
// Fields are positional and append-only, as everywhere on the wire.
import { limits } from './limits.ts'
import { field, type ValueOf } from './shapes.ts'

export const streamName = field.string(
  limits.streamNameLengthMax,
  'Name of the stream: 1 to 128 letters a–z and A–Z, digits, underscores, full stops and hyphens.',
)
export const streamId = field.uint(
  'Number of the stream, never reused, so that a re-created stream is another one.',
)
export const shardIndex = field.uint(
  'Index of the shard within its stream; shown to people as shardId-000000000000.',
  limits.shardIndexMax,
)
export const consumerName = field.string(
  limits.consumerNameLengthMax,
  'Name of a registered consumer: 1 to 128 letters a–z and A–Z, digits, underscores, full stops and hyphens.',
)
export const timeMs = (doc: string) => field.uint(`${doc}, milliseconds since the epoch.`)

/** Where a reader starts, as in Kinesis. */
export const positionShape = {
  type: field.choice(
    ['TRIM_HORIZON', 'LATEST', 'AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER', 'AT_TIMESTAMP'],
    'The kind of position.',
  ),
  sequenceNumber: field.optional(field.uint('For AT_ and AFTER_SEQUENCE_NUMBER.')),
  timestamp: field.optional(timeMs('For AT_TIMESTAMP: the first record that arrived then or later')),
} as const

/** Limits of each shard of a stream, which the host applies by token buckets. 0 stands for no limit. */
export const shardLimitsShape = {
  writeBytesPerSecond: field.uint('Bytes of records taken a second.'),
  writeRecordsPerSecond: field.uint('Records taken a second.'),
  readBytesPerSecond: field.uint(
    'Bytes of batches given a second to all classic readers together: fetches, and subscriptions without a consumer.',
  ),
  readsPerSecond: field.uint('Fetches answered a second, all readers together.'),
  subscriptionBytesPerSecond: field.uint('Bytes of batches a second to each registered consumer.'),
} as const

/** Bounds and targets by which an on-demand stream is scaled. */
export const scalingShape = {
  shardsMin: field.uint('Fewest open shards.', limits.shardsPerStreamMax),
  shardsMax: field.uint('Most open shards.', limits.shardsPerStreamMax),
  targetBytesPerSecond: field.uint('Bytes of records a second that one shard is meant to take.'),
  targetRecordsPerSecond: field.uint('Records a second that one shard is meant to take.'),
} as const

export const capacityMode = field.choice(
  ['provisioned', 'on-demand'],
  'provisioned, the default: shards are split and merged on request; on-demand: by the broker, with the load.',
)

/** Load that producers put on a shard, with part of what was refused for throughput: means over 10 s, 2 min and 10 min. */
export const shardLoadShape = {
  bytesPerSecond10s: field.uint('Bytes of records a second over 10 s.'),
  bytesPerSecond2m: field.uint(
    'Bytes of records a second over 2 min, or over the part of them that is known.',
  ),
  bytesPerSecond10m: field.uint('Bytes of records a second over 10 min.'),
  recordsPerSecond10s: field.uint('Records a second over 10 s.'),
  recordsPerSecond2m: field.uint('Records a second over 2 min, or over the part of them that is known.'),
  recordsPerSecond10m: field.uint('Records a second over 10 min.'),
  hotHashKey: field.optional(
    field.hashKey('The hash key with the largest part of the load, if one stands out.'),
  ),
  hotPercent: field.optional(field.uint("The hot key's part of the load.", 100)),
} as const

/** Fields of a shard in both routing and listing: its lineage, its range, and whether it takes appends. */
const shardRangeShape = {
  index: shardIndex,
  parents: field.list(shardIndex, 2, 'The shards that this shard was split or merged from.'),
  startingHashKey: field.hashKey('Lowest hash key of the range.'),
  endingHashKey: field.hashKey('Highest hash key of the range.'),
  state: field.choice(['OPEN', 'CLOSED'], 'A closed shard can be read, but takes no appends.'),
} as const

export const shardShape = {
  ...shardRangeShape,
  startingSequenceNumber: field.uint('First sequence number that the shard may assign.'),
  endingSequenceNumber: field.optional(field.uint('Last sequence number of a closed shard.')),
  trimHorizon: field.optional(field.uint('Oldest readable sequence number; absent while the host is down.')),
  tail: field.optional(field.uint('Next sequence number to be assigned; absent while the host is down.')),
  bytes: field.optional(field.uint('Bytes of stored batches of the shard; absent while the host is down.')),
  createdAt: timeMs('When the shard was created'),
  closedAt: field.optional(timeMs('When the shard was split or merged')),
  load: field.optional(
    field.struct(shardLoadShape, "The shard's load; absent until its host has reported it."),
  ),
} as const

export const routedShardShape = {
  ...shardRangeShape,
  hostId: field.uint('The host that serves the shard.'),
  startingSequenceNumber: field.uint(
    'First sequence number that the shard may assign: where to begin to read a child.',
  ),
  closedAt: field.optional(
    timeMs('When a closed shard was closed: what it holds arrived by then, whatever its stamps say'),
  ),
} as const

export const hostAddressShape = {
  hostId: field.uint('Number of the host.'),
  host: field.string(
    255,
    'Name or IP address to connect to; empty: the address by which you reached the controller.',
  ),
  port: field.uint('TCP port.', 65_535),
} as const

export const hostStatusShape = {
  hostId: field.uint('Number of the host.'),
  state: field.choice(['starting', 'ready', 'draining', 'down'], 'State of the host.'),
  pid: field.optional(
    field.uint('Process id; absent while the host is down, and if it runs inside the controller.'),
  ),
  port: field.uint('TCP port; 0 if the host runs inside the controller.', 65_535),
  restarts: field.uint('Restarts of the host since the broker started.'),
  openShards: field.uint('Open shards placed on the host.'),
  reason: field.optional(field.string(limits.textBytesMax, 'Why the host is not ready.')),
} as const

/** The answer for one batch. Code 0 means stored and flushed. */
export const appendResultShape = {
  code: field.uint('0 for stored, else the id of an error code.'),
  baseSequenceNumber: field.uint("Sequence number of the batch's first record; 0 unless stored."),
  arrivalTime: timeMs('When the batch arrived; 0 unless stored'),
  durability: field.choice(['none', 'disk'], 'The level that was reached: disk means flushed to the device.'),
  retryAfterMs: field.optional(field.uint('When to try again, in milliseconds, if the broker knows.')),
  message: field.optional(field.string(limits.textBytesMax, 'What was refused, the limit, and what to do.')),
} as const

export const batchBytes = field.bytes(limits.batchBytesMax, 'One batch; see docs/protocol.md for its bytes.')

export const producerSecret = field.optional(
  field.bytes(
    limits.producerSecretBytesMax,
    "The secret that the batch's producer id is derived from, at least 16 bytes; absent if the id is 0.",
  ),
)

/** Stored records that cannot be read, and where reading can continue. */
export const damageShape = {
  firstSequenceNumber: field.uint('Sequence number of the first record that cannot be read.'),
  nextSequenceNumber: field.uint('The sequence number after the last record that cannot be read.'),
  reason: field.string(limits.textBytesMax, 'What is wrong, as a sentence.'),
} as const

/** Field of an answer that reports records that cannot be read. */
export const damage = field.optional(
  field.struct(
    damageShape,
    'With corruptData: the records that cannot be read, and where to continue after them.',
  ),
)

/** The answer for one shard of a fetch. */
export const fetchedShardShape = {
  code: field.uint('0, or the id of an error code (trimmed, shardNotFound, corruptData, …).'),
  batches: field.list(
    batchBytes,
    limits.runBatchesMax,
    'Whole batches, from the one that holds the requested sequence number.',
  ),
  nextSequenceNumber: field.uint('Sequence number to fetch next.'),
  trimHorizon: field.uint('Oldest readable sequence number.'),
  tail: field.uint('Next sequence number to be assigned.'),
  millisBehindLatest: field.uint(
    'If more records follow: age of the last record returned, or of the newest if none is. 0 at the tail.',
  ),
  ended: field.boolean('The shard is closed and was read to its end: continue with its children.'),
  retryAfterMs: field.optional(
    field.uint('When to fetch again, in milliseconds, after provisionedThroughputExceeded.'),
  ),
  damage,
} as const

export const documentKind = field.string(
  limits.documentKindLengthMax,
  'Kind of the documents: 1 to 64 letters a–z, digits and hyphens.',
)
/** A name is bounded in UTF-16 code units, each of which takes up to three bytes. */
const documentNameBytesMax = 3 * limits.documentNameLengthMax
export const documentName = field.string(
  documentNameBytesMax,
  'Name of the document within its kind: 1 to 200 characters, none of them a control character.',
)
export const documentPrefix = field.optional(
  field.string(documentNameBytesMax, 'Only documents whose names begin with this text.'),
)
export const documentContent = field.bytes(
  limits.documentBytesMax,
  'Content of the document, as its writer encoded it.',
)

export const documentShape = {
  name: documentName,
  version: field.uint('Rises with every change of any document; no two documents ever have the same one.'),
  updatedAt: timeMs('When the document was put'),
  content: documentContent,
} as const

/** What the autoscaler would do next, and why. */
export const scalingDecisionShape = {
  action: field.choice(
    ['none', 'split', 'merge', 'hotKey'],
    'none: nothing to do; hotKey: one key alone is too much load for a shard, so that a split would not help.',
  ),
  shards: field.list(shardIndex, 2, 'The shards concerned; empty for the stream as a whole.'),
  reason: field.string(limits.textBytesMax, 'The rule that led to the decision, with its figures.'),
} as const

export type Position = ValueOf<typeof positionShape>
export type ShardDescription = ValueOf<typeof shardShape>
export type ShardRange = ValueOf<typeof shardRangeShape>
export type RoutedShard = ValueOf<typeof routedShardShape>
export type HostAddress = ValueOf<typeof hostAddressShape>
export type AppendResult = ValueOf<typeof appendResultShape>
export type Damage = ValueOf<typeof damageShape>
export type FetchedShard = ValueOf<typeof fetchedShardShape>
export type ShardLimits = ValueOf<typeof shardLimitsShape>
export type Scaling = ValueOf<typeof scalingShape>
export type ShardLoad = ValueOf<typeof shardLoadShape>
export type StoredDocument = ValueOf<typeof documentShape>
export type ScalingDecision = ValueOf<typeof scalingDecisionShape>

/** The limits of a stream without limits. */
export const noShardLimits: ShardLimits = {
  writeBytesPerSecond: 0,
  writeRecordsPerSecond: 0,
  readBytesPerSecond: 0,
  readsPerSecond: 0,
  subscriptionBytesPerSecond: 0,
}
