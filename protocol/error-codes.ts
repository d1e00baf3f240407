// The table of error codes. Runs anywhere. Every code says whether the caller may retry, and whether the refused request
// can have had an effect. Ids are never reused.

/** When the same request may be sent again: never; after a pause; after fresh routing; on a new connection. */
export type Retry = 'never' | 'backoff' | 'reroute' | 'reconnect'

/** 'none' guarantees that nothing was written. */
export type SideEffects = 'none' | 'possible'

export interface ErrorCodeEntry {
  readonly id: number
  readonly retry: Retry
  readonly sideEffects: SideEffects
  readonly doc: string
}

export const errorCodes = {
  // Codes about the connection and the request in general.
  malformedFrame: {
    id: 1,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The bytes are not a frame of this protocol; the connection is closed.',
  },
  frameTooLarge: {
    id: 2,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The length prefix is above the limit; the connection is closed.',
  },
  unsupportedVersion: {
    id: 3,
    retry: 'never',
    sideEffects: 'none',
    doc: 'Client and broker share no protocol version.',
  },
  helloRequired: { id: 4, retry: 'never', sideEffects: 'none', doc: 'A connection must begin with hello.' },
  unknownOperation: {
    id: 5,
    retry: 'never',
    sideEffects: 'none',
    doc: 'This process does not serve the operation.',
  },
  invalidArgument: {
    id: 6,
    retry: 'never',
    sideEffects: 'none',
    doc: 'A field is missing, of the wrong kind, or out of its bounds.',
  },
  unavailable: {
    id: 7,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'The broker is starting, draining, or waiting for a restarted host; nothing was done.',
  },
  overloaded: {
    id: 8,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'A bounded queue is full; try again after the given time.',
  },
  outcomeUnknown: {
    id: 9,
    retry: 'backoff',
    sideEffects: 'possible',
    doc: 'A failure hit the request midway: it may or may not have taken effect.',
  },
  internal: {
    id: 10,
    retry: 'backoff',
    sideEffects: 'possible',
    doc: 'A defect of the broker; its log has the details.',
  },
  timedOut: {
    id: 11,
    retry: 'reconnect',
    sideEffects: 'possible',
    doc: 'The peer did not do its part before a deadline.',
  },
  // Codes that the client makes itself; they are never sent.
  connectionLost: {
    id: 12,
    retry: 'reconnect',
    sideEffects: 'possible',
    doc: 'The connection broke before the answer came.',
  },
  aborted: {
    id: 13,
    retry: 'never',
    sideEffects: 'possible',
    doc: "The caller's AbortSignal fired. For a record that was not sent, or was refused, the error's side effects are none.",
  },
  closed: { id: 14, retry: 'never', sideEffects: 'none', doc: 'The client, producer or reader was closed.' },
  codecFailed: {
    id: 15,
    retry: 'never',
    sideEffects: 'none',
    doc: "The client's payload codec could not encode, decode or validate a payload.",
  },
  // Codes about streams and shards.
  streamNotFound: { id: 16, retry: 'never', sideEffects: 'none', doc: 'No stream has this name.' },
  streamExists: { id: 17, retry: 'never', sideEffects: 'none', doc: 'A stream of this name exists already.' },
  streamBusy: {
    id: 18,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'The stream is being created, changed or deleted.',
  },
  limitExceeded: {
    id: 19,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The request would exceed a limit on streams, shards, subscriptions, consumers or documents.',
  },
  shardNotFound: {
    id: 20,
    retry: 'reroute',
    sideEffects: 'none',
    doc: 'The host does not serve the shard, or the stream does not have it (any more).',
  },
  shardClosed: {
    id: 21,
    retry: 'reroute',
    sideEffects: 'none',
    doc: 'The shard was split or merged; append to its children.',
  },
  hashKeyOutOfRange: {
    id: 22,
    retry: 'reroute',
    sideEffects: 'none',
    doc: "The batch holds a hash key outside the shard's range.",
  },
  // Codes about appending.
  corruptBatch: {
    id: 32,
    retry: 'never',
    sideEffects: 'none',
    doc: "The batch's checksum does not match its bytes.",
  },
  invalidBatch: {
    id: 33,
    retry: 'never',
    sideEffects: 'none',
    doc: "The batch's header or records contradict each other or exceed a limit.",
  },
  outOfOrderSequence: {
    id: 34,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'An earlier batch of the same producer is not stored.',
  },
  producerFenced: {
    id: 35,
    retry: 'never',
    sideEffects: 'none',
    doc: 'A newer epoch of this producer has written to the shard.',
  },
  duplicateTooOld: {
    id: 36,
    retry: 'never',
    sideEffects: 'possible',
    doc: 'A duplicate of a batch that was stored too long ago for the broker to still know its sequence number.',
  },
  provisionedThroughputExceeded: {
    id: 37,
    retry: 'backoff',
    sideEffects: 'none',
    doc: "The shard's limit is used up for now; try again after the given time.",
  },
  storageFull: {
    id: 38,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'Free disk space is below the floor; the broker still serves reads.',
  },
  sequenceReused: {
    id: 39,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The producer used these producer sequences for other content before; the earlier content is stored, this batch is not.',
  },
  producerUnproven: {
    id: 40,
    retry: 'never',
    sideEffects: 'none',
    doc: "The batch's producer id is not derived from the secret sent with the batch: use the id that belongs to the secret.",
  },
  tooManyProducers: {
    id: 41,
    retry: 'backoff',
    sideEffects: 'none',
    doc: "The shard's owner has no room for another producer, or this principal, session or address has used up its share of the room, or its quota.",
  },
  // A code that the client makes itself; it is never sent.
  recordExpired: {
    id: 42,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The producer could not have the record stored within its `recordTtlMs`.',
  },
  // Codes about reading.
  trimmed: {
    id: 48,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The position is below the trim horizon: those records have expired.',
  },
  invalidPosition: {
    id: 49,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The position is above the tail of the shard.',
  },
  corruptData: {
    id: 50,
    retry: 'never',
    sideEffects: 'none',
    doc: 'Stored bytes do not match their checksum.',
  },
  slowConsumer: {
    id: 51,
    retry: 'reconnect',
    sideEffects: 'none',
    doc: 'The subscriber did not receive in time the bytes that it had given credit for.',
  },
  subscriptionNotFound: {
    id: 52,
    retry: 'never',
    sideEffects: 'none',
    doc: 'This connection has no such subscription.',
  },
  // Codes that the reading client makes, which decodes batches.
  malformedBatch: {
    id: 53,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The batch has a valid checksum, but its records cannot be decoded: its producer wrote it so, and the disk is not at fault.',
  },
  codecUnavailable: {
    id: 54,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The records are compressed with a codec that this version of Node does not have; other versions of Node can read them.',
  },
  // Codes that clients make which encrypt and decrypt records.
  keyUnavailable: {
    id: 57,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The records are encrypted, and the client has no key of that id: it was given no keys, or the key was erased. Or there is no key to encrypt with.',
  },
  decryptionFailed: {
    id: 58,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The records do not decrypt with the key of their id: it is not the key that they were encrypted with, or their batch was changed.',
  },
  notEncrypted: {
    id: 59,
    retry: 'never',
    sideEffects: 'none',
    doc: "The records are not encrypted, and the client's `encryption.plaintext` refuses such records.",
  },
  keyProviderFailed: {
    id: 60,
    retry: 'backoff',
    sideEffects: 'none',
    doc: "The client's key provider threw an error or gave no answer in time; nothing was written, and no key is known to be erased.",
  },
  // Codes that any client makes.
  invalidAnswer: {
    id: 56,
    retry: 'never',
    sideEffects: 'possible',
    doc: 'The broker gave an answer that no sound broker gives: a page, a position, an acknowledgement or a routing that contradicts itself or what came before, or does not lead on.',
  },
  tlsFailed: { id: 61, retry: 'never', sideEffects: 'none', doc: 'TLS is missing, or cannot be trusted.' },
  // Codes about consumer groups.
  groupNotFound: { id: 64, retry: 'never', sideEffects: 'none', doc: 'No group has this name.' },
  groupInUse: {
    id: 65,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The group has members: stop them, or force the request.',
  },
  memberExists: {
    id: 66,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'Another process is a member of the group under this name, and its lease has not ended.',
  },
  memberNotFound: {
    id: 67,
    retry: 'never',
    sideEffects: 'none',
    doc: "The member's lease has ended, or the group was deleted: join again.",
  },
  leaseLost: {
    id: 68,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The shard is not assigned to the member, or not in this epoch: another member may process it by now.',
  },
  invalidCheckpoint: {
    id: 69,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The checkpoint lies before the one that is stored, beyond the tail, or in a shard that the group does not read.',
  },
  // Codes about registered consumers.
  consumerNotFound: {
    id: 80,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The stream has no registered consumer of this name (any more).',
  },
  consumerExists: {
    id: 81,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The stream has a registered consumer of this name already.',
  },
  consumerInUse: {
    id: 82,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'A subscription of this consumer to the shard began less than five seconds ago; try again after the given time.',
  },
  consumerDisplaced: {
    id: 83,
    retry: 'never',
    sideEffects: 'none',
    doc: 'Another subscription of this consumer to the shard has taken its place.',
  },
  // Codes about documents.
  documentNotFound: {
    id: 96,
    retry: 'never',
    sideEffects: 'none',
    doc: 'No document of this kind has this name.',
  },
  versionConflict: {
    id: 97,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The document does not have the version that the request expects; `currentVersion` says which one it has, 0 for none.',
  },
  // Codes about access.
  unauthenticated: {
    id: 112,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The broker wants to know who asks: there is no credential, or it is wrong, has expired or was revoked.',
  },
  permissionDenied: {
    id: 113,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The principal lacks a grant, which the message names.',
  },
  throttled: {
    id: 116,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'A quota of the principal or of its address is used up for now; try again after the given time.',
  },
  principalNotFound: { id: 114, retry: 'never', sideEffects: 'none', doc: 'No principal has this name.' },
  credentialNotFound: {
    id: 115,
    retry: 'never',
    sideEffects: 'none',
    doc: 'No token or access key has this id.',
  },
} as const satisfies Record<string, ErrorCodeEntry>

export type ErrorCode = keyof typeof errorCodes

/** Codes that any operation may fail with. */
export const universalErrors = [
  'invalidArgument',
  'unavailable',
  'overloaded',
  'internal',
  'outcomeUnknown',
  'helloRequired',
  'unknownOperation',
  'unauthenticated',
  'permissionDenied',
  'throttled',
] as const satisfies readonly ErrorCode[]

const codeById = new Map<number, ErrorCode>(
  Object.entries(errorCodes).map(([code, entry]) => [entry.id, code as ErrorCode]),
)

/** The code of a wire id. An unknown id, from a newer peer, reads as `internal`, the most cautious code. */
export function errorCodeOf(id: number): ErrorCode {
  return codeById.get(id) ?? 'internal'
}
