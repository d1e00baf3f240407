// The filters of a mapping as one function of a record. Runs anywhere, pure; compiled once. A record passes if one of the filters
// matches. A pattern of `data` reads the data as JSON; data that is none does not match it.
import { parseExactJson } from './exact-json.ts'
import { FilterFault, shownJson } from './filter-fault.ts'
import { isObject } from './operators.ts'
import { compileFields, type CompiledFields } from './pattern.ts'

/** What filters look at. */
export interface FilteredRecord {
  readonly partitionKey: string
  readonly data: Uint8Array
}

/** Says whether a record goes to the function. */
export type RecordFilter = (record: FilteredRecord) => boolean

/** Characters of a pattern, as in Lambda. */
export const FILTER_CHARACTERS_MAX = 4096

/** What a pattern may ask of a record, beside its data. */
const metadataKeys = ['partitionKey'] as const

interface CompiledFilter {
  readonly data: CompiledFields | undefined
  readonly metadata: CompiledFields | undefined
}

/** Returns undefined where there are no filters: every record passes. Throws `FilterFault` for a pattern that cannot be used. */
export function compileFilters(patterns: readonly string[]): RecordFilter | undefined {
  if (patterns.length === 0) return undefined
  const filters = patterns.map(compileFilter)
  return (record) => {
    const reader = new DataReader(record.data)
    return filters.some(({ data, metadata }) => {
      if (metadata?.matches({ partitionKey: record.partitionKey }) === false) return false
      return data === undefined || reader.matches(data)
    })
  }
}

/** Throws `FilterFault` for a pattern that cannot be used. */
export function checkFilter(pattern: string): void {
  compileFilter(pattern)
}

function compileFilter(text: string): CompiledFilter {
  if (text.length > FILTER_CHARACTERS_MAX) {
    throw new FilterFault(
      '',
      `A pattern has at most ${FILTER_CHARACTERS_MAX} characters; this one has ${text.length}.`,
    )
  }
  const pattern = parsed(text)
  if (!isObject(pattern))
    throw new FilterFault('', `The pattern is ${shownJson(pattern)}; it must be an object.`)
  const { data, ...metadata } = pattern
  for (const name of Object.keys(metadata)) {
    if (metadataKeys.some((known) => known === name)) continue
    throw new FilterFault(name, `A record is filtered by data or ${metadataKeys.join(', ')}.`)
  }
  if (Object.keys(pattern).length === 0) throw new FilterFault('', 'The pattern has no fields.')
  if ('data' in pattern && !isObject(data)) {
    throw new FilterFault('data', `It is ${shownJson(data)}; it must be an object of fields.`)
  }
  return {
    data: isObject(data) ? compileFields(data, 'data') : undefined,
    metadata: Object.keys(metadata).length === 0 ? undefined : compileMetadata(metadata),
  }
}

function compileMetadata(fields: Readonly<Record<string, unknown>>): CompiledFields {
  const compiled = Object.entries(fields).map(([name, wanted]) => {
    if (Array.isArray(wanted)) return compileFields({ [name]: wanted }, 'record')
    throw new FilterFault(name, `It is ${shownJson(wanted)}; it must be an array of values.`)
  })
  return { matches: (value) => compiled.every(({ matches }) => matches(value)), hasWrittenNumbers: false }
}

function parsed(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch (error) {
    throw new FilterFault('', `The pattern is no JSON. ${(error as Error).message}`)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const NO_JSON = Symbol('no JSON')

/** Reads the data of one record, at most once for each way of reading. */
class DataReader {
  readonly #data: Uint8Array
  #value: unknown
  #exact: unknown

  constructor(data: Uint8Array) {
    this.#data = data
  }

  matches({ matches, hasWrittenNumbers }: CompiledFields): boolean {
    this.#value ??= read(this.#data, JSON.parse)
    if (!isObject(this.#value)) return false
    // Numbers of one size may be written otherwise. Few records come so far, and an exact reading takes longer.
    if (!hasWrittenNumbers) return matches(this.#value)
    if (!matches(this.#value)) return false
    this.#exact ??= read(this.#data, parseExactJson)
    return isObject(this.#exact) && matches(this.#exact)
  }
}

function read(data: Uint8Array, parse: (text: string) => unknown): unknown {
  try {
    return parse(utf8.decode(data)) ?? NO_JSON
  } catch {
    return NO_JSON
  }
}
