// Reading on request. Data plane: the host that owns the shard.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { fetchedShardShape, positionShape, shardIndex, streamId, timeMs } from '../structs.ts'
import type { OperationFamily } from './operation.ts'

export const readOperations = {
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
    request: { streamId, shardIndex, position: field.struct(positionShape, 'The position.') },
    response: {
      sequenceNumber: field.uint('First number to read.'),
      trimHorizon: field.uint('Oldest readable number.'),
      tail: field.uint('Next number to assign.'),
    },
    errors: ['shardNotFound', 'trimmed', 'invalidPosition', 'corruptData'],
  },
} as const satisfies OperationFamily
