// The arguments of window functions: TUMBLE(t, DESCRIPTOR(ts), size [, offset]) and its like, in Flink's order or by Flink's names. Pure.
import type { Expression } from '../plan/text/tree.ts'

/** Names of the arguments after the table and its time, in order; those in brackets may be left out. */
export const windowArguments = {
  tumble: ['size', '[offset]'],
  hop: ['slide', 'size', '[offset]'],
  cumulate: ['step', 'size', '[offset]'],
  session: ['gap'],
  stagger: ['size'],
} as const

export type WindowKind = keyof typeof windowArguments

/** How each is written, for those who wrote it differently. */
export const windowForms: Readonly<Record<WindowKind, string>> = {
  tumble: "TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE [, offset])",
  hop: "HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTES): the slide, then the size",
  cumulate:
    "CUMULATE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY): the step, then the size",
  session: "SESSION(TABLE clicks PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '10' MINUTES)",
  stagger: "STAGGER(TABLE clicks PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '1' MINUTE)",
}

export interface WindowCall {
  readonly kind: WindowKind
  readonly data: Expression
  readonly keys: readonly Expression[]
  /** Name of the column. */
  readonly time: Expression
  readonly durations: ReadonlyMap<string, Expression>
}

export function isWindowKind(name: string | undefined): name is WindowKind {
  return name !== undefined && Object.hasOwn(windowArguments, name)
}

/** Returns the arguments of a call; undefined where they are not those of its kind. */
export function windowCall(kind: WindowKind, call: readonly Expression[]): WindowCall | undefined {
  const named = new Map(call.map((argument) => [argument.alias.toLowerCase(), argument]))
  const places = call.filter(({ alias }) => alias === '')
  const descriptor = call.findIndex((argument) => argument.function_name === 'descriptor')
  const data = named.get('data') ?? call[0]
  if (descriptor < 1 || data?.class !== 'COLUMN_REF') return undefined
  const time = call[descriptor]!.children?.[0]
  const keys = call.slice(1, descriptor).filter((argument) => argument !== data)
  if (time?.class !== 'COLUMN_REF' || call[descriptor]!.children?.length !== 1) return undefined
  if (keys.length > 0 && kind !== 'session' && kind !== 'stagger') return undefined
  const following = places.slice(places.indexOf(call[descriptor]!) + 1)
  const durations = new Map<string, Expression>()
  for (const [at, shown] of windowArguments[kind].entries()) {
    const name = shown.replaceAll(/[[\]]/g, '')
    const given = named.get(name) ?? (call[descriptor]!.alias === '' ? following[at] : undefined)
    if (given !== undefined) durations.set(name, given)
    else if (shown === name) return undefined
  }
  if (call.length !== 1 + keys.length + 1 + durations.size) return undefined
  return { kind, data, keys: keys.flatMap(columnsOfKey), time, durations }
}

/** `PARTITION BY (a, b)` is a row of both. */
function columnsOfKey(key: Expression): readonly Expression[] {
  return key.function_name === 'row' ? key.children! : [key]
}
