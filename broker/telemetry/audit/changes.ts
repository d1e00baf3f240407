// What an audit line says of a request: the thing that it is about, and what was asked for, from the table of operations. Runs in
// every process that listens; pure. Bytes are never shown, since they may be anything. A handler that knows what was there
// before notes it with the request; the note lives as long as the request.
import { operations, type Operation, type OperationName } from '../../../protocol/operations.ts'
import { hideTokens } from '../../../protocol/text/hidden-tokens.ts'

const noted = new WeakMap<object, unknown>()

/** Notes what a request changes, as it was before: the audit line of the request tells it. */
export function noteBefore(request: object, before: unknown): void {
  noted.set(request, before)
}

/** Returns name, what was asked for, and what was there before, as far as the request and its handler say. */
export function changeOf(
  operation: OperationName,
  request: object,
): { readonly resource?: string; readonly to?: unknown; readonly from?: unknown } {
  const at = nameFieldsOf(operation)
  const fields = Object.entries(request).filter(([name]) => !at.includes(name))
  const names = at.map((name) => (request as Record<string, unknown>)[name])
  const from = noted.get(request)
  return {
    ...(names.length > 0 && { resource: hideTokens(names.join('/')) }),
    ...(fields.length > 0 && { to: shown(Object.fromEntries(fields)) }),
    ...(from !== undefined && { from: shown(from) }),
  }
}

/** The fields of the request that name the thing. */
function nameFieldsOf(operation: OperationName): readonly string[] {
  const { grant }: Operation = operations[operation]
  const named = grant.find((rule) => rule.rule === 'may' && rule.by === 'name' && !rule.at.includes('.'))
  return named !== undefined && named.rule === 'may' ? named.at.split('/') : []
}

function shown(value: unknown): unknown {
  if (typeof value === 'string') return hideTokens(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(shown)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, shown(field)]))
}
