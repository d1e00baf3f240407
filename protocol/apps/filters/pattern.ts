// A pattern of fields as a function of a JSON value: fields are AND-ed, the values of a field are OR-ed, `$or` is one of several
// patterns. Runs anywhere, pure; compiled once. Arrays in data match if one of their elements does.
import { WrittenNumber } from './exact-json.ts'
import { FilterFault, shownJson } from './filter-fault.ts'
import { exactTest, isObject, operatorTest, type LeafTest } from './operators.ts'

/** Says whether a JSON value matches. */
export type ValueTest = (value: unknown) => boolean

export interface CompiledFields {
  readonly matches: ValueTest
  /** The pattern has numbers to be found as they are written: what matches has to be read once more, exactly. */
  readonly hasWrittenNumbers: boolean
}

/** How deep fields of a pattern may lie in each other. */
const DEPTH_MAX = 64
/** How deep arrays of data may lie in each other: what is deeper has no leaves. */
const ARRAYS_MAX = 512
/** How many patterns one `$or` may have. */
const ALTERNATIVES_MAX = 64

/** What is no object, or not there, has none of the fields: only `exists: false` matches. */
const NO_FIELDS: Readonly<Record<string, unknown>> = Object.freeze({})

/** Throws `FilterFault` for what is no pattern. */
export function compileFields(pattern: Readonly<Record<string, unknown>>, place: string): CompiledFields {
  const compiler = new FieldsCompiler()
  const matches = compiler.fields(pattern, place, 1)
  return { matches, hasWrittenNumbers: compiler.hasWrittenNumbers }
}

class FieldsCompiler {
  hasWrittenNumbers = false

  fields(pattern: Readonly<Record<string, unknown>>, place: string, depth: number): ValueTest {
    if (depth > DEPTH_MAX) throw new FilterFault(place, `Fields lie in each other at most ${DEPTH_MAX} deep.`)
    const names = Object.keys(pattern)
    if (names.length === 0) throw new FilterFault(place, 'It has no fields.')
    const tests = names.map((name) => {
      const inside = `${place}.${name}`
      return name === '$or'
        ? this.#or(pattern[name], inside, depth)
        : this.#field(name, pattern[name], inside, depth)
    })
    const test: ValueTest = tests.length === 1 ? tests[0]! : (value) => tests.every((each) => each(value))
    return (value) => {
      if (!Array.isArray(value)) return test(isObject(value) ? value : NO_FIELDS)
      // The fields of one pattern are those of one element.
      const objects = value.filter(isObject)
      return objects.length === 0 ? test(NO_FIELDS) : objects.some(test)
    }
  }

  #or(alternatives: unknown, place: string, depth: number): ValueTest {
    if (!Array.isArray(alternatives) || alternatives.length < 2 || alternatives.length > ALTERNATIVES_MAX) {
      throw new FilterFault(
        place,
        `It is ${shownJson(alternatives)}; it must be an array of 2 to ${ALTERNATIVES_MAX} patterns.`,
      )
    }
    const tests = alternatives.map((each: unknown, i) => {
      if (isObject(each)) return this.fields(each, `${place}[${i}]`, depth + 1)
      throw new FilterFault(`${place}[${i}]`, `It is ${shownJson(each)}; it must be a pattern of fields.`)
    })
    return (value) => tests.some((test) => test(value))
  }

  #field(name: string, wanted: unknown, place: string, depth: number): ValueTest {
    if (isObject(wanted)) {
      const test = this.fields(wanted, place, depth + 1)
      return (value) => test(fieldOf(value, name))
    }
    if (!Array.isArray(wanted)) {
      throw new FilterFault(
        place,
        `It is ${shownJson(wanted)}; it must be an array of values, or an object of fields.`,
      )
    }
    if (wanted.length === 0) throw new FilterFault(place, 'It is an empty array: nothing would match.')
    const tests = wanted.map((each: unknown, i) => this.#leaf(each, `${place}[${i}]`))
    if (tests.length === 1) {
      const [test] = tests as [ValueTest]
      return (value) => test(fieldOf(value, name))
    }
    return (value) => {
      const found = fieldOf(value, name)
      return tests.some((test) => test(found))
    }
  }

  /** The test of one of the values of a field. */
  #leaf(wanted: unknown, place: string): ValueTest {
    if (!isObject(wanted)) {
      if (wanted instanceof WrittenNumber) this.hasWrittenNumbers = true
      return ofLeaves(exactTest(wanted, place))
    }
    const [name, ...others] = Object.keys(wanted)
    if (name === undefined || others.length > 0) {
      throw new FilterFault(place, `It is ${shownJson(wanted)}; it must have one operator.`)
    }
    if (name !== 'exists') return ofLeaves(operatorTest(name, wanted[name], place))
    const isWanted = wanted[name]
    if (typeof isWanted !== 'boolean') {
      throw new FilterFault(`${place}.exists`, `It is ${shownJson(isWanted)}; it must be true or false.`)
    }
    return (value) => isLeaf(value) === isWanted
  }
}

function fieldOf(value: unknown, name: string): unknown {
  const object = value as Readonly<Record<string, unknown>>
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** An object is no leaf, and an array is one if one of its elements is. */
function isLeaf(value: unknown, depth = 0): boolean {
  if (Array.isArray(value)) return depth < ARRAYS_MAX && value.some((each) => isLeaf(each, depth + 1))
  return value !== undefined && !isObject(value)
}

function ofLeaves(test: LeafTest): ValueTest {
  const matches = (value: unknown, depth: number): boolean => {
    if (Array.isArray(value)) return depth < ARRAYS_MAX && value.some((each) => matches(each, depth + 1))
    return value !== undefined && !isObject(value) && test(value)
  }
  return (value) => matches(value, 0)
}
