// The operations on items. Runs in the endpoint.
import { createHash } from 'node:crypto'
import { isEqual, type Item } from './attribute-value.ts'
import { invalid } from './dynamodb-error.ts'
import { parseCondition, type Condition } from './expressions/condition.ts'
import { keyOrder } from './expressions/legacy.ts'
import { itemWrite, placeholdersIn, returnedOf, type ItemWrite, type WriteKind } from './item-writes.ts'
import {
  itemIn,
  knownTable,
  listIn,
  numberIn,
  objectIn,
  required,
  storeOf,
  tableName,
  textIn,
  type LeaseBody,
  type LeaseCall,
} from './lease-call.ts'
import { keyItem, keyOf, type KeyElement, type TableDefinition } from './table-definition.ts'
import { itemDocument, itemPrefix } from './table-names.ts'
import { writeTogether } from './transaction.ts'

/** Bytes of items after which a page ends. */
const PAGE_BYTES_MAX = 1024 * 1024
const TRANSACTION_WRITES_MAX = 100

export async function getItem(call: LeaseCall): Promise<object> {
  const table = await knownTable(call, tableName(call.input))
  const key = keyOf(table, required(itemIn(call.input, 'Key'), 'Key'), false)
  const { item } = await storeOf(call).get(itemDocument(table.name, key))
  return item === undefined ? {} : { Item: item }
}

export const putItem = (call: LeaseCall): Promise<object> => writeItem(call, 'put')
export const updateItem = (call: LeaseCall): Promise<object> => writeItem(call, 'update')
export const deleteItem = (call: LeaseCall): Promise<object> => writeItem(call, 'delete')

async function writeItem(call: LeaseCall, kind: WriteKind): Promise<object> {
  const table = await knownTable(call, tableName(call.input))
  const write = itemWrite(table, kind, call.input)
  // Before anything is written.
  returnedOf(call.input, { before: undefined, after: undefined, names: write.names })
  const result = await storeOf(call).change(write.name, (item) => write.change(item))
  const told = returnedOf(call.input, { ...result, names: write.names })
  return told === undefined ? {} : { Attributes: told }
}

export async function transactWriteItems(call: LeaseCall): Promise<object> {
  const given = required(listIn(call.input, 'TransactItems'), 'TransactItems')
  if (given.length === 0 || given.length > TRANSACTION_WRITES_MAX) {
    throw invalid(`TransactItems has 1 to ${TRANSACTION_WRITES_MAX} members`)
  }
  const writes: ItemWrite[] = []
  for (const entry of given) writes.push(await transactionWrite(call, entry))
  if (new Set(writes.map(({ name }) => name)).size < writes.length) {
    throw invalid('Transaction request cannot include multiple operations on one item')
  }
  await writeTogether(storeOf(call), writes, call.now)
  return {}
}

const transactionKinds: Readonly<Record<string, WriteKind>> = {
  Put: 'put',
  Update: 'update',
  Delete: 'delete',
  ConditionCheck: 'check',
}

async function transactionWrite(call: LeaseCall, entry: LeaseBody): Promise<ItemWrite> {
  const [name = '', ...others] = Object.keys(entry)
  const kind = Object.hasOwn(transactionKinds, name) ? transactionKinds[name] : undefined
  if (kind === undefined || others.length > 0) {
    throw invalid('TransactItems can only contain one of Check, Put, Update or Delete')
  }
  const body = required(objectIn(entry, name), name)
  return itemWrite(await knownTable(call, tableName(body)), kind, body)
}

export async function scan(call: LeaseCall): Promise<object> {
  const { input } = call
  const total = numberIn(input, 'TotalSegments')
  const segment = numberIn(input, 'Segment')
  const isSegment = total !== undefined && segment !== undefined
  if ((total === undefined) !== (segment === undefined) || (isSegment && segment >= total)) {
    throw invalid('Segment and TotalSegments belong together, and Segment is less than TotalSegments')
  }
  const table = await knownTable(call, tableName(input))
  const schema = indexSchema(table, input)
  return page(call, table, {
    schema,
    isWanted: (name, item) => hasKey(item, schema) && (!isSegment || segmentOf(name, total) === segment),
  })
}

export async function query(call: LeaseCall): Promise<object> {
  const { input } = call
  const table = await knownTable(call, tableName(input))
  const schema = indexSchema(table, input) ?? table.key
  const expression = required(textIn(input, 'KeyConditionExpression'), 'KeyConditionExpression')
  const condition = parseCondition(expression, placeholdersIn(input), 'KeyConditionExpression')
  const isBackwards = input['ScanIndexForward'] === false
  const range = schema.find(({ KeyType }) => KeyType === 'RANGE')?.AttributeName
  return page(call, table, {
    schema,
    isWanted: (_, item) => hasKey(item, schema) && condition(item),
    ...(range !== undefined && {
      order: (a: Item, b: Item) => (isBackwards ? -1 : 1) * keyOrder(a[range], b[range]),
    }),
  })
}

interface Selection {
  readonly schema: readonly KeyElement[] | undefined
  isWanted(name: string, item: Item): boolean
  readonly order?: (a: Item, b: Item) => number
}

/** One page of what is selected; those that the filter leaves out count for its size. */
async function page(call: LeaseCall, table: TableDefinition, selection: Selection): Promise<object> {
  const { input } = call
  const filter = filterIn(input)
  const limit = numberIn(input, 'Limit') ?? Infinity
  const selected: Item[] = []
  for await (const { name, item } of storeOf(call).list(itemPrefix(table.name))) {
    if (selection.isWanted(name, item)) selected.push(item)
  }
  if (selection.order !== undefined) selected.sort(selection.order)
  const rest = selected.slice(startOf(table, input, selected))
  let bytes = 0
  let count = 0
  for (const item of rest) {
    if (count >= limit || bytes > PAGE_BYTES_MAX) break
    bytes += JSON.stringify(item).length
    count++
  }
  const items = rest.slice(0, count).filter(filter)
  const last = rest[count - 1]
  const key = last && keyItem(last, table.key, selection.schema ?? [])
  return {
    ...(textIn(input, 'Select') !== 'COUNT' && { Items: items }),
    Count: items.length,
    ScannedCount: count,
    ...(count < rest.length && { LastEvaluatedKey: key }),
  }
}

/** Where a page begins: behind the item of the key. That item may be gone; those before it stay before it. */
function startOf(table: TableDefinition, input: LeaseBody, selected: readonly Item[]): number {
  const start = itemIn(input, 'ExclusiveStartKey')
  if (start === undefined) return 0
  const key = keyItem(start, table.key)
  keyOf(table, key, false)
  const at = selected.findIndex((item) => isEqual({ M: keyItem(item, table.key) }, { M: key }))
  if (at >= 0) return at + 1
  const name = itemDocument(table.name, keyOf(table, key, false))
  const behind = selected.findIndex((item) => itemDocument(table.name, keyOf(table, item, true)) > name)
  return behind < 0 ? selected.length : behind
}

function filterIn(input: LeaseBody): Condition {
  const expression = textIn(input, 'FilterExpression')
  if (expression === undefined) return () => true
  return parseCondition(expression, placeholdersIn(input), 'FilterExpression')
}

function indexSchema(table: TableDefinition, input: LeaseBody): readonly KeyElement[] | undefined {
  const name = textIn(input, 'IndexName')
  if (name === undefined) return undefined
  const index = table.indexes.find(({ IndexName }) => IndexName === name)
  if (index !== undefined) return index.KeySchema
  throw invalid(`The table does not have the specified index: ${name}`)
}

/** An index has the items that have its key. */
function hasKey(item: Item, schema: readonly KeyElement[] | undefined): boolean {
  return schema === undefined || schema.every(({ AttributeName }) => Object.hasOwn(item, AttributeName))
}

function segmentOf(name: string, total: number): number {
  return createHash('md5').update(name).digest().readUInt32BE() % total
}
