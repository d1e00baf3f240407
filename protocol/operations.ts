// The one table of requests and their answers. Runs anywhere. Types, codecs, dispatch, the client's calls and
// docs/protocol.md derive from it. Ids are grouped by plane and never reused; fields are positional and append-only.
import type { ErrorCode, universalErrors } from './error-codes.ts'
import { limits } from './limits.ts'
import { field, type Shape, type ValueOf } from './shapes.ts'
import {
  appendResultShape,
  batchBytes,
  capacityMode,
  fetchedShardShape,
  hostAddressShape,
  hostStatusShape,
  positionShape,
  routedShardShape,
  scalingDecisionShape,
  scalingRequestShape,
  scalingShape,
  shardIndex,
  shardLimitsShape,
  shardShape,
  streamId,
  streamName,
  streamShape,
  timeMs,
} from './structs.ts'

export type * from './structs.ts'

/** session: both processes; control: the controller; data: the host that owns the shard. */
export type Plane = 'session' | 'control' | 'data'

export interface Operation {
  readonly id: number
  readonly since: number
  readonly plane: Plane
  /** True where sending the same request twice has the effect of sending it once. */
  readonly idempotent: boolean
  readonly doc: string
  readonly request: Shape
  readonly response: Shape
  /** What this operation may fail with, beyond what any may: see `universalErrors`. */
  readonly errors: readonly ErrorCode[]
}

export const operations = {
  hello: {
    id: 1,
    since: 1,
    plane: 'session',
    idempotent: true,
    doc: 'First request on a connection: agrees on the protocol version, and tells who answers. A client that is answered by another broker or host than it meant sends nothing more.',
    request: {
      versionMin: field.uint('Oldest protocol version that the client speaks.', 65_535),
      versionMax: field.uint('Newest protocol version that the client speaks.', 65_535),
      client: field.string(255, 'Name and version of the client, for logs.'),
    },
    response: {
      version: field.uint('The version that both will speak.', 65_535),
      brokerId: field.string(64, 'Identity of the data directory.'),
      role: field.choice(['controller', 'host'], 'What this process serves.'),
      hostId: field.uint('Number of the host; 0 on a controller.'),
      software: field.string(255, 'Name and version of the broker.'),
      frameBytesMax: field.uint('Largest frame that the broker takes.'),
      sessionIdleMs: field.uint('Send something, at least a ping, well within this time.'),
    },
    errors: ['unsupportedVersion'],
  },
  ping: {
    id: 2,
    since: 1,
    plane: 'session',
    idempotent: true,
    doc: 'Keeps a session alive and measures the round trip.',
    request: {},
    response: { now: timeMs("The broker's clock") },
    errors: [],
  },
  createStream: {
    id: 16,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Creates a stream with shards over even hash key ranges; answers when it takes records.',
    request: {
      name: streamName,
      shardCount: field.optional(
        field.uint(
          'Shards to start with: by default 1, or what the broker is set to for on-demand streams.',
          limits.shardsPerStreamMax,
        ),
      ),
      retentionMs: field.optional(field.uint('How long a record stays readable; 24 hours by default.')),
      retentionBytes: field.optional(field.uint('How much is kept; 0, the default, for no bound.')),
      mode: field.optional(capacityMode),
      shardLimits: field.optional(field.struct(shardLimitsShape, 'Limits of each shard; none by default.')),
      scaling: field.optional(field.struct(scalingRequestShape, 'For on-demand streams.')),
    },
    response: { stream: field.struct(streamShape, 'The stream.') },
    errors: ['streamExists', 'streamBusy', 'limitExceeded', 'storageFull'],
  },
  deleteStream: {
    id: 17,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Deletes a stream and its records; subscriptions to it end.',
    request: { name: streamName },
    response: {},
    errors: ['streamNotFound', 'streamBusy'],
  },
  describeStream: {
    id: 18,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Describes one stream.',
    request: { name: streamName },
    response: { stream: field.struct(streamShape, 'The stream.') },
    errors: ['streamNotFound'],
  },
  listStreams: {
    id: 19,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists streams by name, a page at a time.',
    request: {
      limit: field.uint('Streams in the page.', limits.listPageMax),
      exclusiveStartName: field.optional(streamName),
    },
    response: {
      streams: field.list(
        field.struct(streamShape, 'A stream.'),
        limits.listPageMax,
        'In the order of their names.',
      ),
      hasMore: field.boolean('More follow: ask again from the last name.'),
    },
    errors: [],
  },
  updateStream: {
    id: 20,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Changes the settings of a stream; what the request leaves out stays.',
    request: {
      name: streamName,
      retentionMs: field.optional(field.uint('New retention in milliseconds.')),
      retentionBytes: field.optional(field.uint('New bound on what is kept; 0 for none.')),
      mode: field.optional(capacityMode),
      shardLimits: field.optional(field.struct(shardLimitsShape, 'New limits of each shard.')),
      scaling: field.optional(field.struct(scalingRequestShape, 'What changes of the scaling.')),
    },
    response: { stream: field.struct(streamShape, 'The stream.') },
    errors: ['streamNotFound', 'streamBusy'],
  },
  listShards: {
    id: 21,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists the shards of a stream by index, a page at a time.',
    request: {
      name: streamName,
      limit: field.uint('Shards in the page.', limits.listPageMax),
      exclusiveStartIndex: field.optional(shardIndex),
    },
    response: {
      shards: field.list(
        field.struct(shardShape, 'A shard.'),
        limits.listPageMax,
        'In the order of their indexes.',
      ),
      hasMore: field.boolean('More follow: ask again from the last index.'),
    },
    errors: ['streamNotFound'],
  },
  describeRouting: {
    id: 22,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Tells which host serves each shard of a stream, and where that host listens.',
    request: { name: streamName },
    response: {
      streamId,
      epoch: field.uint('Rises with every change of the shards.'),
      hosts: field.list(field.struct(hostAddressShape, 'A host.'), limits.hostsMax, 'The hosts named below.'),
      shards: field.list(
        field.struct(routedShardShape, 'A shard.'),
        limits.readableShardsPerStreamMax,
        'All shards that can be read.',
      ),
    },
    errors: ['streamNotFound', 'streamBusy'],
  },
  describeBroker: {
    id: 23,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Describes the daemon: its hosts, their states, and counts.',
    request: {},
    response: {
      brokerId: field.string(64, 'Identity of the data directory.'),
      software: field.string(255, 'Name and version of the broker.'),
      startedAt: timeMs('When the daemon started'),
      streamCount: field.uint('Streams.'),
      shardCount: field.uint('Shards of all streams.'),
      freeBytes: field.uint('Free space where the data directory lies.'),
      hosts: field.list(field.struct(hostStatusShape, 'A host.'), limits.hostsMax, 'All hosts.'),
    },
    errors: [],
  },
  splitShard: {
    id: 24,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Splits an open shard in place; answers when its children take records.',
    request: {
      name: streamName,
      shardIndex,
      newStartingHashKeys: field.list(
        field.hashKey('Where a child begins.'),
        2,
        'One to split in two, two (rising) to cut out what lies between; none to balance by the observed load.',
      ),
    },
    response: {
      children: field.list(shardIndex, 3, 'In the order of their ranges.'),
      epoch: streamShape.epoch,
    },
    errors: ['streamNotFound', 'shardNotFound', 'streamBusy', 'limitExceeded', 'storageFull'],
  },
  mergeShards: {
    id: 25,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Merges two open shards of a provisioned stream with adjacent ranges; answers when the child takes records.',
    request: {
      name: streamName,
      shardIndex,
      adjacentShardIndex: field.uint('The other one, on either side.', limits.shardIndexMax),
    },
    response: { child: shardIndex, epoch: streamShape.epoch },
    errors: ['streamNotFound', 'shardNotFound', 'streamBusy', 'limitExceeded', 'storageFull'],
  },
  updateShardCount: {
    id: 26,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Splits and merges to so many even shards. Answers when done, or in seconds with targetShardCount: ask again to wait.',
    request: {
      name: streamName,
      shardCount: field.uint('Open shards to end with, at least 1.', limits.shardsPerStreamMax),
    },
    response: { stream: field.struct(streamShape, 'The stream.') },
    errors: ['streamNotFound', 'streamBusy', 'limitExceeded', 'storageFull'],
  },
  explainScaling: {
    id: 27,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Tells what the autoscaler would do now, and why; or would, were the stream on-demand.',
    request: { name: streamName },
    response: {
      mode: capacityMode,
      scaling: field.struct(scalingShape, 'The bounds and targets applied.'),
      decisions: field.list(
        field.struct(scalingDecisionShape, 'A decision.'),
        limits.shardsPerStreamMax,
        'What would be done, and what is left alone.',
      ),
    },
    errors: ['streamNotFound'],
  },
  append: {
    id: 33,
    since: 1,
    plane: 'data',
    idempotent: false,
    doc: 'Appends batches, each to one shard of this host; each is answered by itself, after its flush.',
    request: {
      batches: field.list(
        field.struct({ streamId, shardIndex, batch: batchBytes }, 'A batch and its shard.'),
        limits.appendBatchesMax,
        'Batches of one producer to one shard stand in their order.',
      ),
    },
    response: {
      results: field.list(
        field.struct(appendResultShape, 'One answer.'),
        limits.appendBatchesMax,
        'In the order of the request.',
      ),
    },
    errors: [],
  },
  fetch: {
    id: 34,
    since: 1,
    plane: 'data',
    idempotent: true,
    doc: 'Reads whole batches of several shards; waits for data where there is none.',
    request: {
      shards: field.list(
        field.struct(
          {
            streamId,
            shardIndex,
            sequenceNumber: field.uint('First number wanted.'),
            bytesMax: field.uint(
              'At most this much of this shard; one batch at least.',
              limits.fetchBytesMax,
            ),
          },
          'A shard and where to read on.',
        ),
        limits.fetchShardsMax,
        'The shards to read.',
      ),
      bytesMax: field.uint('At most this much in all; one batch at least.', limits.fetchBytesMax),
      waitMs: field.uint('How long to wait while no shard has anything.', limits.fetchWaitMsMax),
    },
    response: {
      shards: field.list(
        field.struct(fetchedShardShape, 'One answer.'),
        limits.fetchShardsMax,
        'In the order of the request.',
      ),
    },
    errors: [],
  },
  resolvePosition: {
    id: 35,
    since: 1,
    plane: 'data',
    idempotent: true,
    doc: 'Turns a position into the sequence number to read from.',
    request: { streamId, shardIndex, position: field.struct(positionShape, 'The position.') },
    response: {
      sequenceNumber: field.uint('First number to read.'),
      trimHorizon: field.uint('Oldest readable number.'),
      tail: field.uint('Next number to assign.'),
    },
    errors: ['shardNotFound', 'trimmed', 'invalidPosition', 'corruptData'],
  },
  subscribe: {
    id: 36,
    since: 1,
    plane: 'data',
    idempotent: false,
    doc: 'Starts pushing one shard to this connection, within the credit given.',
    request: {
      streamId,
      shardIndex,
      position: field.struct(positionShape, 'Where to start.'),
      creditBytes: field.uint(
        'Bytes of batches that may be sent before more credit is given.',
        limits.subscriptionCreditBytesMax,
      ),
    },
    response: {
      subscriptionId: field.uint('Names the subscription on this connection.'),
      sequenceNumber: field.uint('First number that will be sent.'),
    },
    errors: ['shardNotFound', 'trimmed', 'invalidPosition', 'corruptData', 'limitExceeded'],
  },
  unsubscribe: {
    id: 37,
    since: 1,
    plane: 'data',
    idempotent: true,
    doc: 'Ends a subscription; nothing of it is sent after the answer.',
    request: { subscriptionId: field.uint('The subscription.') },
    response: {},
    errors: ['subscriptionNotFound'],
  },
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof operations
export type OperationOn<P extends Plane> = {
  [N in OperationName]: (typeof operations)[N]['plane'] extends P ? N : never
}[OperationName]
export type RequestOf<N extends OperationName> = ValueOf<(typeof operations)[N]['request']>
export type ResponseOf<N extends OperationName> = ValueOf<(typeof operations)[N]['response']>
/** Only the codes that the operation declares, and those that any may fail with. */
export type ErrorOf<N extends OperationName> =
  (typeof operations)[N]['errors'][number] | (typeof universalErrors)[number]
