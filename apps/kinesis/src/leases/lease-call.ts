// One request to the lease tables, and what its handlers share: reading members of its body, and finding its table. Runs in the
// endpoint.
import type { Client, Documents } from 'millrace'
import { isAttributeValue, isItem, normalItem, type Item } from './attribute-value.ts'
import { DynamoError, invalid } from './dynamodb-error.ts'
import { ItemStore } from './item-store.ts'
import type { TableDefinition } from './table-definition.ts'
import { tableDocument, TABLES_KIND } from './table-names.ts'

/** A JSON object. */
export type LeaseBody = Readonly<Record<string, unknown>>

export interface LeaseCall {
  readonly input: LeaseBody
  readonly client: Client
  readonly region: string
  readonly account: string
  now(): number
}

const NAME = /^[a-zA-Z0-9_.-]{3,255}$/

/** The documents of tables; those of items have the same kind. */
export function tablesOf(client: Client): Documents<TableDefinition> {
  return client.documents<TableDefinition>(TABLES_KIND)
}

export function storeOf({ client, now }: LeaseCall): ItemStore {
  return new ItemStore(client, now)
}

/** The table that a body names: its name, or its ARN. */
export function tableName(body: LeaseBody): string {
  const given = body['TableName']
  const name = typeof given === 'string' ? (/^arn:[^/]*:table\/(.*)$/.exec(given)?.[1] ?? given) : undefined
  if (name !== undefined && NAME.test(name)) return name
  throw invalid(
    'TableName must be at least 3 characters long and at most 255 characters long, of a-z, A-Z, 0-9, _, - and .',
  )
}

/** The definition of a table that there is. Throws ResourceNotFoundException. */
export async function knownTable({ client }: LeaseCall, name: string): Promise<TableDefinition> {
  const found = await tablesOf(client).get(tableDocument(name))
  if (found !== undefined) return found.value
  throw new DynamoError('ResourceNotFoundException', `Requested resource not found: Table: ${name} not found`)
}

export function textIn(body: LeaseBody, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined
  throw wrongType(name)
}

export function numberIn(body: LeaseBody, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw wrongType(name)
}

export function objectIn(body: LeaseBody, name: string): LeaseBody | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'object' && !Array.isArray(value)) return value as LeaseBody
  throw wrongType(name)
}

export function listIn(body: LeaseBody, name: string): readonly LeaseBody[] | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'object' && entry !== null)) {
    return value as readonly LeaseBody[]
  }
  throw wrongType(name)
}

/** An item or a key. Throws ValidationException for values that are none. */
export function itemIn(body: LeaseBody, name: string): Item | undefined {
  const value = objectIn(body, name)
  if (value === undefined) return undefined
  if (isItem(value)) return normalItem(value)
  const wrong = Object.keys(value).find((member) => !isAttributeValue(value[member]))
  throw invalid(
    `Supplied AttributeValue of ${wrong} is empty, or has several types, or is no value of its type`,
  )
}

export function required<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value
  throw invalid(`The parameter '${name}' is required but was not present in the request`)
}

function wrongType(name: string): DynamoError {
  return new DynamoError('SerializationException', `${name} has another type.`)
}
