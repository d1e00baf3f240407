// The operations of subscriptions, by which a host pushes records. Data plane: served by the shard's host.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { consumerName, positionShape, shardIndex, streamId } from '../structs.ts'
import { mayId, ownSession } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

export const subscriptionOperations = {
  subscribe: {
    id: 36,
    since: 1,
    plane: 'data',
    idempotent: false,
    doc: 'Starts pushing one shard to this connection, within the credit given: as a registered consumer, at its own rate, or sharing the limits of reads. A consumer has one subscription to a shard; a later one takes its place, but not in its first five seconds.',
    grant: [mayId('read', 'streamId')],
    request: {
      streamId,
      shardIndex,
      position: field.struct(positionShape, 'Where to start.'),
      creditBytes: field.uint(
        'Bytes of batches that the host may send until it gets more credit.',
        limits.subscriptionCreditBytesMax,
      ),
      consumer: field.optional(consumerName),
    },
    response: {
      subscriptionId: field.uint('Names the subscription on this connection.'),
      sequenceNumber: field.uint('Sequence number of the first record that will be sent.'),
    },
    errors: [
      'shardNotFound',
      'trimmed',
      'invalidPosition',
      'corruptData',
      'limitExceeded',
      'consumerNotFound',
      'consumerInUse',
    ],
  },
  unsubscribe: {
    id: 37,
    since: 1,
    plane: 'data',
    idempotent: true,
    doc: 'Ends a subscription; the host sends no records of it after the answer.',
    grant: [ownSession],
    request: { subscriptionId: field.uint('The subscription.') },
    response: {},
    errors: ['subscriptionNotFound'],
  },
} as const satisfies OperationFamily
