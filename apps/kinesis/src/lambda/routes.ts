// Which operation a request of REST asks for, and what its path says. Pure.
import { elsewhere } from './model/elsewhere.ts'
import { lambdaOperations, type LambdaOperationName } from './model/operations.ts'
import type { LambdaRoute } from './model/operation.ts'

/** An operation that is served, or one that is left to the command line, or undefined: no operation that is known here. */
export type Route =
  | {
      readonly kind: 'served'
      readonly operation: LambdaOperationName
      readonly members: Readonly<Record<string, string>>
    }
  | { readonly kind: 'elsewhere'; readonly operation: string; readonly instead: string }

/** Each part of the API begins with the date of its version. */
const DATED = /^\/20\d\d-\d\d-\d\d\//

/** Whether a path is one of the Lambda API's. */
export function isLambdaPath(path: string): boolean {
  return DATED.test(path)
}

const served = Object.entries(lambdaOperations).map(([operation, { http }]) => ({
  operation: operation as LambdaOperationName,
  ...matcherOf(http),
}))
const notServed = Object.entries(elsewhere).map(([operation, row]) => ({
  operation,
  instead: row.instead,
  ...matcherOf(row),
}))

export function routeOf(method: string, path: string): Route | undefined {
  const trimmed = path.replace(/\/$/, '')
  for (const { operation, matches } of served) {
    const members = matches(method, trimmed)
    if (members !== undefined) return { kind: 'served', operation, members }
  }
  const found = notServed.find(({ matches }) => matches(method, trimmed) !== undefined)
  return found && { kind: 'elsewhere', operation: found.operation, instead: found.instead }
}

interface Matcher {
  readonly matches: (method: string, path: string) => Readonly<Record<string, string>> | undefined
}

function matcherOf({ method: wanted, path: template }: Pick<LambdaRoute, 'method' | 'path'>): Matcher {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
  const pattern = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '([^/]+)')}$`)
  return {
    matches: (method, path) => {
      const found = method === wanted ? pattern.exec(path) : null
      if (found === null) return undefined
      return Object.fromEntries(names.map((name, at) => [name, unescaped(found[at + 1]!)]))
    },
  }
}

/** What is not properly escaped stands for itself, and is refused by its bounds. */
function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
