// What an error of S3, of the network or of the credentials means to a delivery, and what its operator has to do. Pure.
import { DeliveryFault, type FaultCode } from '../../errors/delivery-fault.ts'

/** Where a request went: faults name it. */
export interface S3Place {
  readonly bucket: string
  /** Url of the server; undefined: AWS. */
  readonly endpoint: string | undefined
}

interface Row {
  readonly code: FaultCode
  readonly retry: boolean
  /** A sentence that ends by what to do. */
  readonly text: (place: S3Place, error: S3Error) => string
}

/** What is read of an error, whoever made it. */
interface S3Error {
  readonly name: string
  readonly message: string
  /** Node's: `ECONNREFUSED`. */
  readonly code?: string
  readonly status?: number
  /** Region that the bucket is in, where the server says it. */
  readonly region?: string
}

const serverOf = ({ endpoint }: S3Place): string => endpoint ?? 'S3'

const noBucket: Row = {
  code: 'missing',
  retry: false,
  text: (place) =>
    `${serverOf(place)} has no bucket ${place.bucket}: create it, or name another by an update of the delivery.`,
}
const notAllowed: Row = {
  code: 'denied',
  retry: false,
  text: ({ bucket }) =>
    `Access to the bucket ${bucket} is denied: allow s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListBucket and s3:ListBucketMultipartUploads on it and its objects.`,
}
const unknownKey: Row = {
  code: 'denied',
  retry: false,
  text: (place) => `${serverOf(place)} does not know the access key: give the delivery valid credentials.`,
}
const expired: Row = {
  code: 'denied',
  // Credentials of the surroundings are renewed by others, while the delivery waits.
  retry: true,
  text: () =>
    'The credentials have expired: renew those of the environment in which the delivery runs, or give the delivery credentials of its own.',
}
const noCredentials: Row = {
  code: 'denied',
  retry: true,
  text: (_place, { message }) =>
    `No credentials were found (${message}): set them in the environment in which the delivery runs (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role), or in the delivery.`,
}
const wrongRegion: Row = {
  code: 'refused',
  retry: false,
  text: ({ bucket }, { region }) =>
    region === undefined
      ? `The bucket ${bucket} is in another region: name its region by an update of the delivery.`
      : `The bucket ${bucket} is in the region ${region}: name it by an update of the delivery.`,
}
const throttled: Row = {
  code: 'throttled',
  retry: true,
  text: (place) => `${serverOf(place)} asks to slow down; it is tried again.`,
}
const full: Row = {
  code: 'full',
  retry: true,
  text: (place, { message }) => `${serverOf(place)} has no room (${message}): make room, or raise the quota.`,
}
const damaged: Row = {
  code: 'unreachable',
  retry: true,
  text: (place, { message }) =>
    `${serverOf(place)} got other bytes than were sent (${message}); it is tried again.`,
}
const skewed: Row = {
  code: 'denied',
  retry: true,
  text: (place) =>
    `The clock of this machine differs too much from that of ${serverOf(place)}: set the clock.`,
}
const failing: Row = {
  code: 'unreachable',
  retry: true,
  text: (place, { name, message }) => `${serverOf(place)} fails (${name}: ${message}); it is tried again.`,
}
const refused: Row = {
  code: 'refused',
  retry: false,
  text: (place, { name, message }) => `${serverOf(place)} refuses the request (${name}: ${message}).`,
}
const noConnection: Row = {
  code: 'unreachable',
  retry: true,
  text: (place, { code, message }) =>
    `${serverOf(place)} cannot be reached (${code ?? message}); it is tried again.`,
}
const silent: Row = {
  code: 'unreachable',
  retry: true,
  text: (place) => `${serverOf(place)} does not answer in time; it is tried again.`,
}
const untrusted: Row = {
  code: 'unreachable',
  retry: true,
  text: (place, { code }) =>
    `The certificate of ${serverOf(place)} is not trusted (${code}): name the file of its authority in NODE_EXTRA_CA_CERTS where the delivery runs.`,
}

/** By the names that servers and the SDK give. */
const rows: Readonly<Record<string, Row>> = {
  NoSuchBucket: noBucket,
  NotFound: noBucket,
  AccessDenied: notAllowed,
  AllAccessDisabled: notAllowed,
  AccountProblem: notAllowed,
  Forbidden: notAllowed,
  InvalidAccessKeyId: unknownKey,
  XAdminUserNotFound: unknownKey,
  SignatureDoesNotMatch: unknownKey,
  InvalidToken: expired,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  CredentialsProviderError: noCredentials,
  TokenProviderError: noCredentials,
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  SlowDown: throttled,
  SlowDownRead: throttled,
  SlowDownWrite: throttled,
  ServiceUnavailable: throttled,
  Throttling: throttled,
  ThrottlingException: throttled,
  TooManyRequests: throttled,
  RequestLimitExceeded: throttled,
  QuotaExceeded: full,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  BadDigest: damaged,
  InvalidDigest: damaged,
  IncompleteBody: damaged,
  XAmzContentSHA256Mismatch: damaged,
  InvalidPart: damaged,
  NoSuchUpload: failing,
  OperationAborted: failing,
  RequestTimeTooSkewed: skewed,
  RequestTimeout: silent,
  TimeoutError: silent,
}

const rowsOfStatus: Readonly<Record<number, Row>> = {
  301: wrongRegion,
  307: wrongRegion,
  401: unknownKey,
  403: notAllowed,
  408: silent,
  429: throttled,
  503: throttled,
  507: full,
}

/** The fault that an error of the SDK is. Errors that are none of S3, the network or the credentials are returned as they are. */
export function s3Fault(error: unknown, place: S3Place): unknown {
  if (!(error instanceof Error) || error instanceof DeliveryFault) return error
  const read = readError(error)
  const row = rowOf(read)
  return row === undefined
    ? error
    : new DeliveryFault(row.code, row.text(place, read), { retry: row.retry, cause: error })
}

/** The fault for an object that is to be read, and is not there. */
export function noSuchObject(key: string, { bucket }: S3Place): DeliveryFault {
  return new DeliveryFault('missing', `The bucket ${bucket} has no object ${key}.`, { retry: false })
}

/** Whether an error has this name. */
export const isNamed = (error: unknown, name: string): boolean =>
  error instanceof Error && error.name === name

function rowOf(error: S3Error): Row | undefined {
  if (Object.hasOwn(rows, error.name)) return rows[error.name]
  const { code, status } = error
  if (status !== undefined && status >= 300) {
    return rowsOfStatus[status] ?? (status >= 500 ? failing : refused)
  }
  if (code !== undefined) return /CERT|SELF_SIGNED|SIGNATURE|ISSUER/.test(code) ? untrusted : noConnection
  // An answer that was accepted, and cannot be read: it was cut off, or is not one of S3.
  return status === undefined ? undefined : failing
}

function readError(error: Error): S3Error {
  const { $metadata, $response, Region, code } = error as Error & {
    readonly $metadata?: { readonly httpStatusCode?: number }
    readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
    readonly Region?: string
    readonly code?: unknown
  }
  const status = $metadata?.httpStatusCode ?? $response?.statusCode
  const region = $response?.headers?.['x-amz-bucket-region'] ?? Region
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(status !== undefined && { status }),
    ...(region !== undefined && { region }),
  }
}
