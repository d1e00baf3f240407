// What a refusal of the broker is to a client of the API: the one table, and the texts that the service uses. Pure.
import { MillraceError, type ErrorCode } from 'millrace'
import { streamArn } from './identifiers/arn.ts'
import { KinesisError, type ErrorName } from './model/errors.ts'
import type { OperationName } from './model/operations.ts'

/** What a refusal is about: texts name it. */
export interface ErrorPlace {
  readonly operation: OperationName
  readonly region: string
  readonly account: string
  readonly principal: string | undefined
  readonly stream?: string | undefined
  /** The resource, where it is not the stream. */
  readonly arn?: string | undefined
}

interface Row {
  readonly error: ErrorName
  /** The service's own text; without one, the broker's sentence is told. */
  readonly text?: (place: ErrorPlace, error: MillraceError) => string
}

const ofStream = ({ stream, account }: ErrorPlace): string =>
  `Stream ${stream ?? ''} under account ${account}`
const failed: Row = { error: 'InternalFailureException' }
const unavailable: Row = { error: 'ServiceUnavailableException' }
const refused: Row = { error: 'InvalidArgumentException' }

/** A code that no request of an endpoint can meet is a failure of the endpoint. */
const rows: Readonly<Record<ErrorCode, Row>> = {
  streamNotFound: { error: 'ResourceNotFoundException', text: (place) => `${ofStream(place)} not found.` },
  streamExists: { error: 'ResourceInUseException', text: (place) => `${ofStream(place)} already exists.` },
  streamBusy: {
    error: 'ResourceInUseException',
    text: (place) => `${ofStream(place)} not ACTIVE, instead in state UPDATING`,
  },
  limitExceeded: { error: 'LimitExceededException' },
  invalidArgument: refused,
  invalidPosition: refused,
  trimmed: refused,
  shardNotFound: { error: 'ResourceNotFoundException' },
  consumerNotFound: { error: 'ResourceNotFoundException' },
  consumerExists: { error: 'ResourceInUseException' },
  consumerInUse: { error: 'ResourceInUseException' },
  consumerDisplaced: { error: 'ResourceInUseException' },
  provisionedThroughputExceeded: {
    error: 'ProvisionedThroughputExceededException',
    text: ({ stream, account }, { shardId, message }) =>
      shardId === undefined || stream === undefined
        ? message
        : `Rate exceeded for shard ${shardId} in stream ${stream} under account ${account}.`,
  },
  throttled: { error: 'LimitExceededException' },
  permissionDenied: { error: 'AccessDeniedException', text: notAuthorized },
  // SDKs try again after these two.
  unavailable,
  overloaded: unavailable,
  storageFull: unavailable,
  tooManyProducers: unavailable,
  closed: unavailable,
  aborted: failed,
  outcomeUnknown: failed,
  internal: failed,
  timedOut: failed,
  connectionLost: failed,
  invalidAnswer: failed,
  corruptData: failed,
  malformedBatch: failed,
  codecUnavailable: failed,
  keyUnavailable: failed,
  decryptionFailed: failed,
  notEncrypted: failed,
  keyProviderFailed: failed,
  unauthenticated: failed,
  // The caller was deleted a moment ago.
  principalNotFound: {
    error: 'UnrecognizedClientException',
    text: () => 'The security token included in the request is invalid.',
  },
  credentialNotFound: failed,
  malformedFrame: failed,
  frameTooLarge: failed,
  unsupportedVersion: failed,
  helloRequired: failed,
  unknownOperation: failed,
  codecFailed: failed,
  shardClosed: failed,
  hashKeyOutOfRange: failed,
  corruptBatch: failed,
  invalidBatch: failed,
  outOfOrderSequence: failed,
  producerFenced: failed,
  duplicateTooOld: failed,
  sequenceReused: failed,
  producerUnproven: failed,
  recordExpired: failed,
  slowConsumer: failed,
  subscriptionNotFound: failed,
  tlsFailed: failed,
  groupNotFound: failed,
  groupInUse: failed,
  memberExists: failed,
  memberNotFound: failed,
  leaseLost: failed,
  invalidCheckpoint: failed,
  documentNotFound: failed,
  versionConflict: failed,
}

/** The error that answers a refusal of the broker; anything else is returned as it is. */
export function asKinesisError(error: unknown, place: ErrorPlace): unknown {
  if (!MillraceError.is(error)) return error
  const row = Object.hasOwn(rows, error.code) ? rows[error.code] : failed
  return new KinesisError(row.error, row.text?.(place, error) ?? error.message, { cause: error })
}

/** Does the work; a refusal of the broker becomes the error that answers it. */
export async function translated<T>(place: ErrorPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asKinesisError(error, place)
  }
}

/** The refusal of a caller who may see a stream, and not do this to it. */
export function accessDenied(place: ErrorPlace): KinesisError {
  return new KinesisError('AccessDeniedException', notAuthorized(place))
}

/** The refusal for a stream that does not exist, or that the caller may not see. */
export function streamNotFound(place: ErrorPlace): KinesisError {
  return new KinesisError('ResourceNotFoundException', `${ofStream(place)} not found.`)
}

function notAuthorized({ operation, region, account, principal, stream, arn }: ErrorPlace): string {
  const user = `arn:aws:iam::${account}:user/${principal ?? 'anonymous'}`
  const resource = arn ?? (stream === undefined ? '*' : streamArn({ region, account, name: stream }))
  return (
    `User: ${user} is not authorized to perform: kinesis:${operation} on resource: ${resource} ` +
    `because no identity-based policy allows the kinesis:${operation} action`
  )
}
