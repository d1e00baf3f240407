// Changes of the shards of a stream, and what the autoscaler would change. Control plane.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { capacityMode, scalingDecisionShape, scalingShape, shardIndex, streamName } from '../structs.ts'
import { streamShape } from '../stream-settings.ts'
import type { OperationFamily } from './operation.ts'

export const reshardingOperations = {
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
} as const satisfies OperationFamily
