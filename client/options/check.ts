// Checks what a caller gives against the table of options. Every call of the client does this first, once. Runs in the client,
// pure. A refusal names the option as the caller wrote it, the value, and what it must be.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { nearest } from './nearest.ts'
import { shown, type Option, type Options } from './option.ts'
import { argumentTable, changeOptions, optionTable, placeOptions, type CallName } from './table.ts'
import { tlsOptions } from './connect-table.ts'

/**
 * Throws `invalidArgument` unless the call takes these options. An option that is undefined counts as left out, and so does an
 * undefined options object.
 */
export function checkOptions(call: CallName, given: unknown): void {
  if (given === undefined) return
  checkFields(optionTable[call], given, { whole: `The options of ${call}`, prefix: '', taker: call })
}

/** Throws `invalidArgument` unless these are changes of a stream. */
export function checkChanges(given: unknown): void {
  checkFields(changeOptions, given, {
    whole: 'The changes of updateStream',
    prefix: '',
    taker: 'updateStream',
  })
}

/** Throws `invalidArgument` unless the argument is what it must be. */
export function checkArgument(name: keyof typeof argumentTable, given: unknown): void {
  checkOption(name, argumentTable[name], given)
}

/** Throws `invalidArgument` unless the value is a place in a stream. */
export function checkPlace(name: keyof typeof placeOptions, given: unknown): void {
  if (given !== undefined) checkOption(name, placeOptions[name], given)
}

/** Throws `invalidArgument` unless the application's function has returned TLS options. */
export function checkTls(given: unknown): void {
  checkOption('tls()', tlsOptions, given)
}

interface Place {
  /** The object as a whole, as the subject of a sentence in the plural. */
  readonly whole: string
  /** Text before the names of its fields. */
  readonly prefix: string
  /** Name of the call or option that takes the fields. */
  readonly taker: string
}

function checkFields(fields: Options, given: unknown, place: Place): void {
  if (typeof given !== 'object' || given === null || Symbol.iterator in given) {
    throw invalid(`${place.whole} are ${shown(given)}; they must be an object.`)
  }
  // Inherited fields count, because an object may have its settings from a prototype.
  for (const name in given) {
    const value = (given as Readonly<Record<string, unknown>>)[name]
    if (!Object.hasOwn(fields, name)) {
      if (value !== undefined) throw unknownOption(name, Object.keys(fields), place)
    } else if (value !== undefined) checkOption(`${place.prefix}${name}`, fields[name]!, value)
  }
}

/** Throws `invalidArgument` unless the value is of the option's kind. `path` is its name, as the caller wrote it. */
export function checkOption(path: string, option: Option, given: unknown): void {
  // Names are checked first: a caller that misspelt one of two options learns that, and not that the other is missing.
  if (
    option.fields !== undefined &&
    typeof given === 'object' &&
    given !== null &&
    !(Symbol.iterator in given)
  ) {
    checkFields(option.fields, given, { whole: path, prefix: `${path}.`, taker: path })
  }
  if (option.accepts(given)) return
  const seen = option.isSecret === true && typeof given === 'string' ? 'a text' : shown(given)
  throw invalid(`${path} is ${seen}; it must be ${option.expects(given)}.`)
}

function unknownOption(name: string, names: readonly string[], { prefix, taker }: Place): MillraceError {
  const meant = nearest(name, names)
  const hint = meant === undefined ? '' : ` Did you mean ${prefix}${meant}?`
  return invalid(
    `There is no option ${prefix}${name}.${hint} ${taker} takes ${names.length === 0 ? 'none' : names.join(', ')}.`,
  )
}

function invalid(message: string): MillraceError {
  return new MillraceError('invalidArgument', message)
}
