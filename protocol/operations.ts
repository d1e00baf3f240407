// The table of operations (requests and their answers), joined from its families. Runs anywhere. Types, encoding, dispatch,
// the client's calls and docs/protocol.md derive from it. Ids lie in blocks and are never reused; fields are positional and
// append-only. A new operation is an entry in a file of `operations/`; a new family is a file there and a line here.
import type { universalErrors } from './error-codes.ts'
import { accessOperations } from './operations/access.ts'
import { appendOperations } from './operations/append.ts'
import { brokerOperations } from './operations/broker.ts'
import { consumerOperations } from './operations/consumers.ts'
import { groupOperations } from './operations/groups.ts'
import { documentOperations } from './operations/documents.ts'
import type { Operation, OperationFamily, Plane } from './operations/operation.ts'
import { readOperations } from './operations/read.ts'
import { reshardingOperations } from './operations/resharding.ts'
import { sessionOperations } from './operations/session.ts'
import { streamOperations } from './operations/streams.ts'
import { subscriptionOperations } from './operations/subscriptions.ts'
import type { ValueOf } from './shapes.ts'

export type {
  WireCheckpoint,
  WireGroupMember,
  WireGroupShard,
  WireLease,
  WireMemberStream,
  WireProgress,
  WireShardReport,
} from './operations/group-shapes.ts'
export type { WireConsumer, WireConsumerShard } from './operations/consumers.ts'
export type { WireCredential, WireGrant, WirePrincipal } from './operations/access.ts'
export type { Operation, Plane } from './operations/operation.ts'
export type { SettingsRequest, StreamDescription, StreamSettings } from './stream-settings.ts'
export type * from './structs.ts'

/** All operations, in the order of the documentation. */
export const operations = {
  ...sessionOperations,
  ...streamOperations,
  ...brokerOperations,
  ...reshardingOperations,
  ...appendOperations,
  ...readOperations,
  ...subscriptionOperations,
  ...groupOperations,
  ...consumerOperations,
  ...documentOperations,
  ...accessOperations,
} as const satisfies Record<string, Operation>

/** The same operations by family. A test needs them: a name that two families share would vanish in the join above. */
export const operationFamilies: readonly OperationFamily[] = [
  sessionOperations,
  streamOperations,
  brokerOperations,
  reshardingOperations,
  appendOperations,
  readOperations,
  subscriptionOperations,
  groupOperations,
  consumerOperations,
  documentOperations,
  accessOperations,
]

export type OperationName = keyof typeof operations
export type OperationOn<P extends Plane> = {
  [N in OperationName]: (typeof operations)[N]['plane'] extends P ? N : never
}[OperationName]
/** Operations whose answer may be encoded once for many clients. */
export type SharedOperation = {
  [N in OperationName]: (typeof operations)[N] extends { readonly sharesAnswers: true } ? N : never
}[OperationName]
export type RequestOf<N extends OperationName> = ValueOf<(typeof operations)[N]['request']>
export type ResponseOf<N extends OperationName> = ValueOf<(typeof operations)[N]['response']>
/** The error codes that an operation declares, and those that any operation may fail with. */
export type ErrorOf<N extends OperationName> =
  (typeof operations)[N]['errors'][number] | (typeof universalErrors)[number]
