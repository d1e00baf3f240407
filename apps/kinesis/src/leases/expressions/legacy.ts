// Conditions and updates in the form that came before expressions, which KCL uses: `Expected` and `AttributeUpdates`. Pure.
import { compared, typeOf, type AttributeValue, type Item } from '../attribute-value.ts'
import { invalid } from '../dynamodb-error.ts'
import { beginsWith, contains, isOrdered, type Condition } from './condition.ts'
import { added, updateOf, without, type Update } from './update.ts'

/** What one attribute has to be. */
export interface Expectation {
  readonly Value?: AttributeValue
  readonly Exists?: boolean
  readonly ComparisonOperator?: string
  readonly AttributeValueList?: readonly AttributeValue[]
}

export interface AttributeUpdate {
  readonly Value?: AttributeValue
  readonly Action?: string
}

export function conditionOfExpected(
  expected: Readonly<Record<string, Expectation>>,
  operator: string | undefined,
): Condition {
  const conditions = Object.entries(expected).map(([name, expectation]) => {
    const holds = holdsFor(name, expectation)
    return (item: Item) => holds(Object.hasOwn(item, name) ? item[name] : undefined)
  })
  return operator === 'OR'
    ? (item) => conditions.some((condition) => condition(item))
    : (item) => conditions.every((condition) => condition(item))
}

type Holds = (value: AttributeValue | undefined) => boolean

function holdsFor(name: string, expectation: Expectation): Holds {
  const {
    Value: value,
    Exists: exists,
    ComparisonOperator: operator,
    AttributeValueList: list = [],
  } = expectation
  if (operator === undefined) {
    if (exists === false) {
      if (value === undefined) return (found) => found === undefined
      throw invalid(
        `One or more parameter values were invalid: Value cannot be used when Exists is set to false for Attribute: ${name}`,
      )
    }
    if (value !== undefined) return (found) => isOrdered(found, value, '=')
    throw invalid(
      `One or more parameter values were invalid: Value must be provided when Exists is null for Attribute: ${name}`,
    )
  }
  return comparing(operator, value === undefined ? list : [value])
}

const comparators: Readonly<Record<string, string>> = { EQ: '=', LE: '<=', LT: '<', GE: '>=', GT: '>' }

function comparing(operator: string, values: readonly AttributeValue[]): Holds {
  const [first, second] = values
  const counts = operator === 'NULL' || operator === 'NOT_NULL' ? 0 : operator === 'BETWEEN' ? 2 : 1
  const isRight = operator === 'IN' ? values.length > 0 : values.length === counts
  if (!isRight) {
    throw invalid(
      `One or more parameter values were invalid: Invalid number of argument(s) for the ${operator} ComparisonOperator`,
    )
  }
  const comparator = comparators[operator]
  if (comparator !== undefined) return (found) => isOrdered(found, first, comparator)
  switch (operator) {
    case 'NE':
      return (found) => isOrdered(found, first, '<>')
    case 'NULL':
      return (found) => found === undefined
    case 'NOT_NULL':
      return (found) => found !== undefined
    case 'IN':
      return (found) => values.some((value) => isOrdered(found, value, '='))
    case 'BETWEEN':
      return (found) => isOrdered(first, found, '<=') && isOrdered(found, second, '<=')
    case 'BEGINS_WITH':
      return (found) => beginsWith(found, first)
    case 'CONTAINS':
      return (found) => contains(found, first)
    case 'NOT_CONTAINS':
      return (found) => found !== undefined && !contains(found, first)
    default:
      throw invalid(`Unsupported operator: ${operator}`)
  }
}

export function updateOfAttributes(updates: Readonly<Record<string, AttributeUpdate>>): Update {
  return updateOf(
    Object.entries(updates).map(([name, { Value: value, Action: action = 'PUT' }]) => {
      const path = [name]
      if (action === 'DELETE' && value === undefined) return { path, value: () => undefined }
      if (value === undefined) {
        throw invalid(
          'One or more parameter values were invalid: Only DELETE action is allowed when no attribute value is specified',
        )
      }
      switch (action) {
        case 'PUT':
          return { path, value: () => value }
        case 'ADD':
          return { path, value: (item: Item) => added(item[name], value) }
        case 'DELETE':
          return { path, value: (item: Item) => without(item[name], value) }
        default:
          throw invalid(`Unsupported action: ${action}`)
      }
    }),
  )
}

/** Sorts values of a key; both have one type. */
export function keyOrder(a: AttributeValue | undefined, b: AttributeValue | undefined): number {
  if (a === undefined || b === undefined || typeOf(a) !== typeOf(b)) return 0
  return compared(a, b) ?? 0
}
