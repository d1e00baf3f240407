// Condition, filter and key condition expressions, read into functions of an item. Pure.
import {
  compared,
  elementsOf,
  isEqual,
  normalNumber,
  typeOf,
  type AttributeValue,
  type Item,
} from '../attribute-value.ts'
import { parseOperand, parsePath, valueAt, valueIn, type Operand, type Placeholders } from './operands.ts'
import { Tokens } from './tokens.ts'

export type Condition = (item: Item) => boolean

/** Nesting is not deeper. */
const DEPTH_MAX = 50

/** Throws ValidationException for what is no expression. */
export function parseCondition(text: string, placeholders: Placeholders, kind: string): Condition {
  const tokens = new Tokens(text, kind)
  const condition = new ConditionParser(tokens, placeholders).parse()
  if (!tokens.isAtEnd) throw tokens.syntax()
  return condition
}

class ConditionParser {
  readonly #tokens: Tokens
  readonly #placeholders: Placeholders
  #depth = 0

  constructor(tokens: Tokens, placeholders: Placeholders) {
    this.#tokens = tokens
    this.#placeholders = placeholders
  }

  parse(): Condition {
    if (++this.#depth > DEPTH_MAX) throw this.#tokens.error('The expression is nested too deeply.')
    const any = [this.#all()]
    while (this.#tokens.takes('OR')) any.push(this.#all())
    this.#depth--
    return (item) => any.some((condition) => condition(item))
  }

  #all(): Condition {
    const all = [this.#negatable()]
    while (this.#tokens.takes('AND')) all.push(this.#negatable())
    return (item) => all.every((condition) => condition(item))
  }

  #negatable(): Condition {
    let isNegated = false
    while (this.#tokens.takes('NOT')) isNegated = !isNegated
    const condition = this.#single()
    return isNegated ? (item) => !condition(item) : condition
  }

  #single(): Condition {
    const tokens = this.#tokens
    if (tokens.takes('(')) {
      const inner = this.parse()
      tokens.expect(')')
      return inner
    }
    if (tokens.peek(1) === '(' && tokens.peek().toUpperCase() !== 'SIZE') return this.#call()
    const left = this.#operand()
    if (tokens.takes('BETWEEN')) {
      const low = this.#operand()
      tokens.expect('AND')
      const high = this.#operand()
      return (item) => isOrdered(low(item), left(item), '<=') && isOrdered(left(item), high(item), '<=')
    }
    if (tokens.takes('IN')) {
      tokens.expect('(')
      const among = [this.#operand()]
      while (tokens.takes(',')) among.push(this.#operand())
      tokens.expect(')')
      return (item) => among.some((other) => isSame(left(item), other(item)))
    }
    const comparator = tokens.next()
    if (!comparators.has(comparator)) throw tokens.syntax()
    const right = this.#operand()
    return (item) => isOrdered(left(item), right(item), comparator)
  }

  #call(): Condition {
    const tokens = this.#tokens
    const name = tokens.next()
    tokens.expect('(')
    const path = parsePath(tokens, this.#placeholders)
    if (name === 'attribute_exists' || name === 'attribute_not_exists') {
      tokens.expect(')')
      const isWanted = name === 'attribute_exists'
      return (item) => (valueAt(item, path) !== undefined) === isWanted
    }
    tokens.expect(',')
    if (name === 'attribute_type') {
      const type = valueIn(tokens, this.#placeholders)
      tokens.expect(')')
      return (item) => {
        const value = valueAt(item, path)
        return value !== undefined && 'S' in type && typeOf(value) === type.S
      }
    }
    const right = this.#operand()
    tokens.expect(')')
    if (name === 'begins_with') return (item) => beginsWith(valueAt(item, path), right(item))
    if (name === 'contains') return (item) => contains(valueAt(item, path), right(item))
    throw tokens.error(`Invalid function name; function: ${name}`)
  }

  #operand(): Operand {
    return parseOperand(this.#tokens, this.#placeholders)
  }
}

const comparators: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])

/** Compares as an expression does: nothing is before or after what is not there. */
export function isOrdered(
  left: AttributeValue | undefined,
  right: AttributeValue | undefined,
  comparator: string,
): boolean {
  if (comparator === '=') return isSame(left, right)
  if (comparator === '<>') return !isSame(left, right)
  const order = left === undefined || right === undefined ? undefined : compared(left, right)
  if (order === undefined) return false
  switch (comparator) {
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    default:
      return order >= 0
  }
}

function isSame(left: AttributeValue | undefined, right: AttributeValue | undefined): boolean {
  return left !== undefined && right !== undefined && isEqual(left, right)
}

export function beginsWith(value: AttributeValue | undefined, start: AttributeValue | undefined): boolean {
  if (value === undefined || start === undefined) return false
  if ('S' in value && 'S' in start) return value.S.startsWith(start.S)
  if (!('B' in value && 'B' in start)) return false
  const [bytes, first] = [Buffer.from(value.B, 'base64'), Buffer.from(start.B, 'base64')]
  return bytes.subarray(0, first.length).equals(first)
}

export function contains(value: AttributeValue | undefined, part: AttributeValue | undefined): boolean {
  if (value === undefined || part === undefined) return false
  if ('S' in value) return 'S' in part && value.S.includes(part.S)
  if ('L' in value) return value.L.some((element) => isEqual(element, part))
  const text = 'S' in part ? part.S : 'N' in part ? normalNumber(part.N) : 'B' in part ? part.B : undefined
  return text !== undefined && (elementsOf(value)?.includes(text) ?? false)
}
