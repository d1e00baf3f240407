// The operations that change the shards of a stream or explain the autoscaler. Control plane: served by the controller.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { capacityMode, scalingDecisionShape, scalingShape, shardIndex, streamName } from '../structs.ts'
import { streamShape } from '../stream-settings.ts'
import { may } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

export const reshardingOperations = {
  splitShard: {
    id: 24,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Splits an open shard; answers when its children take records.',
    grant: [may('manage', 'stream', 'name')],
    request: {
      name: streamName,
      shardIndex,
      newStartingHashKeys: field.list(
        field.hashKey('First hash key of a child.'),
        2,
        'One key splits the shard in two, two rising keys cut out the range between them; none: the broker splits by the observed load.',
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
    grant: [may('manage', 'stream', 'name')],
    request: {
      name: streamName,
      shardIndex,
      adjacentShardIndex: field.uint(
        'The shard to merge with, next to it on either side.',
        limits.shardIndexMax,
      ),
    },
    response: { child: shardIndex, epoch: streamShape.epoch },
    errors: ['streamNotFound', 'shardNotFound', 'streamBusy', 'limitExceeded', 'storageFull'],
  },
  updateShardCount: {
    id: 26,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Splits and merges shards until there are so many, of even ranges. Answers when done, or after some seconds with targetShardCount: ask again to wait.',
    grant: [may('manage', 'stream', 'name')],
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
    doc: 'Tells what the autoscaler would do now, and why; for a provisioned stream, what it would do if the stream were on-demand.',
    grant: [may('describe', 'stream', 'name')],
    request: { name: streamName },
    response: {
      mode: capacityMode,
      scaling: field.struct(scalingShape, 'The bounds and targets applied.'),
      decisions: field.list(
        field.struct(scalingDecisionShape, 'A decision.'),
        limits.shardsPerStreamMax,
        'What the autoscaler would do, and what it leaves alone.',
      ),
    },
    errors: ['streamNotFound'],
  },
} as const satisfies OperationFamily
