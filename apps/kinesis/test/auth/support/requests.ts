// Requests as the listener gives them, for tests of signatures.
import type { RequestHead } from '../../../src/wire/request-head.ts'

export interface RequestParts {
  readonly method?: string
  readonly path?: string
  readonly query?: string | undefined
  readonly isEncrypted?: boolean
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export function headOf({
  method = 'POST',
  path = '/',
  query,
  isEncrypted = false,
  headers,
}: RequestParts): RequestHead {
  const values = (wanted: string) =>
    headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  return {
    method,
    path,
    query,
    bytes: 0,
    isEncrypted,
    values,
    header: (name) => (values(name).length === 0 ? undefined : values(name).join(',')),
  }
}
