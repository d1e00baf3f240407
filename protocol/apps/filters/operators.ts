// The operators of filter patterns, as one table: what each takes, and how a value is held against it. Runs anywhere, pure.
// Each compiles once; a value costs a comparison. Values are leaves: texts, numbers, booleans and null.
import { WrittenNumber } from './exact-json.ts'
import { FilterFault, shownJson } from './filter-fault.ts'

/** Says whether a leaf matches. */
export type LeafTest = (leaf: unknown) => boolean

/** An operator of the pattern language. */
interface FilterOperator {
  /** One sentence for the documentation. */
  readonly doc: string
  /** An example of a field with it. */
  readonly example: string
  /** Throws `FilterFault` for an argument that it does not take. */
  readonly compile: (argument: unknown, place: string) => LeafTest
}

/** Patterns compare the sizes of numbers within these bounds, as EventBridge's do. */
const NUMERIC_MAX = 5e9
const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
}

export const filterOperators = {
  prefix: {
    doc: 'Texts that begin so; with `equals-ignore-case` inside, in any case.',
    example: '{"region": [{"prefix": "us-"}]}',
    compile: (argument, place) => startTest(argument, place, (text, start) => text.startsWith(start)),
  },
  suffix: {
    doc: 'Texts that end so; with `equals-ignore-case` inside, in any case.',
    example: '{"file": [{"suffix": ".png"}]}',
    compile: (argument, place) => startTest(argument, place, (text, end) => text.endsWith(end)),
  },
  'equals-ignore-case': {
    doc: 'This text in any case.',
    example: '{"name": [{"equals-ignore-case": "alice"}]}',
    compile: (argument, place) => {
      if (typeof argument !== 'string')
        throw new FilterFault(place, `It is ${shownJson(argument)}; it must be a text.`)
      const wanted = argument.toLowerCase()
      return (leaf) => typeof leaf === 'string' && leaf.toLowerCase() === wanted
    },
  },
  'anything-but': {
    doc: 'Every leaf but these texts or numbers, or but those with a `prefix`, a `suffix`, or `equals-ignore-case`.',
    example: '{"weather": [{"anything-but": ["rain"]}]}',
    compile: (argument, place) => {
      const excluded = exclusionOf(argument, place)
      return (leaf) => !excluded(leaf)
    },
  },
  numeric: {
    doc: 'Numbers by their size: one or two of =, >, >=, <, <= with a number each, all of which must hold.',
    example: '{"price": [{"numeric": [">", 10, "<=", 20]}]}',
    compile: numericTest,
  },
} as const satisfies Record<string, FilterOperator>

/** Returns the test of `{ operator: argument }`. */
export function operatorTest(name: string, argument: unknown, place: string): LeafTest {
  if (Object.hasOwn(filterOperators, name)) {
    return filterOperators[name as keyof typeof filterOperators].compile(argument, `${place}.${name}`)
  }
  const known = [...Object.keys(filterOperators), 'exists'].join(', ')
  throw new FilterFault(place, `There is no operator ${JSON.stringify(name)}; there are ${known}.`)
}

/** Returns the test of a value that must be found as it is: of numbers as they are written in data that was read so, otherwise by their size. */
export function exactTest(value: unknown, place: string): LeafTest {
  if (value instanceof WrittenNumber) {
    const [number, { text }] = [Number(value.text), value]
    return (leaf) => (leaf instanceof WrittenNumber ? leaf.text === text : leaf === number)
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean')
    return (leaf) => leaf === value
  throw new FilterFault(
    place,
    `It is ${shownJson(value)}; it must be a text, a number, true, false, null or an operator.`,
  )
}

function startTest(
  argument: unknown,
  place: string,
  isSo: (text: string, part: string) => boolean,
): LeafTest {
  if (isObject(argument)) {
    const part = onlyField(argument, 'equals-ignore-case', place).toLowerCase()
    return (leaf) => typeof leaf === 'string' && isSo(leaf.toLowerCase(), part)
  }
  const part = textOf(argument, place)
  return (leaf) => typeof leaf === 'string' && isSo(leaf, part)
}

function exclusionOf(argument: unknown, place: string): LeafTest {
  if (isObject(argument)) {
    const [name, ...others] = Object.keys(argument)
    const kinds = ['prefix', 'suffix', 'equals-ignore-case'] as const
    const kind = kinds.find((each) => each === name)
    if (kind === undefined || others.length > 0) {
      throw new FilterFault(place, `It takes one of ${kinds.join(', ')}, or texts and numbers.`)
    }
    const inside = `${place}.${kind}`
    return anyOf(
      listOf(argument[kind]).map((each) => operatorTest(kind, each, place)),
      inside,
    )
  }
  return anyOf(
    listOf(argument).map((each, i) => {
      if (typeof each === 'string') return exactTest(each, `${place}[${i}]`)
      if (each instanceof WrittenNumber) return comparesTo(Number(each.text))
      throw new FilterFault(`${place}[${i}]`, `It is ${shownJson(each)}; it must be a text or a number.`)
    }),
    place,
  )
}

function numericTest(argument: unknown, place: string): LeafTest {
  if (!Array.isArray(argument) || argument.length === 0 || argument.length > 4 || argument.length % 2 > 0) {
    throw new FilterFault(place, 'It takes one or two comparisons, such as [">", 10, "<=", 20].')
  }
  const tests: ((value: number) => boolean)[] = []
  const signs: string[] = []
  for (let i = 0; i < argument.length; i += 2) {
    const sign: unknown = argument[i]
    const bound: unknown = argument[i + 1]
    if (typeof sign !== 'string' || !Object.hasOwn(comparisons, sign)) {
      throw new FilterFault(`${place}[${i}]`, `It is ${shownJson(sign)}; it must be =, >, >=, < or <=.`)
    }
    const number = bound instanceof WrittenNumber ? Number(bound.text) : Number.NaN
    if (!(Math.abs(number) <= NUMERIC_MAX)) {
      const message = `It is ${shownJson(bound)}; it must be a number from -${NUMERIC_MAX} to ${NUMERIC_MAX}.`
      throw new FilterFault(`${place}[${i + 1}]`, message)
    }
    const compare = comparisons[sign]!
    signs.push(sign)
    tests.push((value) => compare(value, number))
  }
  if (signs.length === 2 && (signs.includes('=') || signs[0]![0] === signs[1]![0])) {
    throw new FilterFault(place, 'Two comparisons are a lower and an upper bound.')
  }
  return (leaf) => {
    const value = leaf instanceof WrittenNumber ? Number(leaf.text) : leaf
    return typeof value === 'number' && tests.every((test) => test(value))
  }
}

/** By size: 300.0 is not "anything but 300". */
function comparesTo(number: number): LeafTest {
  return (leaf) => (leaf instanceof WrittenNumber ? Number(leaf.text) : leaf) === number
}

function anyOf(tests: readonly LeafTest[], place: string): LeafTest {
  if (tests.length === 0) throw new FilterFault(place, 'It is empty; nothing would match, or everything.')
  return (leaf) => tests.some((test) => test(leaf))
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [value]
}

function textOf(value: unknown, place: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new FilterFault(place, `It is ${shownJson(value)}; it must be a text of one character at least.`)
}

function onlyField(object: Readonly<Record<string, unknown>>, name: string, place: string): string {
  const names = Object.keys(object)
  if (names.length === 1 && names[0] === name) return textOf(object[name], `${place}.${name}`)
  throw new FilterFault(place, `It takes a text, or {"${name}": …}.`)
}

/** True of a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof WrittenNumber)
  )
}
