// The one table of audit events: what is written down about who did or tried what. Runs in every process that listens; pure
// data. The lines, their counter and the table in docs/operations.md derive from it. A code is stable: alerts and searches lean
// on it, and it is never reused for another event.
import type { OperationName, operations } from '../../../protocol/operations.ts'

export interface AuditEvent {
  /** Stable name for alerts, as `AUTH-001`. */
  readonly code: string
  /** True if anyone who reaches the port can cause it as often as he likes: lines are then limited per source. */
  readonly limited: boolean
  readonly doc: string
}

export const auditEvents = {
  // Who asks.
  loginFailed: {
    code: 'AUTH-001',
    limited: true,
    doc: 'A credential was refused: unknown, wrong, expired or revoked. Or its principal may not act as the one it named.',
  },
  loginsThrottled: {
    code: 'AUTH-002',
    limited: true,
    doc: 'Too many failed logins from an address: further ones were refused without a look at the credential.',
  },
  sessionEnded: {
    code: 'AUTH-003',
    limited: true,
    doc: 'An open session was ended because its credential expired or was revoked, or it may no longer act as another.',
  },
  // What is refused.
  permissionDenied: {
    code: 'ACCESS-001',
    limited: true,
    doc: 'A request was refused for want of a grant, also where the answer was that the thing does not exist.',
  },
  unauthenticated: {
    code: 'ACCESS-002',
    limited: true,
    doc: 'A request was refused because nobody had said who asks.',
  },
  quotaExceeded: {
    code: 'ACCESS-003',
    limited: true,
    doc: 'A quota of a principal or an address refused a connection or a request.',
  },
  // What is changed.
  streamCreated: { code: 'STREAM-001', limited: false, doc: 'A stream was created.' },
  streamUpdated: { code: 'STREAM-002', limited: false, doc: "A stream's settings were changed." },
  streamDeleted: { code: 'STREAM-003', limited: false, doc: 'A stream was deleted.' },
  shardSplit: { code: 'STREAM-004', limited: false, doc: 'A shard was split by request.' },
  shardsMerged: { code: 'STREAM-005', limited: false, doc: 'Shards were merged by request.' },
  streamScaled: { code: 'STREAM-006', limited: false, doc: 'A number of shards was asked for.' },
  groupReset: { code: 'GROUP-001', limited: false, doc: "A group's position was set anew." },
  groupDeleted: { code: 'GROUP-002', limited: false, doc: 'A group was deleted.' },
  groupPaused: { code: 'GROUP-003', limited: false, doc: 'A group was paused or continued.' },
  consumerRegistered: { code: 'CONSUMER-001', limited: false, doc: 'A consumer was registered.' },
  consumerDeregistered: { code: 'CONSUMER-002', limited: false, doc: 'A consumer was deregistered.' },
  documentDeleted: { code: 'DOCUMENT-001', limited: false, doc: 'A document was deleted.' },
  tokenCreated: { code: 'CREDENTIAL-001', limited: false, doc: 'A token was made, without its secret.' },
  tokenRevoked: { code: 'CREDENTIAL-002', limited: false, doc: 'A token was revoked.' },
  accessKeyCreated: {
    code: 'CREDENTIAL-003',
    limited: false,
    doc: 'An access key was made, without its secret.',
  },
  accessKeyRevoked: { code: 'CREDENTIAL-004', limited: false, doc: 'An access key was revoked.' },
  signingKeyTold: {
    code: 'CREDENTIAL-005',
    limited: false,
    doc: 'A program was told what verifies the signatures of an access key on one day.',
  },
  principalUpdated: {
    code: 'PRINCIPAL-001',
    limited: false,
    doc: 'A principal was made, or its grants or certificate names changed.',
  },
  principalDeleted: {
    code: 'PRINCIPAL-002',
    limited: false,
    doc: 'A principal was deleted, with its credentials.',
  },
  // The broker itself.
  startedOpen: {
    code: 'BROKER-001',
    limited: false,
    doc: 'The broker started with open access where other machines may reach it.',
  },
  certificatesRenewed: {
    code: 'BROKER-002',
    limited: false,
    doc: 'New certificates were read: new connections get them.',
  },
} as const satisfies Record<string, AuditEvent>

export type AuditEventName = keyof typeof auditEvents

/** The event of an operation that is refused, whatever the error is. */
export const refusedOperations = { authenticate: 'loginFailed' } as const satisfies Partial<
  Record<OperationName, AuditEventName>
>

/** Operations that change something administrative: those that need `manage` or `admin`, and those about principals. */
type Managing = {
  [N in OperationName]: (typeof operations)[N]['grant'][number] extends infer G
    ? G extends { readonly rule: 'delegates' } | { readonly action: 'manage' | 'admin' }
      ? Exclude<N, `${'list' | 'describe'}${string}`>
      : never
    : never
}[OperationName]

/** The event of each operation that is written down when it is done, or refused. One that manages cannot be left out. */
export const auditedOperations = {
  createStream: 'streamCreated',
  updateStream: 'streamUpdated',
  deleteStream: 'streamDeleted',
  splitShard: 'shardSplit',
  mergeShards: 'shardsMerged',
  updateShardCount: 'streamScaled',
  resetGroup: 'groupReset',
  deleteGroup: 'groupDeleted',
  pauseGroup: 'groupPaused',
  registerConsumer: 'consumerRegistered',
  deregisterConsumer: 'consumerDeregistered',
  deleteDocument: 'documentDeleted',
  createToken: 'tokenCreated',
  revokeToken: 'tokenRevoked',
  createAccessKey: 'accessKeyCreated',
  revokeAccessKey: 'accessKeyRevoked',
  signingKey: 'signingKeyTold',
  updatePrincipal: 'principalUpdated',
  deletePrincipal: 'principalDeleted',
} as const satisfies Record<Managing, AuditEventName> & Partial<Record<OperationName, AuditEventName>>
