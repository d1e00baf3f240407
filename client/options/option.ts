// The kinds of options in the table of options. Runs in the client, pure.
// A kind decides which values it accepts, and how a message names them. No kind accepts `null`.
import { checkPrincipalName } from '../../protocol/access/principal-name.ts'
import { isBytes } from '../../protocol/bytes.ts'
import { limits } from '../../protocol/limits.ts'
import { parseShardId } from '../../protocol/shards/shard-id.ts'
import { quoteText, surrogateFault } from '../../protocol/text/text.ts'
import { nameOf } from '../codecs/value-kind.ts'

export interface Option {
  /** Returns what the value must be, to follow "it must be"; it may depend on what is wrong with the given value. */
  readonly expects: (given: unknown) => string
  readonly accepts: (given: unknown) => boolean
  /** The options of a group. */
  readonly fields?: Options
  /** A text that stands in its place may be a secret, so no message quotes it. */
  readonly isSecret?: true
}

export type Options = { readonly [name: string]: Option }

/** The options of an interface; the table must have each of them. */
export type OptionsOf<T> = { readonly [N in keyof Required<T>]: Option }

/** A whole number within bounds, with a default. */
export interface WholeNumber extends Option {
  readonly min: number
  readonly max: number
  readonly default: number
}

export function whole(bounds: { min: number; max: number; default: number }): WholeNumber {
  const { min, max } = bounds
  const isWhole = (given: unknown) => Number.isSafeInteger(given) || (given === Infinity && max === Infinity)
  return {
    ...bounds,
    expects: (given) => `${isWhole(given) ? '' : 'a whole number '}from ${min} to ${max}`,
    accepts: (given) => isWhole(given) && (given as number) >= min && (given as number) <= max,
  }
}

/** An option of a kind of its own: what it must be, and whether a value is. */
export const takes = (expected: string, accepts: Option['accepts']): Option => ({
  expects: () => expected,
  accepts,
})

export const boolean = takes('true or false', (given) => typeof given === 'boolean')
export const string = takes('a string', (given) => typeof given === 'string')
/** A key that a record can have. */
export const partitionKey = takes(
  `a text of 1 to ${limits.partitionKeyLengthMax} characters without unpaired surrogates`,
  (given) =>
    typeof given === 'string' &&
    given.length >= 1 &&
    given.length <= limits.partitionKeyLengthMax &&
    surrogateFault(given) === undefined,
)
/** The name of a principal. */
export const principalName = takes(
  `a text of 1 to ${limits.principalNameLengthMax} letters, digits, underscores, full stops and hyphens`,
  (given) => typeof given === 'string' && checkPrincipalName(given) === undefined,
)
export const callback = takes('a function', (given) => typeof given === 'function')

export function choice(values: readonly unknown[]): Option {
  return takes(values.map((value) => `'${String(value)}'`).join(' or '), (given) => values.includes(given))
}

/** One of some words, or a function. */
export function choiceOrCallback(values: readonly string[], purpose: string): Option {
  const words = choice(values)
  return takes(
    `${words.expects(undefined)}, or a function that ${purpose}`,
    (given) => typeof given === 'function' || words.accepts(given),
  )
}

/** An AbortSignal, also one of another realm or of a polyfill. */
export const signal = takes(
  'an AbortSignal',
  (given) =>
    isObject(given) &&
    typeof given.aborted === 'boolean' &&
    typeof given.addEventListener === 'function' &&
    typeof given.removeEventListener === 'function',
)

/** A codec that has the methods, or a schema. */
export function codec(...methods: readonly ('encode' | 'decode')[]): Option {
  return {
    expects: (given) =>
      typeof given === 'function'
        ? 'a codec, not what makes one: call it, as in json()'
        : 'a codec, such as json() or text, or { schema } with a Standard Schema',
    accepts: (given) =>
      isObject(given) && (methods.every((method) => typeof given[method] === 'function') || hasSchema(given)),
  }
}

function hasSchema(given: Readonly<Record<string, unknown>>): boolean {
  const { schema } = given
  // Some validators are functions.
  if (!isObject(schema) && typeof schema !== 'function') return false
  const standard = (schema as { readonly '~standard'?: unknown })['~standard']
  return isObject(standard) && typeof standard.validate === 'function'
}

/** A hash key in Kinesis' form. */
export const hashKey = takes(
  'a hash key: a decimal number as a string or a bigint',
  (given) => typeof given === 'string' || typeof given === 'bigint',
)

/** The first and the last of some hash keys. */
export const hashKeysFromTo: Option = {
  ...takes(
    '{ from, to }, two hash keys as decimal numbers',
    (given) => isOptionsObject(given) && hashKey.accepts(given.from) && hashKey.accepts(given.to),
  ),
  fields: { from: hashKey, to: hashKey },
}

/** A range of hash keys, as a shard has it. */
export const hashKeyRange = takes(
  'a range of hash keys, as a shard has it',
  (given) =>
    isObject(given) && hashKey.accepts(given.startingHashKey) && hashKey.accepts(given.endingHashKey),
)

/** Shards, of which only their ranges are looked at. */
export const rangedShards = takes(
  'an array of shards, as listShards gives them',
  (given) =>
    Array.isArray(given) &&
    given.every((shard) => isObject(shard) && hashKeyRange.accepts(shard.hashKeyRange)),
)

/** A shard id, in full or short. */
export const shardId = takes('a shard id, such as shardId-000000000003, shard-3 or 3', (given) => {
  if (typeof given !== 'string') return false
  try {
    parseShardId(given)
    return true
  } catch {
    return false
  }
})

/** Sequence numbers by shard id. */
export const placesByShard = takes(
  'an object of sequence numbers by shard id',
  (given) =>
    isOptionsObject(given) &&
    Object.entries(given).every(
      ([id, place]) => shardId.accepts(id) && Number.isSafeInteger(place) && (place as number) >= 0,
    ),
)

/** A time, as a Date or in milliseconds since the epoch. */
export const moment = takes('a valid Date, or whole milliseconds since the epoch', (given) => {
  const time = given instanceof Date ? given.getTime() : given
  return Number.isSafeInteger(time) && (time as number) >= 0
})

export const bytesOrText = takes(
  'bytes (a Uint8Array or Buffer) or a string',
  (given) => isBytes(given) || typeof given === 'string',
)

/** Values by name. A Map is refused: its entries are not properties, so it would count as empty. */
export const dictionary = takes('an object of values by name', (given) => {
  if (!isOptionsObject(given)) return false
  const prototype = Object.getPrototypeOf(given) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
})

/** An iterable of records, which are checked one by one later. */
export const records = takes(
  'an array, or anything else that can be iterated',
  (given) =>
    typeof given === 'object' &&
    given !== null &&
    typeof (given as Iterable<unknown>)[Symbol.iterator] === 'function',
)

/** The same, or an iterable whose records come later. */
export const recordSource = takes(
  'an array, or anything else that can be iterated, also by for await',
  (given) =>
    records.accepts(given) ||
    (isObject(given) &&
      typeof (given as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'),
)

/** An array of things that are each of one of two kinds. */
export function listOf(first: Option, second: Option): Option {
  return takes(
    `an array, each item of it ${first.expects(undefined)} or ${second.expects(undefined)}`,
    (given) => Array.isArray(given) && given.every((item) => first.accepts(item) || second.accepts(item)),
  )
}

/** A grant as an object; what it says is checked where it is used. */
export const takesGrant = takes(
  'an object with pattern and actions',
  (given) =>
    isOptionsObject(given) &&
    typeof given.pattern === 'string' &&
    Array.isArray(given.actions) &&
    given.actions.every((action) => typeof action === 'string') &&
    (given.kind === undefined || typeof given.kind === 'string') &&
    (given.expiresAt === undefined || moment.accepts(given.expiresAt)),
)

/** An object of options. */
export function group(fields: Options): Option {
  return { ...takes('an object', isOptionsObject), fields }
}

/** Exactly one of some options. */
export function oneOf(fields: Options): Option {
  const names = Object.keys(fields)
  const written = names.map((name) => `{ ${name} }`).join(' or ')
  return {
    ...takes(
      written,
      (given) => isOptionsObject(given) && names.filter((name) => given[name] !== undefined).length === 1,
    ),
    fields,
  }
}

/** One of some words, or a value of the other option. */
export function wordOr(words: readonly string[], other: Option): Option {
  const expected = [...words.map((word) => `'${word}'`), other.expects(undefined)].join(', ')
  const accepts = (given: unknown) =>
    typeof given === 'string' ? words.includes(given) : other.accepts(given)
  return { ...other, ...takes(expected, accepts) }
}

/** Either of two kinds. */
export function either(first: Option, second: Option): Option {
  const { expects, accepts } = takes(
    `${first.expects(undefined)}, or ${second.expects(undefined)}`,
    (given) => first.accepts(given) || second.accepts(given),
  )
  return { expects, accepts, fields: { ...first.fields, ...second.fields } }
}

/** The name of a preset, which is checked where it is used, or a value of the other option. */
export function presetOr(other: Option): Option {
  return {
    ...other,
    ...takes(
      'the name of a preset, or an object',
      (given) => typeof given === 'string' || other.accepts(given),
    ),
  }
}

/** A value that is checked where it is used. */
export const later = takes('', () => true)

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Returns true for an object that can hold options: no array, no bytes, no Map. */
function isOptionsObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && !(Symbol.iterator in value) && !(value instanceof Date)
}

/** Returns a value as messages show it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoteText(value)
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid Date'
  return typeof value === 'bigint' ? `${value}n` : nameOf(value)
}
