// Checks of what a function and a mapping are to be. Runs anywhere, pure: the command line, the Lambda API and the app give one verdict.
// A refusal is a `DefinitionFault` with the place of the fault.
import { posix, win32 } from 'node:path'
import {
  checkStreamName,
  type EventSourceMapping,
  type FailureDestination,
  type FunctionDefinition,
  type FunctionTarget,
  type MappingStart,
  checkFilter,
} from 'millrace/protocol'
import { DefinitionFault } from './definition-fault.ts'
import { fieldValues } from './field.ts'
import { definitionLimits, functionFields, mappingFields } from './fields.ts'

/** What the caller says of a function; the rest has defaults. */
export type FunctionInput = Pick<FunctionDefinition, 'target'> &
  Partial<Omit<FunctionDefinition, 'target' | 'createdAt' | 'updatedAt' | 'version'>>

/** What the caller says of a mapping; the rest has defaults. */
export type MappingInput = Pick<EventSourceMapping, 'function'> & {
  readonly source: Pick<EventSourceMapping['source'], 'stream'> & Partial<EventSourceMapping['source']>
} & Partial<
    Omit<
      EventSourceMapping,
      'function' | 'source' | 'createdAt' | 'updatedAt' | 'version' | 'state' | 'skips'
    >
  > & {
    readonly state?: 'enabled' | 'disabled'
  }

/** The part of a definition that the caller decides about. */
export type FunctionFields = Omit<FunctionDefinition, 'createdAt' | 'updatedAt' | 'version'>
export type MappingFields = Omit<EventSourceMapping, 'createdAt' | 'updatedAt' | 'version'>

/** Returns a sentence that says what is wrong with the name of a function, or undefined. */
export function checkFunctionName(name: string): string | undefined {
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return undefined
  return `${JSON.stringify(name)} is no name of a function: 1 to 64 letters, digits, _ and -.`
}

/** Checks a function and fills in defaults. Throws `DefinitionFault`. */
export function checkedFunction(input: FunctionInput): FunctionFields {
  const { target, environment = {}, description, tags = {}, asGiven } = input
  checkTarget(target)
  checkEnvironment(environment)
  checkTags(tags)
  if (description !== undefined && description.length > definitionLimits.descriptionCharactersMax) {
    throw invalid('description', `has at most ${definitionLimits.descriptionCharactersMax} characters.`)
  }
  return {
    target,
    ...fieldValues(functionFields, input as unknown as Readonly<Record<string, unknown>>),
    environment,
    tags,
    ...(description !== undefined && { description }),
    ...(asGiven !== undefined && { asGiven }),
  }
}

/** Checks a mapping and fills in defaults; `source.from` is TRIM_HORIZON by default. Throws `DefinitionFault`. */
export function checkedMapping(input: MappingInput): MappingFields {
  const { source, filters = [], onFailure, to, tags = {}, asGiven, state = 'enabled' } = input
  const wrongName = checkFunctionName(input.function)
  if (wrongName !== undefined) throw invalid('function', wrongName)
  checkStream('source.stream', source.stream)
  const from = source.from ?? 'TRIM_HORIZON'
  checkStart(from)
  checkFilters(filters)
  checkTags(tags)
  if (onFailure !== undefined) checkFailureDestination(onFailure, source.stream)
  if (to !== undefined) {
    checkStream('to.stream', to.stream)
    if (to.stream === source.stream)
      throw invalid('to.stream', 'is the stream that the function reads: it would never end.')
  }
  const values = fieldValues(mappingFields, input as unknown as Readonly<Record<string, unknown>>)
  if (values.tumblingWindowMs % 1000 !== 0) throw invalid('tumblingWindowMs', 'must be of whole seconds.')
  if (values.tumblingWindowMs > 0 && values.parallelizationFactor > 1) {
    throw invalid('parallelizationFactor', 'must be 1 with tumbling windows: a window has one state.')
  }
  return {
    function: input.function,
    source: {
      stream: source.stream,
      from,
      ...(source.consumer !== undefined && { consumer: source.consumer }),
    },
    state,
    ...values,
    filters,
    tags,
    ...(onFailure !== undefined && { onFailure }),
    ...(to !== undefined && { to }),
    ...(asGiven !== undefined && { asGiven }),
  }
}

function checkTarget(target: FunctionTarget): void {
  if (target.type === 'http') return checkUrl('target.url', target.url)
  if (!posix.isAbsolute(target.path) && !win32.isAbsolute(target.path)) {
    throw invalid('target.path', `is ${JSON.stringify(target.path)}; it must be absolute.`)
  }
  if (!/^[\w$]+(\.[\w$]+)*$/.test(target.handler)) {
    throw invalid('target.handler', `is ${JSON.stringify(target.handler)}; it must be the name of an export.`)
  }
}

function checkUrl(place: string, url: string): void {
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: undefined }
  if (protocol === 'http:' || protocol === 'https:') return
  throw invalid(
    place,
    `is ${JSON.stringify(url)}; it must be an address that begins with http:// or https://.`,
  )
}

function checkEnvironment(environment: Readonly<Record<string, string>>): void {
  let characters = 0
  for (const [name, value] of Object.entries(environment)) {
    const place = `environment.${name}`
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) throw invalid(place, 'is no name of a variable.')
    if (typeof value !== 'string') throw invalid(place, `is ${JSON.stringify(value)}; it must be a text.`)
    characters += name.length + value.length
  }
  const max = definitionLimits.environmentCharactersMax
  if (characters > max) throw invalid('environment', `has ${characters} characters; it has at most ${max}.`)
}

function checkTags(tags: Readonly<Record<string, string>>): void {
  const { tagsMax } = definitionLimits
  const count = Object.keys(tags).length
  if (count > tagsMax) throw invalid('tags', `are ${count}; there are at most ${tagsMax}.`)
}

function checkStream(place: string, stream: string): void {
  const wrong = checkStreamName(stream)
  if (wrong !== undefined) throw invalid(place, `cannot be used. ${wrong}`)
}

function checkStart(from: MappingStart): void {
  if (from === 'TRIM_HORIZON' || from === 'LATEST') return
  if (typeof from === 'object' && Number.isSafeInteger(from.atTimestamp) && from.atTimestamp >= 0) return
  throw invalid(
    'source.from',
    `is ${JSON.stringify(from)}; it must be TRIM_HORIZON, LATEST or { atTimestamp }.`,
  )
}

function checkFilters(filters: readonly string[]): void {
  const { filtersMax } = definitionLimits
  if (filters.length > filtersMax)
    throw invalid('filters', `are ${filters.length}; there are at most ${filtersMax}.`)
  for (const [i, filter] of filters.entries()) {
    try {
      checkFilter(filter)
    } catch (error) {
      throw invalid(`filters[${i}]`, `cannot be used. ${(error as Error).message}`)
    }
  }
}

function checkFailureDestination(destination: FailureDestination, source: string): void {
  if (destination.type === 'http') checkUrl('onFailure.url', destination.url)
  else if (destination.type === 'stream') {
    checkStream('onFailure.stream', destination.stream)
    if (destination.stream === source)
      throw invalid('onFailure.stream', 'is the stream that the function reads: what fails would never end.')
  } else if (!/^[a-zA-Z0-9_.-]{1,64}$/.test(destination.delivery)) {
    throw invalid(
      'onFailure.delivery',
      `is ${JSON.stringify(destination.delivery)}, which is no name of a delivery.`,
    )
  }
}

function invalid(place: string, message: string): DefinitionFault {
  return new DefinitionFault('invalid', place, message)
}
