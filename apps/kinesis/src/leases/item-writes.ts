// Writes of single items, from the members of a request: which item, under which condition, and to what. Pure but for reading the
// table's definition. PutItem, UpdateItem, DeleteItem and the writes of a transaction are made of them.
import type { Item } from './attribute-value.ts'
import { conditionFailed, invalid } from './dynamodb-error.ts'
import { parseCondition, type Condition } from './expressions/condition.ts'
import {
  conditionOfExpected,
  updateOfAttributes,
  type AttributeUpdate,
  type Expectation,
} from './expressions/legacy.ts'
import type { Placeholders } from './expressions/operands.ts'
import { parseUpdate, type Update } from './expressions/update.ts'
import { itemIn, objectIn, required, textIn, type LeaseBody } from './lease-call.ts'
import { keyItem, keyOf, type TableDefinition } from './table-definition.ts'
import { itemDocument } from './table-names.ts'
import type { TransactionWrite } from './transaction.ts'

export type WriteKind = 'put' | 'update' | 'delete' | 'check'

/** A write, and what its answer may tell. */
export interface ItemWrite extends TransactionWrite {
  /** Of an update: the attributes that it changes. */
  readonly names: ReadonlySet<string>
}

/** Bytes of an item, about; the broker's documents hold less than the service's items. */
const ITEM_BYTES_MAX = 200 * 1024

const always: Condition = () => true

/** Throws ValidationException for a request that is none. */
export function itemWrite(table: TableDefinition, kind: WriteKind, body: LeaseBody): ItemWrite {
  const condition = conditionOf(body)
  const given = kind === 'put' ? required(itemIn(body, 'Item'), 'Item') : required(itemIn(body, 'Key'), 'Key')
  const name = itemDocument(table.name, keyOf(table, given, kind === 'put'))
  const update = kind === 'update' ? updateIn(body, table) : undefined
  const tellsOld = textIn(body, 'ReturnValuesOnConditionCheckFailure') === 'ALL_OLD'
  return {
    name,
    names: update?.names ?? new Set(),
    change(item) {
      if (!condition(item ?? {})) throw conditionFailed(tellsOld ? item : undefined)
      if (kind === 'delete') return undefined
      if (kind === 'check') return item
      const after = kind === 'put' ? given : update!.apply(item ?? given)
      checkIndexes(table, after)
      if (JSON.stringify(after).length <= ITEM_BYTES_MAX) return after
      throw invalid('Item size has exceeded the maximum allowed size')
    },
  }
}

/** What `ReturnValues` asks to be told of a write; undefined for nothing. */
export function returnedOf(
  body: LeaseBody,
  {
    before,
    after,
    names,
  }: { readonly before: Item | undefined; readonly after: Item | undefined } & Pick<ItemWrite, 'names'>,
): Item | undefined {
  const only = (item: Item | undefined) =>
    item && Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name)))
  switch (textIn(body, 'ReturnValues') ?? 'NONE') {
    case 'NONE':
      return undefined
    case 'ALL_OLD':
      return before
    case 'ALL_NEW':
      return after
    case 'UPDATED_OLD':
      return only(before)
    case 'UPDATED_NEW':
      return only(after)
    default:
      throw invalid('ReturnValues is none of NONE, ALL_OLD, ALL_NEW, UPDATED_OLD, UPDATED_NEW')
  }
}

export function placeholdersIn(body: LeaseBody): Placeholders {
  const names = objectIn(body, 'ExpressionAttributeNames') ?? {}
  if (!Object.values(names).every((name) => typeof name === 'string')) {
    throw invalid('ExpressionAttributeNames contains invalid value')
  }
  return {
    names: names as Readonly<Record<string, string>>,
    values: itemIn(body, 'ExpressionAttributeValues') ?? {},
  }
}

function conditionOf(body: LeaseBody): Condition {
  const expression = textIn(body, 'ConditionExpression')
  const expected = objectIn(body, 'Expected')
  if (expression !== undefined && expected !== undefined) throw mixed('Expected', 'ConditionExpression')
  if (expression !== undefined) return parseCondition(expression, placeholdersIn(body), 'ConditionExpression')
  if (expected === undefined) return always
  return conditionOfExpected(
    expected as Readonly<Record<string, Expectation>>,
    textIn(body, 'ConditionalOperator'),
  )
}

function updateIn(body: LeaseBody, table: TableDefinition): Update {
  const expression = textIn(body, 'UpdateExpression')
  const attributes = objectIn(body, 'AttributeUpdates')
  if (expression !== undefined && attributes !== undefined)
    throw mixed('AttributeUpdates', 'UpdateExpression')
  const update =
    expression === undefined
      ? updateOfAttributes((attributes ?? {}) as Readonly<Record<string, AttributeUpdate>>)
      : parseUpdate(expression, placeholdersIn(body))
  const keyName = table.key.find(({ AttributeName }) => update.names.has(AttributeName))?.AttributeName
  if (keyName === undefined) return update
  throw invalid(
    `One or more parameter values were invalid: Cannot update attribute ${keyName}. This attribute is part of the key`,
  )
}

/** An attribute that is the key of an index has that key's type. */
function checkIndexes(table: TableDefinition, item: Item): void {
  for (const { IndexName, KeySchema } of table.indexes) {
    for (const [name, value] of Object.entries(keyItem(item, KeySchema))) {
      const type = table.attributes.find(({ AttributeName }) => AttributeName === name)?.AttributeType
      if (type === undefined || type in value) continue
      throw invalid(
        `One or more parameter values were invalid: Type mismatch for Index Key ${name} Expected: ${type} Actual: ${Object.keys(value)[0]} IndexName: ${IndexName}`,
      )
    }
  }
}

function mixed(legacy: string, expression: string): Error {
  return invalid(
    `Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {${legacy}} Expression parameters: {${expression}}`,
  )
}
