// The operations that write records. Data plane: served by the shard's host.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { appendResultShape, batchBytes, producerSecret, shardIndex, streamId } from '../structs.ts'
import { mayEachId } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

export const appendOperations = {
  append: {
    id: 33,
    since: 1,
    plane: 'data',
    idempotent: false,
    doc: 'Appends batches, each to one shard of this host. Each batch has a result of its own, given after its flush.',
    grant: [mayEachId('write', 'batches.streamId')],
    request: {
      batches: field.list(
        field.struct({ streamId, shardIndex, batch: batchBytes, producerSecret }, 'A batch and its shard.'),
        limits.appendBatchesMax,
        "Batches of one producer to one shard are in the producer's order.",
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
} as const satisfies OperationFamily
