// The operations on whole streams: creation, deletion, settings, shards and routing. Control plane: served by the controller.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import {
  hostAddressShape,
  routedShardShape,
  shardIndex,
  shardShape,
  streamId,
  streamName,
} from '../structs.ts'
import { changeFields, creationFields, streamShape } from '../stream-settings.ts'
import { may, mayMake, shows } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

export const streamOperations = {
  createStream: {
    id: 16,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Creates a stream with shards over even hash key ranges; answers when it takes records.',
    grant: [mayMake('manage', 'stream', 'name')],
    request: {
      name: streamName,
      shardCount: field.optional(
        field.uint(
          "Shards to start with; by default 1, or for on-demand streams the number in the broker's configuration.",
          limits.shardsPerStreamMax,
        ),
      ),
      ...creationFields,
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
    grant: [may('manage', 'stream', 'name')],
    request: {
      name: streamName,
      expectedId: field.optional(
        field.uint(
          'The number that the stream must have: another one of this name is not deleted, and answered by streamNotFound; absent: no condition.',
        ),
      ),
    },
    response: {},
    errors: ['streamNotFound', 'streamBusy'],
  },
  describeStream: {
    id: 18,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Describes one stream.',
    grant: [may('describe', 'stream', 'name')],
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
    grant: [shows('stream', 'streams.name')],
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
      hasMore: field.boolean('More streams follow: ask again from the last name.'),
    },
    errors: [],
  },
  updateStream: {
    id: 20,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Changes the settings of a stream; settings that the request leaves out stay.',
    grant: [may('manage', 'stream', 'name')],
    request: { name: streamName, ...changeFields },
    response: { stream: field.struct(streamShape, 'The stream.') },
    errors: ['streamNotFound', 'streamBusy'],
  },
  listShards: {
    id: 21,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists the shards of a stream by index, a page at a time.',
    grant: [may('describe', 'stream', 'name')],
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
      hasMore: field.boolean('More shards follow: ask again from the last index.'),
    },
    errors: ['streamNotFound'],
  },
  describeRouting: {
    id: 22,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Tells which host serves each shard of a stream, and where that host listens.',
    grant: [may('describe', 'stream', 'name')],
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
    sharesAnswers: true,
  },
} as const satisfies OperationFamily
