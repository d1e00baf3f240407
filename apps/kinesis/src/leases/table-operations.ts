// The operations on tables. Runs in the endpoint. A table is there when it is answered: there is nothing to wait for.
import { randomUUID } from 'node:crypto'
import { MillraceError } from 'millrace'
import { DynamoError, invalid } from './dynamodb-error.ts'
import {
  knownTable,
  listIn,
  numberIn,
  objectIn,
  required,
  tableName,
  tablesOf,
  textIn,
  type LeaseBody,
  type LeaseCall,
} from './lease-call.ts'
import {
  describeTable,
  type AttributeDefinition,
  type IndexDefinition,
  type KeyElement,
  type TableDefinition,
  type Throughput,
} from './table-definition.ts'
import { itemPrefix, tableDocument } from './table-names.ts'

const LIST_MAX = 100
const INDEXES_MAX = 20

export async function createTable(call: LeaseCall): Promise<object> {
  const { input, client, now } = call
  const name = tableName(input)
  const attributes = attributesIn(input)
  const table: TableDefinition = {
    name,
    id: randomUUID(),
    createdAt: now(),
    attributes,
    key: keyIn(input, attributes),
    indexes: (listIn(input, 'GlobalSecondaryIndexes') ?? []).map((index) => indexIn(index, attributes)),
    isOnDemand: textIn(input, 'BillingMode') === 'PAY_PER_REQUEST',
    throughput: throughputIn(input),
    isProtected: input['DeletionProtectionEnabled'] === true,
    tags: listIn(input, 'Tags') ?? [],
    hasBackups: false,
  }
  try {
    await tablesOf(client).put(tableDocument(name), table, { expectedVersion: 0 })
  } catch (error) {
    if (!MillraceError.is(error, 'versionConflict')) throw error
    throw new DynamoError('ResourceInUseException', `Table already exists: ${name}`)
  }
  return { TableDescription: describeTable(table, call) }
}

export async function describe(call: LeaseCall): Promise<object> {
  return { Table: describeTable(await knownTable(call, tableName(call.input)), call) }
}

/** Changes capacity and protection, and adds and removes indexes. */
export async function updateTable(call: LeaseCall): Promise<object> {
  const { input } = call
  const mode = textIn(input, 'BillingMode')
  const given = objectIn(input, 'ProvisionedThroughput')
  const isProtected = input['DeletionProtectionEnabled']
  const updated = await changed(call, (table) => {
    const attributes = mergedAttributes(table.attributes, attributesIn(input, false))
    return {
      ...table,
      attributes,
      indexes: (listIn(input, 'GlobalSecondaryIndexUpdates') ?? []).reduce(
        (indexes, update) => indexesAfter(indexes, update, attributes),
        table.indexes,
      ),
      ...(mode !== undefined && { isOnDemand: mode === 'PAY_PER_REQUEST' }),
      ...(given !== undefined && { throughput: throughputIn(input) }),
      ...(typeof isProtected === 'boolean' && { isProtected }),
    }
  })
  return { TableDescription: describeTable(updated, call) }
}

export async function deleteTable(call: LeaseCall): Promise<object> {
  const name = tableName(call.input)
  const table = await knownTable(call, name)
  if (table.isProtected) {
    throw invalid(
      `Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first. Table: ${name}`,
    )
  }
  // The items first: a table of the name that is made meanwhile begins empty.
  const items = call.client.documents(tablesOf(call.client).kind)
  for await (const { name: item } of items.list({ prefix: itemPrefix(name) })) await items.delete(item)
  await tablesOf(call.client).delete(tableDocument(name))
  return { TableDescription: describeTable(table, { ...call, status: 'DELETING' }) }
}

export async function listTables({ input, client }: LeaseCall): Promise<object> {
  const limit = Math.min(numberIn(input, 'Limit') ?? LIST_MAX, LIST_MAX)
  const after = textIn(input, 'ExclusiveStartTableName') ?? ''
  const names: string[] = []
  for await (const { name, value } of tablesOf(client).list()) {
    // Documents of items have a slash in their names.
    if (!name.includes('/') && value.name > after) names.push(value.name)
  }
  const page = names.sort().slice(0, limit)
  return { TableNames: page, ...(names.length > page.length && { LastEvaluatedTableName: page.at(-1) }) }
}

/** Noted and answered: the broker keeps no versions of a table. */
export async function updateContinuousBackups(call: LeaseCall): Promise<object> {
  const wanted = objectIn(call.input, 'PointInTimeRecoverySpecification')
  const hasBackups = wanted?.['PointInTimeRecoveryEnabled'] === true
  await changed(call, (table) => ({ ...table, hasBackups }))
  return {
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: hasBackups ? 'ENABLED' : 'DISABLED' },
    },
  }
}

async function changed(
  call: LeaseCall,
  change: (table: TableDefinition) => TableDefinition,
): Promise<TableDefinition> {
  const name = tableName(call.input)
  const known = await knownTable(call, name)
  const { value } = await tablesOf(call.client).update(tableDocument(name), (table) => change(table ?? known))
  return value
}

function indexesAfter(
  indexes: readonly IndexDefinition[],
  update: LeaseBody,
  attributes: readonly AttributeDefinition[],
): readonly IndexDefinition[] {
  const create = objectIn(update, 'Create')
  const remove = objectIn(update, 'Delete')
  if (create !== undefined) {
    const index = indexIn(create, attributes)
    if (indexes.some(({ IndexName }) => IndexName === index.IndexName)) {
      throw invalid(`One or more parameter values were invalid: Duplicate index name: ${index.IndexName}`)
    }
    if (indexes.length < INDEXES_MAX) return [...indexes, index]
    throw new DynamoError('LimitExceededException', `A table has ${INDEXES_MAX} indexes at most.`)
  }
  if (remove === undefined) return indexes
  const gone = textIn(remove, 'IndexName')
  if (indexes.some(({ IndexName }) => IndexName === gone)) {
    return indexes.filter(({ IndexName }) => IndexName !== gone)
  }
  throw new DynamoError('ResourceNotFoundException', 'Requested resource not found')
}

function indexIn(body: LeaseBody, attributes: readonly AttributeDefinition[]): IndexDefinition {
  return {
    IndexName: required(textIn(body, 'IndexName'), 'IndexName'),
    KeySchema: keyIn(body, attributes),
    Projection: objectIn(body, 'Projection') ?? { ProjectionType: 'ALL' },
  }
}

function keyIn(body: LeaseBody, attributes: readonly AttributeDefinition[]): readonly KeyElement[] {
  const key = required(listIn(body, 'KeySchema'), 'KeySchema') as readonly unknown[] as readonly KeyElement[]
  const kinds = key.map(({ KeyType }) => KeyType).join()
  if (kinds !== 'HASH' && kinds !== 'HASH,RANGE') {
    throw invalid(
      'Invalid KeySchema: The first KeySchemaElement is not a HASH key type, or there are others than one RANGE',
    )
  }
  const names = attributes.map(({ AttributeName }) => AttributeName)
  const unknown = key.find(({ AttributeName }) => !names.includes(AttributeName))
  if (unknown === undefined) return key
  throw invalid(
    `One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [${unknown.AttributeName}], AttributeDefinitions: [${names.join(', ')}]`,
  )
}

function attributesIn(body: LeaseBody, isRequired = true): readonly AttributeDefinition[] {
  const given = listIn(body, 'AttributeDefinitions')
  const attributes = isRequired ? required(given, 'AttributeDefinitions') : (given ?? [])
  const isRight = attributes.every(
    ({ AttributeName: name, AttributeType: type }) =>
      typeof name === 'string' && (type === 'S' || type === 'N' || type === 'B'),
  )
  if (isRight) return attributes as readonly unknown[] as readonly AttributeDefinition[]
  throw invalid(
    'AttributeDefinitions contains a definition without a name, or of another type than S, N or B',
  )
}

function mergedAttributes(
  known: readonly AttributeDefinition[],
  given: readonly AttributeDefinition[],
): readonly AttributeDefinition[] {
  const names = new Set(given.map(({ AttributeName }) => AttributeName))
  return [...known.filter(({ AttributeName }) => !names.has(AttributeName)), ...given]
}

function throughputIn(body: LeaseBody): Throughput {
  const given = objectIn(body, 'ProvisionedThroughput') ?? {}
  return {
    ReadCapacityUnits: numberIn(given, 'ReadCapacityUnits') ?? 0,
    WriteCapacityUnits: numberIn(given, 'WriteCapacityUnits') ?? 0,
  }
}
