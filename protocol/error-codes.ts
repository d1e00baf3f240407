// The one table of what can go wrong. Runs anywhere. Every code answers two questions that a caller acts on:
// may I retry, and can the refused request have had an effect? Ids are never reused.

/** What a caller may do: never again as it is; again later; again after fresh routing; again on a new connection. */
export type Retry = 'never' | 'backoff' | 'reroute' | 'reconnect'

/** 'none' is a promise that nothing was written. */
export type SideEffects = 'none' | 'possible'

export interface ErrorCodeEntry {
  readonly id: number
  readonly retry: Retry
  readonly sideEffects: SideEffects
  readonly doc: string
}

export const errorCodes = {
  // The connection and the request as such.
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
  helloRequired: {
    id: 4,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The first request on a connection must be hello.',
  },
  unknownOperation: {
    id: 5,
    retry: 'never',
    sideEffects: 'none',
    doc: 'This process does not serve that operation.',
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
    doc: 'Starting, draining, or waiting for a restarted host; nothing was done.',
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
  // Made by the client itself, never sent.
  connectionLost: {
    id: 12,
    retry: 'reconnect',
    sideEffects: 'possible',
    doc: 'The connection broke before the answer came.',
  },
  aborted: { id: 13, retry: 'never', sideEffects: 'possible', doc: "The caller's AbortSignal fired." },
  closed: { id: 14, retry: 'never', sideEffects: 'none', doc: 'The client, producer or reader was closed.' },
  codecFailed: {
    id: 15,
    retry: 'never',
    sideEffects: 'none',
    doc: 'A payload could not be encoded, decoded or validated by the codec given.',
  },
  // Streams and shards.
  streamNotFound: { id: 16, retry: 'never', sideEffects: 'none', doc: 'No stream of that name.' },
  streamExists: { id: 17, retry: 'never', sideEffects: 'none', doc: 'A stream of that name exists.' },
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
    doc: 'A limit on streams, shards or subscriptions would be passed.',
  },
  shardNotFound: {
    id: 20,
    retry: 'reroute',
    sideEffects: 'none',
    doc: 'The host does not serve that shard, or the stream does not have it (any more).',
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
  // Appending.
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
    doc: "The batch's header or its records contradict themselves or a limit.",
  },
  outOfOrderSequence: {
    id: 34,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'A batch before this one, of the same producer, is not stored.',
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
    doc: 'A duplicate of a batch that was stored too long ago to name its sequence number.',
  },
  provisionedThroughputExceeded: {
    id: 37,
    retry: 'backoff',
    sideEffects: 'none',
    doc: "The shard's own limit is used up for now.",
  },
  storageFull: {
    id: 38,
    retry: 'backoff',
    sideEffects: 'none',
    doc: 'Free disk space is below the floor; reads go on.',
  },
  sequenceReused: {
    id: 39,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The producer gave these sequence numbers to other content before: that is stored, and this is not.',
  },
  producerUnproven: {
    id: 40,
    retry: 'never',
    sideEffects: 'none',
    doc: "The secret that came with the batch is not the one that its producer id belongs to: use an id and a secret of one's own.",
  },
  tooManyProducers: {
    id: 41,
    retry: 'backoff',
    sideEffects: 'none',
    doc: "The shard's owner remembers as many producers as it can, or as many of this session or address as their share.",
  },
  // Reading.
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
    doc: 'The subscriber did not take what it had given credit for in time.',
  },
  subscriptionNotFound: {
    id: 52,
    retry: 'never',
    sideEffects: 'none',
    doc: 'No such subscription on this connection.',
  },
  // Made by the reading client, which takes batches apart.
  malformedBatch: {
    id: 53,
    retry: 'never',
    sideEffects: 'none',
    doc: 'A batch whose checksum is right has records that no reader can take apart: its producer wrote it so, no disk is at fault.',
  },
  codecUnavailable: {
    id: 54,
    retry: 'never',
    sideEffects: 'none',
    doc: 'The records are compressed with a codec that this version of Node does not have; another one reads them.',
  },
} as const satisfies Record<string, ErrorCodeEntry>

export type ErrorCode = keyof typeof errorCodes

/** Any operation may fail with these. */
export const universalErrors = [
  'invalidArgument',
  'unavailable',
  'overloaded',
  'internal',
  'outcomeUnknown',
  'helloRequired',
  'unknownOperation',
] as const satisfies readonly ErrorCode[]

const codeById = new Map<number, ErrorCode>(
  Object.entries(errorCodes).map(([code, entry]) => [entry.id, code as ErrorCode]),
)

/** The code of a wire id. An id from a newer peer reads as `internal`, whose meaning is the most careful one. */
export function errorCodeOf(id: number): ErrorCode {
  return codeById.get(id) ?? 'internal'
}
