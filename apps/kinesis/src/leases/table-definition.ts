// Tables: what is kept of each, and how it is described. Pure.
import type { AttributeType, AttributeValue, Item } from './attribute-value.ts'
import { typeOf } from './attribute-value.ts'
import { invalid } from './dynamodb-error.ts'

export interface KeyElement {
  readonly AttributeName: string
  readonly KeyType: 'HASH' | 'RANGE'
}

export interface AttributeDefinition {
  readonly AttributeName: string
  readonly AttributeType: 'S' | 'N' | 'B'
}

export interface IndexDefinition {
  readonly IndexName: string
  readonly KeySchema: readonly KeyElement[]
  readonly Projection: unknown
}

/** What is kept of a table. */
export interface TableDefinition {
  readonly name: string
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly attributes: readonly AttributeDefinition[]
  readonly key: readonly KeyElement[]
  readonly indexes: readonly IndexDefinition[]
  readonly isOnDemand: boolean
  readonly throughput: Throughput
  readonly isProtected: boolean
  readonly tags: readonly unknown[]
  readonly hasBackups: boolean
}

export interface Throughput {
  readonly ReadCapacityUnits: number
  readonly WriteCapacityUnits: number
}

export function describeTable(
  table: TableDefinition,
  {
    region,
    account,
    status = 'ACTIVE',
  }: { readonly region: string; readonly account: string; readonly status?: string },
): object {
  const arn = `arn:aws:dynamodb:${region}:${account}:table/${table.name}`
  const throughput = { ...table.throughput, NumberOfDecreasesToday: 0 }
  return {
    TableName: table.name,
    TableStatus: status,
    TableArn: arn,
    TableId: table.id,
    CreationDateTime: table.createdAt / 1000,
    AttributeDefinitions: table.attributes,
    KeySchema: table.key,
    ProvisionedThroughput: throughput,
    ...(table.isOnDemand && { BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' } }),
    ...(table.indexes.length > 0 && {
      GlobalSecondaryIndexes: table.indexes.map((index) => ({
        ...index,
        IndexStatus: 'ACTIVE',
        IndexArn: `${arn}/index/${index.IndexName}`,
        ProvisionedThroughput: throughput,
        IndexSizeBytes: 0,
        ItemCount: 0,
      })),
    }),
    DeletionProtectionEnabled: table.isProtected,
    TableSizeBytes: 0,
    ItemCount: 0,
  }
}

/** The values of the table's key in an item. Throws ValidationException where one is missing or of another type. */
export function keyOf(table: TableDefinition, item: Item, isWhole: boolean): readonly AttributeValue[] {
  const names = table.key.map(({ AttributeName }) => AttributeName)
  const isKeyAlone = Object.keys(item).length === names.length
  if (!isWhole && !isKeyAlone) throw invalid('The provided key element does not match the schema')
  return names.map((name) => {
    const value = Object.hasOwn(item, name) ? item[name] : undefined
    const type = attributeType(table, name)
    if (value === undefined) {
      throw invalid(
        isWhole
          ? `One or more parameter values were invalid: Missing the key ${name} in the item`
          : 'The provided key element does not match the schema',
      )
    }
    if (typeOf(value) !== type) {
      throw invalid(
        isWhole
          ? `One or more parameter values were invalid: Type mismatch for key ${name} expected: ${type} actual: ${typeOf(value)}`
          : 'The provided key element does not match the schema',
      )
    }
    if ('S' in value && value.S === '') {
      throw invalid(
        `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: ${name}`,
      )
    }
    return value
  })
}

/** The members of an item that are its key, and the key of an index. */
export function keyItem(item: Item, ...schemas: readonly (readonly KeyElement[])[]): Item {
  const names = new Set(schemas.flat().map(({ AttributeName }) => AttributeName))
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name)))
}

export function attributeType(table: TableDefinition, name: string): AttributeType | undefined {
  return table.attributes.find(({ AttributeName }) => AttributeName === name)?.AttributeType
}
