// The operations that read on request. Data plane: served by the shard's host.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { fetchedShardShape, positionShape, shardIndex, streamId, timeMs } from '../structs.ts'
import { mayEachId, mayId } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

export const readOperations = {
  fetch: {
    id: 34,
    since: 1,
    plane: 'data',
    idempotent: true,
    doc: 'Reads whole batches of several shards; waits for data if there is none.',
    grant: [mayEachId('read', 'shards.streamId')],
    request: {
      shards: field.list(
        field.struct(
          {
            streamId,
            shardIndex,
            sequenceNumber: field.uint('First sequence number wanted.'),
            bytesMax: field.uint(
              'At most so many bytes of this shard, but at least one batch.',
              limits.fetchBytesMax,
            ),
          },
          'A shard, and where to read from.',
        ),
        limits.fetchShardsMax,
        'The shards to read.',
      ),
      bytesMax: field.uint('At most so many bytes in all, but at least one batch.', limits.fetchBytesMax),
      waitMs: field.uint(
        'How long to wait for data, in milliseconds, if no shard has any.',
        limits.fetchWaitMsMax,
      ),
    },
    response: {
      shards: field.list(
        field.struct(fetchedShardShape, 'One answer.'),
        limits.fetchShardsMax,
        'In the order of the request.',
      ),
      time: field.optional(timeMs("The host's clock when it answered")),
    },
    errors: [],
  },
  resolvePosition: {
    id: 35,
    since: 1,
    plane: 'data',
    idempotent: true,
    doc: 'Turns a position into the sequence number to read from.',
    grant: [mayId('read', 'streamId')],
    request: { streamId, shardIndex, position: field.struct(positionShape, 'The position.') },
    response: {
      sequenceNumber: field.uint('Sequence number of the first record to read.'),
      trimHorizon: field.uint('Oldest readable sequence number.'),
      tail: field.uint('Next sequence number to be assigned.'),
    },
    errors: ['shardNotFound', 'trimmed', 'invalidPosition', 'corruptData'],
  },
} as const satisfies OperationFamily
