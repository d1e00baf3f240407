// Update expressions: SET, REMOVE, ADD and DELETE, read into a function from an item to the next. Pure.
// All operands are of the item as it was, as in the service.
import { elementsOf, sum, typeOf, type AttributeValue, type Item } from '../attribute-value.ts'
import { invalid } from '../dynamodb-error.ts'
import {
  parseOperand,
  parsePath,
  valueAt,
  valueIn,
  type Operand,
  type Path,
  type Placeholders,
} from './operands.ts'
import { Tokens } from './tokens.ts'

export interface Update {
  apply(item: Item): Item
  /** Names of the attributes that it changes. */
  readonly names: ReadonlySet<string>
}

/** One change: the new value at a path, from the item as it was; undefined removes. */
interface Change {
  readonly path: Path
  readonly value: Operand
}

/** Throws ValidationException for what is no expression. */
export function parseUpdate(text: string, placeholders: Placeholders): Update {
  const tokens = new Tokens(text, 'UpdateExpression')
  const changes: Change[] = []
  while (!tokens.isAtEnd) {
    const clause = clauses[tokens.next().toUpperCase()]
    if (clause === undefined) throw tokens.syntax()
    do changes.push(clause(tokens, placeholders))
    while (tokens.takes(','))
  }
  requireApart(changes.map(({ path }) => path))
  return updateOf(changes)
}

/** No path may be, or be within, another one: what would be done last would be anybody's guess. */
function requireApart(paths: readonly Path[]): void {
  for (const [i, one] of paths.entries()) {
    const two = paths.slice(i + 1).find((other) => {
      const length = Math.min(one.length, other.length)
      return one.slice(0, length).every((step, at) => step === other[at])
    })
    if (two === undefined) continue
    throw invalid(
      `Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: ${pathText(one)}, path two: ${pathText(two)}`,
    )
  }
}

function pathText(path: Path): string {
  return `[${path.map((step) => (typeof step === 'number' ? `[${step}]` : step)).join(', ')}]`
}

/** An update of single attributes. */
export function updateOf(changes: readonly Change[]): Update {
  return {
    names: new Set(changes.map(({ path }) => String(path[0]))),
    apply: (item) => {
      const values = changes.map(({ path, value }) => ({ path, value: value(item) }))
      // Elements of lists go last, from the back: those before them keep their places, which are those of the item as it was.
      const kept = values.filter(({ value }) => value !== undefined)
      const gone = values.filter(({ value }) => value === undefined).sort((a, b) => backward(a.path, b.path))
      return [...kept, ...gone].reduce((next, { path, value }) => placed(next, path, value), item)
    },
  }
}

/** A total order of paths none of which is within another; of two places in one list, the later one is first. */
function backward(a: Path, b: Path): number {
  for (const [i, step] of a.entries()) {
    const other = b[i]
    if (step === other) continue
    if (typeof step === 'number' && typeof other === 'number') return other - step
    return String(step) < String(other) ? -1 : 1
  }
  return 0
}

const clauses: Readonly<Record<string, (tokens: Tokens, placeholders: Placeholders) => Change>> = {
  SET: (tokens, placeholders) => {
    const path = parsePath(tokens, placeholders)
    tokens.expect('=')
    return { path, value: parseSum(tokens, placeholders) }
  },
  REMOVE: (tokens, placeholders) => ({ path: parsePath(tokens, placeholders), value: () => undefined }),
  ADD: (tokens, placeholders) => {
    const path = parsePath(tokens, placeholders)
    const value = valueIn(tokens, placeholders)
    return { path, value: (item) => added(valueAt(item, path), value) }
  },
  DELETE: (tokens, placeholders) => {
    const path = parsePath(tokens, placeholders)
    const value = valueIn(tokens, placeholders)
    return { path, value: (item) => without(valueAt(item, path), value) }
  },
}

function parseSum(tokens: Tokens, placeholders: Placeholders): Operand {
  const left = parseTerm(tokens, placeholders)
  const sign = tokens.takes('+') ? 1 : tokens.takes('-') ? -1 : undefined
  if (sign === undefined) return required(left)
  const right = parseTerm(tokens, placeholders)
  return (item) => {
    const [a, b] = [required(left)(item), required(right)(item)]
    if ('N' in a && 'N' in b) return { N: sum(a.N, b.N, sign) }
    throw invalid('An operand in the update expression has an incorrect data type')
  }
}

function parseTerm(tokens: Tokens, placeholders: Placeholders): Operand {
  const name = tokens.peek()
  if (tokens.peek(1) !== '(') return parseOperand(tokens, placeholders)
  tokens.next()
  tokens.expect('(')
  if (name === 'if_not_exists') {
    const path = parsePath(tokens, placeholders)
    tokens.expect(',')
    const otherwise = parseSum(tokens, placeholders)
    tokens.expect(')')
    return (item) => valueAt(item, path) ?? otherwise(item)
  }
  if (name !== 'list_append') throw tokens.error(`Invalid function name; function: ${name}`)
  const first = parseTerm(tokens, placeholders)
  tokens.expect(',')
  const second = parseTerm(tokens, placeholders)
  tokens.expect(')')
  return (item) => {
    const [a, b] = [required(first)(item), required(second)(item)]
    if ('L' in a && 'L' in b) return { L: [...a.L, ...b.L] }
    throw invalid('An operand in the update expression has an incorrect data type')
  }
}

function required(operand: Operand): (item: Item) => AttributeValue {
  return (item) => {
    const value = operand(item)
    if (value !== undefined) return value
    throw invalid('The provided expression refers to an attribute that does not exist in the item')
  }
}

/** A number and another, or a set and more elements. */
export function added(before: AttributeValue | undefined, more: AttributeValue): AttributeValue {
  if ('N' in more) {
    if (before === undefined) return more
    if ('N' in before) return { N: sum(before.N, more.N, 1) }
  }
  const elements = elementsOf(more)
  if (elements !== undefined && before === undefined) return more
  if (elements === undefined || before === undefined || typeOf(before) !== typeOf(more)) {
    throw invalid('An operand in the update expression has an incorrect data type')
  }
  return setOf(more, new Set([...elementsOf(before)!, ...elements]))
}

/** A set without some elements; undefined if none is left. */
export function without(
  before: AttributeValue | undefined,
  gone: AttributeValue,
): AttributeValue | undefined {
  const elements = elementsOf(gone)
  if (before === undefined) return undefined
  if (elements === undefined || typeOf(before) !== typeOf(gone)) {
    throw invalid('An operand in the update expression has an incorrect data type')
  }
  const left = elementsOf(before)!.filter((element) => !elements.includes(element))
  return left.length === 0 ? undefined : setOf(gone, new Set(left))
}

function setOf(like: AttributeValue, elements: ReadonlySet<string>): AttributeValue {
  const all = [...elements]
  if ('SS' in like) return { SS: all }
  return 'NS' in like ? { NS: all } : { BS: all }
}

function placed(item: Item, path: Path, value: AttributeValue | undefined): Item {
  const result = placedIn({ M: item }, path, value)
  return 'M' in result ? result.M : item
}

function placedIn(at: AttributeValue, path: Path, value: AttributeValue | undefined): AttributeValue {
  const [step, ...rest] = path
  if (step === undefined) return value ?? at
  const inner = valueAt({ at }, ['at', step])
  if (rest.length > 0 && inner === undefined) {
    throw invalid('The document path provided in the update expression is invalid for update')
  }
  const next = rest.length > 0 ? placedIn(inner!, rest, value) : value
  if ('M' in at && typeof step === 'string') {
    const { [step]: _, ...others } = at.M
    return { M: next === undefined ? others : { ...others, [step]: next } }
  }
  if ('L' in at && typeof step === 'number') {
    if (next === undefined) return { L: at.L.filter((_, i) => i !== step) }
    const list = [...at.L]
    list[Math.min(step, list.length)] = next
    return { L: list }
  }
  throw invalid('The document path provided in the update expression is invalid for update')
}
