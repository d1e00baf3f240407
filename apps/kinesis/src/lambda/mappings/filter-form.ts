// The form of filter patterns, as far as it can be seen without the app that applies them: what that app refuses beyond it, its report says.
// Pure.
import { invalidParameter } from '../model/errors.ts'

/** The service has 5, and 10 on request. */
const FILTERS_MAX = 10

/** What a pattern may ask of a record. */
const FIELDS: ReadonlySet<string> = new Set(['data', 'partitionKey'])

/** Fails with InvalidParameterValueException. */
export function checkFilters(patterns: readonly string[]): void {
  if (patterns.length > FILTERS_MAX) {
    throw invalidParameter(`FilterCriteria has ${patterns.length} filters; it has at most ${FILTERS_MAX}.`)
  }
  for (const pattern of patterns) {
    const fault = faultOf(pattern)
    if (fault !== undefined) throw invalidParameter(`Invalid filter pattern definition. ${fault}`)
  }
}

function faultOf(text: string): string | undefined {
  let pattern: unknown
  try {
    pattern = JSON.parse(text)
  } catch {
    return 'The pattern is no JSON.'
  }
  if (!isObject(pattern)) return 'The pattern must be an object.'
  const names = Object.keys(pattern)
  if (names.length === 0) return 'The pattern has no fields.'
  const stranger = names.find((name) => !FIELDS.has(name))
  if (stranger !== undefined) return `Records are filtered by data and partitionKey, not by ${stranger}.`
  if ('data' in pattern && !isObject(pattern['data'])) return 'data must be an object of fields.'
  return isArrayOrAbsent(pattern['partitionKey']) ? undefined : 'partitionKey must be an array of values.'
}

function isArrayOrAbsent(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length > 0)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
