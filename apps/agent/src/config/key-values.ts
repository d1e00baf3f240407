// Values of one object by its table of keys: defaults, checks, and warnings. Pure.
import type { ConfigPlace, ConfigProblem } from './config-fault.ts'
import { javaPattern, PatternFault, type JavaPattern } from './java-pattern.ts'
import type { JsonValue } from './json-file.ts'
import type { Key, Keys, ValuesOf } from './keys/key.ts'
import { nearestName } from './nearest-name.ts'

/** What a configuration is read into: problems refuse it, warnings do not. */
export class Findings {
  readonly problems: ConfigProblem[] = []
  readonly #warnings = new Map<string, ConfigProblem>()

  get warnings(): readonly ConfigProblem[] {
    return [...this.#warnings.values()]
  }

  problem(place: ConfigPlace, message: string): void {
    this.problems.push({ ...place, message })
  }

  /** One warning a key, however often it comes. */
  warn(key: string, place: ConfigPlace, message: string): void {
    if (!this.#warnings.has(key)) this.#warnings.set(key, { ...place, message })
  }
}

/** A pattern of the configuration, as a value. */
export type PatternValues<T> = {
  readonly [N in keyof T]: RegExp extends T[N] ? JavaPattern | undefined : T[N]
}

/** The values of the object, with defaults for what it leaves out. Where something is refused the value is the default. */
export function valuesIn<T extends Keys>(
  keys: T,
  object: JsonValue,
  findings: Findings,
): PatternValues<ValuesOf<T>> {
  const values: Record<string, unknown> = {}
  for (const [name, key] of Object.entries<Key>(keys)) {
    if ('default' in key) values[name] = key.default
  }
  for (const [name, given] of object.members ?? []) {
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined
    if (key === undefined) {
      findings.warn(`unknown:${name}`, given.place, unknownKey(name, Object.keys(keys)))
      continue
    }
    if (key.support === 'no') {
      findings.warn(name, given.place, `${name} has no effect here. ${key.note ?? ''}`.trim())
    }
    // As in AWS' agent null is as if the key were left out.
    if (given.value === null) continue
    const read = readValue(key, given.value)
    if ('fault' in read) findings.problem(given.place, `${name} is ${shown(given.value)}: ${read.fault}.`)
    else values[name] = read.value
    if (
      key.kind === 'pattern' &&
      'value' in read &&
      (read.value as JavaPattern | undefined)?.isRisky === true
    )
      findings.warn(`${name}:risky`, given.place, riskyPattern(name))
  }
  return values as PatternValues<ValuesOf<T>>
}

function riskyPattern(name: string): string {
  return `${name} has references, lookaround, (?i), or many counted repetitions: a hostile line can take so long that the flow stands still. Patterns without them are matched in linear time.`
}

function unknownKey(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  return `${name} is no key of the agent, and is passed over.${meant}`
}

type Read = { readonly value: unknown } | { readonly fault: string }

function readValue(key: Key, value: unknown): Read {
  switch (key.kind) {
    case 'text':
    case 'path':
      return isScalar(value) ? { value: String(value) } : { fault: 'it must be a text' }
    case 'whole':
      return readWhole(key, value)
    case 'flag':
      return readFlag(value)
    case 'choice':
      return typeof value === 'string' && key.values.includes(value)
        ? { value }
        : { fault: `it must be one of ${key.values.join(', ')}` }
    case 'texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
        ? { value }
        : { fault: 'it must be an array of texts' }
    case 'pattern':
      return readPattern(value)
    case 'objects':
      return Array.isArray(value) &&
        value.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))
        ? { value }
        : { fault: 'it must be an array of objects' }
    case 'json':
      return { value }
  }
}

function readWhole({ min, max }: Extract<Key, { kind: 'whole' }>, value: unknown): Read {
  const number = typeof value === 'string' && /^[+-]?\d+$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number)) return { fault: 'it must be a whole number' }
  if (number < min || number > max) return { fault: `it must be ${min} to ${max}` }
  return { value: number }
}

function readFlag(value: unknown): Read {
  if (typeof value === 'boolean') return { value }
  const text = String(value).toLowerCase()
  if (['true', 'yes', '1'].includes(text)) return { value: true }
  return ['false', 'no', '0'].includes(text) ? { value: false } : { fault: 'it must be true or false' }
}

function readPattern(value: unknown): Read {
  if (typeof value !== 'string') return { fault: 'it must be a text' }
  // An empty one means none.
  if (value === '') return { value: undefined }
  try {
    return { value: javaPattern(value) }
  } catch (error) {
    if (error instanceof PatternFault)
      return { fault: `this regular expression cannot be used: ${error.message}` }
    throw error
  }
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

/** A value as a message shows it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
