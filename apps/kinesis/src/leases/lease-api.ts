// The API of lease tables: the part of DynamoDB's that KCL calls, over documents of the broker. Runs in the endpoint.
// JSON 1.0, target `DynamoDB_20120810.`. A caller reaches what his grants on documents of the kind `kinesis-tables` let him reach.
import { MillraceError } from 'millrace'
import { errors as kinesisErrors, KinesisError } from '../model/errors.ts'
import type { EndpointParts } from '../parts.ts'
import type { WholeAnswer } from '../wire/answer.ts'
import { targetOf, type Api, type WireRequest } from '../wire/api.ts'
import { DynamoError, dynamoErrors } from './dynamodb-error.ts'
import {
  deleteItem,
  getItem,
  putItem,
  query,
  scan,
  transactWriteItems,
  updateItem,
} from './item-operations.ts'
import type { LeaseBody, LeaseCall } from './lease-call.ts'
import {
  createTable,
  deleteTable,
  describe,
  listTables,
  updateContinuousBackups,
  updateTable,
} from './table-operations.ts'

const TARGET_PREFIX = 'DynamoDB_20120810'
const CONTENT_TYPE = 'application/x-amz-json-1.0'

/** The operations that are served. */
export const leaseOperations = {
  CreateTable: createTable,
  DescribeTable: describe,
  UpdateTable: updateTable,
  DeleteTable: deleteTable,
  ListTables: listTables,
  UpdateContinuousBackups: updateContinuousBackups,
  GetItem: getItem,
  PutItem: putItem,
  UpdateItem: updateItem,
  DeleteItem: deleteItem,
  Query: query,
  Scan: scan,
  TransactWriteItems: transactWriteItems,
} as const satisfies Readonly<Record<string, (call: LeaseCall) => Promise<object>>>

/** Serves the lease tables of KCL. */
export function leaseApi({ settings, now, log }: Pick<EndpointParts, 'settings' | 'now' | 'log'>): Api {
  return {
    name: 'dynamodb',
    claims: (head) => targetOf(head).prefix === TARGET_PREFIX,
    refuse: serviceRefusal,
    serve: async (request) => {
      const { operation } = targetOf(request.head)
      try {
        const output = await serveOperation(request, operation, { account: settings.account, now })
        return { status: 200, contentType: CONTENT_TYPE, body: JSON.stringify(output) }
      } catch (error) {
        return refusal(error, operation, () =>
          log({ level: 'error', message: `${operation} failed.`, error, requestId: request.requestId }),
        )
      }
    },
  }
}

async function serveOperation(
  request: WireRequest,
  operation: string,
  parts: Pick<LeaseCall, 'account' | 'now'>,
): Promise<object> {
  const serve = Object.hasOwn(leaseOperations, operation)
    ? leaseOperations[operation as keyof typeof leaseOperations]
    : undefined
  const { caller, region } = await request.authenticate()
  if (serve === undefined) throw new DynamoError('UnknownOperationException', '')
  return serve({ ...parts, input: bodyOf(request.body), client: caller.client, region })
}

function bodyOf(bytes: Uint8Array): LeaseBody {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as LeaseBody
  } catch {
    // No JSON.
  }
  throw new DynamoError('SerializationException', 'The body is no JSON object.')
}

function refusal(error: unknown, operation: string, logged: () => void): WholeAnswer {
  if (error instanceof KinesisError) return serviceRefusal(error)
  const told = asDynamoError(error, operation)
  if (told.code === 'InternalServerError') logged()
  const type = `com.amazonaws.dynamodb.v20120810#${told.code}`
  return answer(dynamoErrors[told.code], type, told.message, told.details)
}

/** An error of the port, or of a signature. */
function serviceRefusal({ code, message }: KinesisError): WholeAnswer {
  return answer(kinesisErrors[code].status, `com.amazon.coral.service#${code}`, message)
}

/** What the service tells who writes an item that has no room: its model names no other limit there. */
const TOO_MANY_ITEMS = 'ItemCollectionSizeLimitExceededException'

const isOfItems = (operation: string): boolean => operation.includes('Item')

function asDynamoError(error: unknown, operation: string): DynamoError {
  if (error instanceof DynamoError) return error
  if (!MillraceError.is(error)) return new DynamoError('InternalServerError', 'Internal server error')
  switch (error.code) {
    case 'permissionDenied':
      return new DynamoError('AccessDeniedException', error.message)
    case 'limitExceeded':
      return new DynamoError(isOfItems(operation) ? TOO_MANY_ITEMS : 'LimitExceededException', error.message)
    case 'invalidArgument':
      return new DynamoError('ValidationException', error.message)
    default:
      return new DynamoError('InternalServerError', error.message)
  }
}

function answer(status: number, type: string, message: string, details: object = {}): WholeAnswer {
  return { status, contentType: CONTENT_TYPE, body: JSON.stringify({ __type: type, message, ...details }) }
}
