// The operations about the broker as a whole. Control plane: served by the controller.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { hostStatusShape, timeMs } from '../structs.ts'
import { mayBroker } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

export const brokerOperations = {
  describeBroker: {
    id: 23,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Describes the broker: its hosts, their states, and counts.',
    grant: [mayBroker('describe')],
    request: {},
    response: {
      brokerId: field.string(64, 'Identity of the data directory.'),
      software: field.string(255, 'Name and version of the broker.'),
      startedAt: timeMs('When the broker started'),
      streamCount: field.uint('Number of streams.'),
      shardCount: field.uint('Number of shards of all streams.'),
      freeBytes: field.uint('Free space where the data directory lies.'),
      hosts: field.list(field.struct(hostStatusShape, 'A host.'), limits.hostsMax, 'All hosts.'),
    },
    errors: [],
  },
} as const satisfies OperationFamily
