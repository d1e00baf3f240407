// Turns shapes into checks: functions, made once, that say what about a value is out of its bounds. Pure.
// Texts and their order are the service's own: null, then pattern or words, then the lower and the upper bound.
import { wholeMatch } from './pattern.ts'
import { printedValue } from './printed-value.ts'
import type { ListShape, MapShape, NumberShape, Shape, StructureShape, TextShape } from '../model/shape.ts'

/** The service lists no more flaws of one request. */
export const REFUSALS_MAX = 10

/** Adds to `refusals` a sentence for each flaw of the value at `path`. */
export type Check = (value: unknown, path: string, refusals: string[]) => void

/** One bound: how the service calls it, and whether a value keeps it. */
interface Bound {
  readonly text: string
  readonly holds: (value: unknown) => boolean
}

const NOT_NULL = 'Member must not be null'

/** The check of a shape. */
export function checkOf(shape: Shape): Check {
  switch (shape.kind) {
    case 'structure':
      return structureCheck(shape)
    case 'list':
      return listCheck(shape)
    case 'map':
      return mapCheck(shape)
    default:
      return boundsCheck(shape, boundsOf(shape))
  }
}

function boundsCheck(shape: Shape, bounds: readonly Bound[]): Check {
  return (value, path, refusals) => {
    for (const { text, holds } of bounds) {
      if (!holds(value)) refusals.push(refusal(value, shape, path, text))
    }
  }
}

function structureCheck(shape: StructureShape): Check {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    ...member,
    name,
    printedName: name.charAt(0).toLowerCase() + name.slice(1),
    check: checkOf(member.shape),
  }))
  return (value, path, refusals) => {
    for (const { name, printedName, required, shape: wanted, check } of members) {
      if (refusals.length >= REFUSALS_MAX) return
      const found = (value as Record<string, unknown>)[name]
      if (found !== undefined) {
        check(found, path === '' ? printedName : `${path}.${printedName}`, refusals)
      } else if (required) {
        refusals.push(refusal(found, wanted, path === '' ? printedName : `${path}.${printedName}`, NOT_NULL))
      }
    }
  }
}

function listCheck(shape: ListShape): Check {
  const checkLength = boundsCheck(shape, boundsOf(shape))
  const isNested = shape.of.kind === 'structure'
  const checkItem = checkOf(shape.of)
  const itemBounds = isNested ? [] : boundsOf(shape.of)
  const itemText = `Member must satisfy constraint: [${textsOf(itemBounds)}]`
  return (value, path, refusals) => {
    const items = value as readonly unknown[]
    checkLength(items, path, refusals)
    if (itemBounds.length > 0 && !items.every((item) => item === null || allHold(itemBounds, item))) {
      refusals.push(refusal(items, shape, path, itemText))
    }
    for (const [index, item] of items.entries()) {
      if (refusals.length >= REFUSALS_MAX) return
      if (item === null) refusals.push(refusal(item, shape.of, `${path}.${index + 1}.member`, NOT_NULL))
      else if (isNested) checkItem(item, `${path}.${index + 1}.member`, refusals)
    }
  }
}

function mapCheck(shape: MapShape): Check {
  const bounds = boundsOf(shape)
  const keyBounds = boundsOf(shape.key)
  const valueBounds = boundsOf(shape.value)
  const all: readonly Bound[] = [
    ...bounds,
    {
      text: `Map keys must satisfy constraint: [${textsOf(keyBounds)}]`,
      holds: (map) => Object.keys(map as object).every((key) => allHold(keyBounds, key)),
    },
    {
      text: `Map value must satisfy constraint: [${textsOf(valueBounds)}]`,
      holds: (map) =>
        Object.values(map as object).every((value) => value !== null && allHold(valueBounds, value)),
    },
  ]
  return boundsCheck(shape, all)
}

function allHold(bounds: readonly Bound[], value: unknown): boolean {
  return bounds.every((bound) => bound.holds(value))
}

/** Within a list of bounds the service names the upper one first. */
function textsOf(bounds: readonly Bound[]): string {
  return bounds
    .map((bound) => bound.text)
    .reverse()
    .join(', ')
}

function boundsOf(shape: Shape): readonly Bound[] {
  switch (shape.kind) {
    case 'text':
      return [...patternBounds(shape), ...lengthBounds(shape)]
    case 'choice': {
      const words = new Set<unknown>(shape.values)
      return [
        {
          text: `Member must satisfy enum value set: [${shape.values.join(', ')}]`,
          holds: (value) => words.has(value),
        },
      ]
    }
    case 'integer':
    case 'long':
      return valueBounds(shape)
    case 'blob':
    case 'list':
    case 'map':
      return lengthBounds(shape)
    default:
      return []
  }
}

/** A pattern of one class of characters takes time in proportion to a text; another may take its square and more. */
const LINEAR_PATTERN = /^\[[^\]]+\][+*]$/

function patternBounds({ pattern, max }: TextShape): readonly Bound[] {
  if (pattern === undefined) return []
  const whole = wholeMatch(pattern)
  const charactersMax = LINEAR_PATTERN.test(pattern) ? Infinity : (max ?? Infinity)
  return [
    {
      text: `Member must satisfy regular expression pattern: ${pattern}`,
      holds: (value) => (value as string).length > charactersMax || whole.test(value as string),
    },
  ]
}

function valueBounds({ min, max }: NumberShape): readonly Bound[] {
  return [
    ...bound(
      min,
      'Member must have value greater than or equal to',
      (value, least) => (value as number) >= least,
    ),
    ...bound(max, 'Member must have value less than or equal to', (value, most) => (value as number) <= most),
  ]
}

function lengthBounds({ min, max }: { readonly min?: number; readonly max?: number }): readonly Bound[] {
  return [
    ...bound(
      min,
      'Member must have length greater than or equal to',
      (value, least) => lengthOf(value) >= least,
    ),
    ...bound(max, 'Member must have length less than or equal to', (value, most) => lengthOf(value) <= most),
  ]
}

function bound(
  limit: number | undefined,
  text: string,
  holds: (value: unknown, limit: number) => boolean,
): readonly Bound[] {
  return limit === undefined ? [] : [{ text: `${text} ${limit}`, holds: (value) => holds(value, limit) }]
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length
  return Object.keys(value as object).length
}

function refusal(value: unknown, shape: Shape, path: string, constraint: string): string {
  return `Value ${printedValue(value, shape)} at '${path}' failed to satisfy constraint: ${constraint}`
}
