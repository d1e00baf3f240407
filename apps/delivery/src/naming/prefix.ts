// Prefixes with Firehose's expressions `!{namespace:value}`: read once, with the place of each fault, and evaluated for every object. Pure.
import { createHash } from 'node:crypto'
import { partitionValues, type PartitionValues } from './partition-values.ts'
import { timePattern, type TimePattern } from './time-pattern.ts'
import { zonedTime } from './zoned-time.ts'

/** Characters of a prefix as it is given. */
export const PREFIX_CHARACTERS_MAX = 1024

/** What follows where a prefix has no time. */
const DEFAULT_TIME = 'yyyy/MM/dd/HH/'

type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'time'; readonly write: TimePattern }
  | { readonly type: 'random' }
  | { readonly type: 'errorType' }
  | { readonly type: 'query' | 'lambda'; readonly key: string }

/** A prefix that was read. */
export interface Prefix {
  readonly text: string
  readonly parts: readonly Part[]
}

/** What is wrong with a prefix: a sentence without its beginning, and the character, from 1, where it is. */
export interface PrefixFault {
  readonly at: number
  readonly message: string
}

/** What a prefix is evaluated with. */
export interface PrefixPlace {
  /** The moment of all times: when the oldest record arrived. */
  readonly ms: number
  readonly timeZone: string
  /** As `partitionText` writes it. */
  readonly partition: string
  readonly errorType?: string
  /** Names the object: random strings are derived from it, so that the same object has the same name again. */
  readonly seed: string
}

/** Reads a prefix, or says where it is wrong. */
export function readPrefix(text: string): Prefix | PrefixFault {
  if (text.length > PREFIX_CHARACTERS_MAX) {
    return {
      at: PREFIX_CHARACTERS_MAX + 1,
      message: `has ${text.length} characters, and ${PREFIX_CHARACTERS_MAX} are the most`,
    }
  }
  const parts: Part[] = []
  for (let at = 0; at < text.length;) {
    const begin = text.indexOf('!{', at)
    const end = begin < 0 ? text.length : begin
    if (end > at) parts.push({ type: 'text', text: text.slice(at, end) })
    if (begin < 0) break
    const close = text.indexOf('}', begin)
    if (close < 0) return { at: begin + 1, message: 'has !{ without its }' }
    const part = expression(text.slice(begin + 2, close), begin + 3)
    if ('message' in part) return part
    parts.push(part)
    at = close + 1
  }
  const control = controlAt(text)
  return control === undefined ? { text, parts } : { at: control + 1, message: 'has a control character' }
}

/** True for a prefix with an expression of this kind; without a kind, of any. */
export function hasExpression({ parts }: Prefix, type?: Part['type']): boolean {
  return parts.some((part) => (type === undefined ? part.type !== 'text' : part.type === type))
}

/** Names of the values that the prefix takes from queries, or from a function. */
export function keysOf({ parts }: Prefix, side: 'query' | 'lambda'): string[] {
  return parts.flatMap((part) => (part.type === side ? [part.key] : []))
}

/** Returns the prefix with what Firehose adds where it is missing: the error's type (in prefixes of errors), and a time. */
export function completed(prefix: Prefix, of: 'objects' | 'errors'): Prefix {
  const parts = [...prefix.parts]
  if (of === 'errors' && !hasExpression(prefix, 'errorType')) {
    if (prefix.text !== '' && !prefix.text.endsWith('/')) parts.push({ type: 'text', text: '/' })
    parts.push({ type: 'errorType' }, { type: 'text', text: '/' })
  }
  if (!hasExpression(prefix, 'time'))
    parts.push({ type: 'time', write: timePattern(DEFAULT_TIME) as TimePattern })
  return { text: prefix.text, parts }
}

/** Evaluates a prefix. */
export function evaluate({ parts }: Prefix, place: PrefixPlace): string {
  const time = zonedTime(place.ms, place.timeZone)
  const values: PartitionValues = partitionValues(place.partition)
  let randoms = 0
  return parts
    .map((part) => {
      switch (part.type) {
        case 'text':
          return part.text
        case 'time':
          return part.write(time)
        case 'random':
          return randomString(`${place.seed}/${randoms++}`)
        case 'errorType':
          return place.errorType ?? ''
        case 'query':
        case 'lambda':
          return values[part.type]?.[part.key] ?? ''
      }
    })
    .join('')
}

function expression(inside: string, at: number): Part | PrefixFault {
  const colon = inside.indexOf(':')
  if (colon < 0) return { at, message: `has !{${inside}}, and an expression is !{namespace:value}` }
  const [namespace, value] = [inside.slice(0, colon), inside.slice(colon + 1)]
  const valueAt = at + colon + 1
  switch (namespace) {
    case 'timestamp': {
      const write = timePattern(value)
      if (typeof write === 'function') {
        return value === ''
          ? { at: valueAt, message: 'has a timestamp without a pattern' }
          : { type: 'time', write }
      }
      return { at: valueAt + write.at, message: `has a timestamp whose pattern ${write.message}` }
    }
    case 'firehose':
      if (value === 'random-string') return { type: 'random' }
      if (value === 'error-output-type') return { type: 'errorType' }
      return {
        at: valueAt,
        message: `has firehose:${value}, and there are random-string and error-output-type`,
      }
    case 'partitionKeyFromQuery':
    case 'partitionKeyFromLambda':
      if (value === '') return { at: valueAt, message: `has ${namespace} without a name` }
      return { type: namespace === 'partitionKeyFromQuery' ? 'query' : 'lambda', key: value }
    default:
      return {
        at,
        message: `has the namespace ${namespace}, and there are timestamp, firehose, partitionKeyFromQuery and partitionKeyFromLambda`,
      }
  }
}

/** 11 letters and digits, as Firehose's. */
function randomString(seed: string): string {
  const digest = createHash('sha256').update(seed).digest()
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  return Array.from(digest.subarray(0, 11), (byte) => characters[byte % characters.length]).join('')
}

function controlAt(text: string): number | undefined {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 32 || text.charCodeAt(i) === 127) return i
  return undefined
}
